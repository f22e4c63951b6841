//! Options of the client: given addresses, refused addresses, credentials, and options that are refused.

use std::io::Read;

use fetchpool::fetch::{FailureKind, Family, Options, Proxies, Resolve, Url};

use crate::library::{Server, bytes, client, failure, fetch, options, page, redirect};

#[test]
fn given_addresses_are_used_instead_of_looked_up_ones() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let with = |rules: &[String]| Options {
        resolve: rules
            .iter()
            .map(|r| r.parse::<Resolve>().unwrap())
            .collect(),
        ..options()
    };
    let url = Url::parse(&format!("http://nowhere.invalid:{port}/")).unwrap();
    for rules in [
        vec![format!("nowhere.invalid:{port}:127.0.0.1")],
        vec![format!("*:{port}:127.0.0.1")],
        // The first address refuses, the second accepts.
        vec![format!("nowhere.invalid:{port}:127.0.0.9,127.0.0.1")],
        // The last rule applies.
        vec![
            format!("nowhere.invalid:{port}:127.0.0.9"),
            format!("nowhere.invalid:{port}:127.0.0.1"),
        ],
    ] {
        assert_eq!(bytes(&fetch(with(&rules), &url).0), 2, "{rules:?}");
    }
    let (outcome, _) = fetch(
        with(&[format!("nowhere.invalid:{}:127.0.0.1", port ^ 1)]),
        &url,
    );
    assert_eq!(failure(&outcome), "dns: no address for nowhere.invalid");
    assert!(server.requests()[0].contains(&format!("Host: nowhere.invalid:{port}\r\n")));
}

#[test]
fn only_the_wanted_family_is_connected_to() {
    let server = Server::always(page("ok"));
    let url = server.url("/");
    let with = |family| Options {
        family,
        ..options()
    };
    assert_eq!(bytes(&fetch(with(Family::V4), &url).0), 2);
    assert_eq!(
        failure(&fetch(with(Family::V6), &url).0),
        "dns: no IPv6 address for 127.0.0.1"
    );
    let six = Url::parse("http://[::1]:1/").unwrap();
    assert_eq!(
        failure(&fetch(with(Family::V4), &six).0),
        "dns: no IPv4 address for [::1]"
    );
}

