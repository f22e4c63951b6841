//! Which certificates are trusted, and the messages about the others: roots, a server's own certificate, any with -k.

use crate::support::{Fetchpool, OpenSsl, RawServer, containing, fetchpool, page, serve_as};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What distinguishes the certificate of a test.
type Change = fn(&mut CertificateParams);

/// Parameters for `localhost`, with `name` as the subject.
fn params(name: &str, change: Change) -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    change(&mut params);
    params
}

fn self_signed(change: Change) -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = params("own", change).self_signed(&key).unwrap();
    (certificate, key)
}

/// A certificate made by `change`, its key, and the certificate of the authority that signed it.
fn issued(authority: Change, change: Change) -> (Certificate, KeyPair, Certificate) {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root = params("root", authority);
    let root_certificate = root.self_signed(&root_key).unwrap();
    let certificate = params("leaf", change);
    let certificate = certificate.signed_by(&key, &Issuer::new(root, root_key));
    (certificate.unwrap(), key, root_certificate)
}

fn serve(chain: &[&Certificate], key: &KeyPair) -> RawServer {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain = chain.iter().map(|certificate| certificate.der().clone());
    serve_as(chain.collect(), &key, rustls::ALL_VERSIONS)
}

fn url(server: &RawServer, host: &str) -> String {
    format!("https://{host}:{}/", server.address().port())
}

/// The file of a certificate of X.509 version 1 and its key.
const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v1_client.pem");

/// Trusts the certificates in `pem`. The system's store takes time to read: `SSL_CERT_FILE` replaces it.
fn trusting(pem: impl AsRef<[u8]>) -> Fetchpool {
    let run = fetchpool().file("ca.pem", pem).env("SSL_CERT_FILE", V1);
    run.args(["--cacert", "ca.pem"])
}

/// The run must fetch the page of `host`, or fail with these words.
fn expect(run: Fetchpool, server: &RawServer, host: &str, why: Option<&str>) {
    let url = url(server, host);
    let run = run.arg(&url).env("NO_PROXY", "*");
    let run = match why {
        None => run.stdout(page(&url, 6) + "\n"),
        Some(why) => {
            let words = format!("tls: the certificate is not trusted: {why}");
            run.status(1).stdout(containing([words]))
        }
    };
    run.run();
}

fn plain(_: &mut CertificateParams) {}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn not_authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::ExplicitNoCa;
}

fn of_the_past(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2001, 1, 1);
}

fn of_the_future(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
}

fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn for_servers(params: &mut CertificateParams) {
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
}

fn for_any(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
}

/// An unknown critical extension: OID 1.2.3.4.
fn unknown(params: &mut CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

fn malformed_names(params: &mut CertificateParams) {
    params.subject_alt_names.clear();
    let names = CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![0x82, 1]);
    params.custom_extensions.push(names);
}

const MAY_NOT_SIGN: &str = "the trusted certificate that signed it may not sign others";

#[test]
fn only_a_certificate_that_may_sign_vouches_for_others() {
    let cases: &[(&str, Change, Option<&str>)] = &[
        ("an authority", authority, None),
        ("for servers", |p| (authority(p), for_servers(p)).0, None),
        ("for any purpose", |p| (authority(p), for_any(p)).0, None),
        (
            "may sign",
            |p| {
                authority(p);
                p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            },
            None,
        ),
        (
            "for other names",
            |p| {
                authority(p);
                p.name_constraints = Some(NameConstraints {
                    permitted_subtrees: vec![GeneralSubtree::DnsName("other.test".to_owned())],
                    excluded_subtrees: Vec::new(),
                });
            },
            Some("an issuer of it may not sign for this name"),
        ),
        ("no basic constraints", plain, Some(MAY_NOT_SIGN)),
        ("CA:FALSE", not_authority, Some(MAY_NOT_SIGN)),
        (
            "key usage",
            |p| {
                authority(p);
                p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            },
            Some(MAY_NOT_SIGN),
        ),
        (
            "for clients",
            |p| (authority(p), for_clients(p)).0,
            Some("the trusted certificate that signed it is not one for servers"),
        ),
        (
            "expired",
            |p| (authority(p), of_the_past(p)).0,
            Some("the trusted certificate that signed it has expired"),
        ),
        (
            "not yet valid",
            |p| (authority(p), of_the_future(p)).0,
            Some("the trusted certificate that signed it is not valid yet"),
        ),
        (
            "critical",
            |p| (authority(p), unknown(p)).0,
            Some("the trusted certificate that signed it has extensions that are damaged"),
        ),
    ];
    for (what, change, why) in cases {
        eprintln!("{what}");
        let (certificate, key, root) = issued(*change, plain);
        let server = serve(&[&certificate], &key);
        expect(trusting(root.pem()), &server, "localhost", *why);
        let environment = fetchpool().file("ca.pem", root.pem());
        let environment = environment.env("SSL_CERT_FILE", "ca.pem");
        expect(environment, &server, "localhost", *why);
    }
}