#[test]
fn private_addresses_are_refused_in_every_spelling_and_nothing_is_sent_there() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let deny = Options {
        deny_private: true,
        ..options()
    };
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let (outcome, _) = fetch(deny.clone(), &url);
        assert_eq!(
            outcome.result.unwrap_err().kind(),
            FailureKind::BlockedAddress,
            "{host}"
        );
    }
    let rule = format!("public.example:{port}:127.0.0.1").parse().unwrap();
    let url = Url::parse(&format!("http://public.example:{port}/")).unwrap();
    let (outcome, _) = fetch(
        Options {
            resolve: vec![rule],
            ..deny
        },
        &url,
    );
    assert_eq!(
        failure(&outcome),
        "blocked_address: public.example is at 127.0.0.1, a loopback address"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn private_addresses_are_refused_on_a_redirect_too() {
    // A proxy on loopback stands for a public address.
    let inner = Server::always(page("secret"));
    let away = redirect(302, inner.url("/").as_str());
    let proxy = Server::start(move |mut conn| {
        // RFC 1928: a greeting, and a request for 1.1.1.1 port 80.
        conn.stream.read_exact(&mut [0; 3]).unwrap();
        conn.send([5, 0]);
        let mut request = [0; 10];
        conn.stream.read_exact(&mut request).unwrap();
        assert_eq!(request, [5, 1, 0, 1, 1, 1, 1, 1, 0, 80]);
        conn.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        conn.answer_all(&away);
    });
    let public = Url::parse("http://1.1.1.1/").unwrap();
    let proxies = Proxies::new(Some(&format!("socks5://{}", proxy.addr)), &|_| None).unwrap();
    let through = Options {
        proxies,
        deny_private: true,
        ..options()
    };
    let client = client(through);
    for attempt in 1..=2 {
        let outcome = client.load_url(&public, &mut std::io::sink());
        assert_eq!(
            failure(&outcome),
            "blocked_address: 127.0.0.1 is a loopback address"
        );
        assert_eq!(outcome.hops.len(), 1);
        assert_eq!(proxy.requests().len(), attempt);
    }
    assert!(inner.requests().is_empty());
}

#[test]
fn credentials_go_to_the_origin_that_was_asked_for() {
    let other = Server::always(page("other"));
    let away = other.url("/").to_string();
    let server = Server::always(redirect(302, &away));
    let credentials = Some("user:pass".parse().unwrap());
    let given = Options {
        credentials,
        ..options()
    };
    assert_eq!(bytes(&fetch(given.clone(), &server.url("/")).0), 5);
    assert!(server.requests()[0].contains("Authorization: Basic dXNlcjpwYXNz\r\n"));
    assert!(!other.requests()[0].contains("Authorization"));

    // Credentials of the options win over those in the URL, and a header wins over both.
    let mut url = server.url("/");
    url.set_username("else").unwrap();
    fetch(given.clone(), &url);
    assert!(server.requests()[1].contains("Authorization: Basic dXNlcjpwYXNz\r\n"));
    let headers = vec!["Authorization: Bearer x".parse().unwrap()];
    fetch(Options { headers, ..given }, &url);
    assert!(server.requests()[2].contains("Authorization: Bearer x\r\n"));
    assert_eq!(server.requests()[2].matches("Authorization").count(), 1);
}

#[test]
fn a_rule_for_a_host_goes_before_one_for_any() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let rule = |host: &str, address: &str| {
        let text = format!("{host}:{port}:{address}");
        text.parse::<Resolve>().unwrap()
    };
    let (own, any) = (rule("a.invalid", "127.0.0.1"), rule("*", "0.0.0.1"));
    let older = rule("a.invalid", "0.0.0.1");
    for resolve in [
        vec![own, any.clone()],
        vec![any, older, rule("a.invalid", "127.0.0.1")],
    ] {
        let options = Options {
            resolve,
            ..options()
        };
        let url = format!("http://a.invalid:{port}/").parse().unwrap();
        assert_eq!(bytes(&fetch(options, &url).0), 2);
    }
}

#[test]
fn an_option_that_no_request_can_be_made_with_is_refused_by_name() {
    let bad = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        fetchpool::fetch::Client::new(options)
            .unwrap_err()
            .to_string()
    };
    assert!(
        bad(|o| o.headers = vec!["Host: a".parse().unwrap(), "host: b".parse().unwrap()])
            .contains("Host is given twice")
    );
    assert!(bad(|o| o.method = "CONNECT".parse().unwrap()).contains("CONNECT"));
    assert!(
        bad(|o| o.tls.cacert = Some("/no/such/file".into()))
            .contains("'/no/such/file': no such file")
    );
    assert!(
        bad(|o| o.tls.cacert = Some("Cargo.toml".into()))
            .contains("no certificate in 'Cargo.toml'")
    );
    assert!(bad(|o| o.tls.key = Some("k.pem".into())).contains("'k.pem'"));
}

// Other systems have only one address of loopback.
#[cfg(target_os = "linux")]
#[test]
fn a_dead_first_address_costs_no_more_than_the_head_start() {
    // This address refuses at once. Unit tests of the connector have one that does not answer.
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let dead = std::net::TcpListener::bind("127.0.0.2:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_ne!(dead.port(), port);
    let rule = format!("two.test:{port}:127.0.0.2,127.0.0.1")
        .parse()
        .unwrap();
    let url = Url::parse(&format!("http://two.test:{port}/")).unwrap();
    assert_eq!(
        bytes(
            &fetch(
                Options {
                    resolve: vec![rule],
                    ..options()
                },
                &url
            )
            .0
        ),
        2
    );
}