#[test]
fn an_intermediate_vouches_for_others_only_if_it_may_sign() {
    let cases: &[(&str, Change, Option<&str>)] = &[
        ("an authority", authority, None),
        (
            "may sign",
            |p| {
                authority(p);
                p.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            },
            None,
        ),
        (
            "key usage",
            |p| {
                authority(p);
                p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            },
            Some("an issuer of it may not sign others"),
        ),
        (
            "CA:FALSE",
            not_authority,
            Some("an issuer of it may not sign others"),
        ),
    ];
    for (what, change, why) in cases {
        eprintln!("{what}");
        let keys: [KeyPair; 3] = std::array::from_fn(|_| KeyPair::generate().unwrap());
        let [root_key, between_key, key] = &keys;
        let root = params("root", authority);
        let root_certificate = root.self_signed(root_key).unwrap();
        let between = params("between", *change);
        let root = Issuer::from_params(&root, root_key);
        let between_certificate = between.signed_by(between_key, &root).unwrap();
        let between = Issuer::from_params(&between, between_key);
        let leaf = params("leaf", plain).signed_by(key, &between).unwrap();
        let server = serve(&[&leaf, &between_certificate], key);
        let run = trusting(root_certificate.pem());
        expect(run, &server, "localhost", *why);
    }
}

#[test]
fn a_certificate_with_an_extension_twice_is_refused_as_a_file() {
    let (_, _, root) = issued(
        |p| {
            authority(p);
            let again = CustomExtension::from_oid_content(&[2, 5, 29, 19], vec![0x30, 0]);
            p.custom_extensions.push(again);
        },
        plain,
    );
    trusting(root.pem())
        .arg("https://127.0.0.1:9/")
        .status(2)
        .stderr(containing([
            "--cacert: no certificate in 'ca.pem' can be used",
        ]))
        .run();
}

#[test]
fn a_root_is_bound_by_its_path_length() {
    for (length, why) in [
        (1, None),
        (
            0,
            Some("the trusted certificate that signed it does not allow so many between"),
        ),
    ] {
        let [root_key, between_key, key] = [(); 3].map(|()| KeyPair::generate().unwrap());
        let mut root = params("root", plain);
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        let root_certificate = root.self_signed(&root_key).unwrap();
        let between = params("between", authority);
        let between_certificate = between.signed_by(&between_key, &Issuer::new(root, root_key));
        let leaf = params("leaf", plain).signed_by(&key, &Issuer::new(between, between_key));
        let server = serve(&[&leaf.unwrap(), &between_certificate.unwrap()], &key);
        let run = trusting(root_certificate.pem());
        expect(run, &server, "localhost", why);
    }
}

#[test]
fn a_trusted_certificate_that_a_server_shows_is_taken_as_far_as_it_says() {
    let cases: &[(&str, Change, Option<&str>)] = &[
        ("plain", plain, None),
        ("an authority's", authority, None),
        ("for servers", for_servers, None),
        ("for any purpose", for_any, None),
        (
            "for clients",
            for_clients,
            Some("it is not one for servers"),
        ),
        (
            "an authority's for clients",
            |p| (authority(p), for_clients(p)).0,
            Some("it is not one for servers"),
        ),
        ("expired", of_the_past, Some("it has expired")),
        ("not yet valid", of_the_future, Some("it is not valid yet")),
        (
            "critical",
            unknown,
            Some("it has a critical extension that is not understood here"),
        ),
    ];
    for (what, change, why) in cases {
        eprintln!("{what}");
        let (certificate, key) = self_signed(*change);
        let server = serve(&[&certificate], &key);
        expect(trusting(certificate.pem()), &server, "localhost", *why);
        // Its issuer is not known.
        let (certificate, key, _) = issued(authority, *change);
        let server = serve(&[&certificate], &key);
        expect(trusting(certificate.pem()), &server, "localhost", *why);
        let why = why.or(Some("it is for another name"));
        expect(trusting(certificate.pem()), &server, "127.0.0.1", why);
    }
}

#[test]
fn any_certificate_is_taken_when_that_is_asked_for() {
    let insecure = || fetchpool().arg("-k");
    let changes: [Change; 5] = [plain, of_the_past, for_clients, unknown, malformed_names];
    for change in changes {
        let (certificate, key) = self_signed(change);
        let server = serve(&[&certificate], &key);
        expect(insecure(), &server, "localhost", None);
    }
    let chain = vec![CertificateDer::from_pem_file(V1).unwrap()];
    let key = PrivateKeyDer::from_pem_file(V1).unwrap();
    for version in rustls::ALL_VERSIONS {
        let server = serve_as(chain.clone(), &key, &[version]);
        for host in ["localhost", "127.0.0.1"] {
            expect(insecure(), &server, host, None);
        }
    }
    let server = serve_as(chain, &key, rustls::ALL_VERSIONS);
    // TLS cannot express these names.
    for host in ["a-.test", "b.a_-.test"] {
        let port = server.address().port();
        let run = insecure().args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
        expect(run, &server, host, None);
    }
}

#[test]
fn a_host_that_no_certificate_can_be_for_is_told() {
    let (certificate, key) = self_signed(plain);
    let server = serve(&[&certificate], &key);
    let port = server.address().port();
    let run = trusting(certificate.pem()).args(["--resolve", &format!("*:{port}:127.0.0.1")]);
    let why = "no certificate can be for a host of such a name";
    expect(run, &server, "a-.test", Some(why));
}

#[test]
fn a_server_without_the_key_of_its_certificate_is_refused_in_any_case() {
    let (certificate, _) = self_signed(plain);
    let key = KeyPair::generate().unwrap().serialize_der();
    let key = PrivateKeyDer::try_from(key).unwrap();
    let why = "the server did not prove that it has the key of its certificate";
    for version in rustls::ALL_VERSIONS {
        let server = serve_as(vec![certificate.der().clone()], &key, &[version]);
        for run in [fetchpool().arg("-k"), trusting(certificate.pem())] {
            expect(run, &server, "localhost", Some(why));
        }
    }
}

#[test]
fn keys_that_the_library_does_not_know_are_taken_when_any_certificate_is() {
    let short = ["rsa:1024"].as_slice();
    for (key, options) in [
        (short, ["-tls1_3"].as_slice()),
        (short, &["-tls1_2", "-sigalgs", "RSA+SHA256"]),
        (short, &["-tls1_2", "-sigalgs", "RSA-PSS+SHA256"]),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], &["-tls1_3"]),
        (&["ed448"], &["-tls1_3"]),
        (
            &["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
            &["-tls1_3"],
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let Some(server) = OpenSsl::serve(directory.path(), key, options) else {
            eprintln!("skipped: there is no openssl that makes keys of {key:?}");
            continue;
        };
        let run = fetchpool().args(["-k", server.url()]);
        run.stdout(containing(["' page is "])).run();
        if key == short {
            let pem = std::fs::read(directory.path().join("own.pem")).unwrap();
            let words = "its RSA key has fewer than 2,048 bits";
            trusting(pem)
                .arg(server.url().replace("127.0.0.1", "localhost"))
                .status(1)
                .stdout(containing([words]))
                .run();
        }
    }
}
