//! The way to a server: proxies by option and by environment, addresses that are given, refused or of one family.

use crate::jsonl::rows;
use crate::support::{Authority, Fetchpool, RawServer, Server, anything, checked, fetchpool, page};
use std::sync::{Arc, Mutex};

/// What a proxy was asked for: the first line of each request, and its credentials if there were any.
type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A proxy that answers for every server with a page of 5 bytes and joins tunnels with who is at `target`.
fn proxy(target: String) -> (RawServer, Asked) {
    let asked = Asked::default();
    let shared = Arc::clone(&asked);
    let proxy = RawServer::start(move |mut talk| {
        let first = talk.head().lines().next().unwrap_or("").to_owned();
        let user = talk.header("proxy-authorization").map(str::to_owned);
        shared.lock().unwrap().push((first.clone(), user));
        if first.starts_with("CONNECT ") {
            talk.send(b"HTTP/1.1 200 Connection established\r\n\r\n");
            talk.join(&target);
        } else {
            talk.reply("200 OK", &[], b"proxy");
        }
    });
    (proxy, asked)
}

fn first_lines(asked: &Asked) -> Vec<String> {
    asked
        .lock()
        .unwrap()
        .iter()
        .map(|(line, _)| line.clone())
        .collect()
}

#[test]
fn http_goes_through_the_proxy_that_is_given_and_shows_it_its_credentials() {
    let (proxy, asked) = proxy(String::new());
    let url = "http://nowhere.invalid/page?q=1";
    let with_user = proxy.url("").replace("http://", "http://ann:secret@");
    for option in [proxy.url(""), with_user] {
        fetchpool()
            .args(["--proxy", &option, url])
            .stdout(page(url, 5) + "\n")
            .run();
    }
    assert_eq!(
        first_lines(&asked),
        ["GET http://nowhere.invalid/page?q=1 HTTP/1.1"; 2]
    );
    // base64 of ann:secret
    let users: Vec<Option<String>> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, user)| user.clone())
        .collect();
    assert_eq!(users, [None, Some("Basic YW5uOnNlY3JldA==".to_owned())]);
}

#[test]
fn https_goes_through_a_tunnel() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let (proxy, asked) = proxy(server.address().to_string());
    let port = server.address().port();
    let url = format!("https://localhost:{port}/");
    fetchpool()
        .file("ca.pem", authority.pem())
        .args(["--cacert", "ca.pem", "--proxy", &proxy.url(""), &url])
        .stdout(page(&url, 6) + "\n")
        .run();
    assert_eq!(
        first_lines(&asked),
        [format!("CONNECT localhost:{port} HTTP/1.1")]
    );
}

#[test]
fn socks_goes_through_a_tunnel_too() {
    use std::io::{Read, Write};
    let server = Server::start();
    let target = server.address();
    let proxy = RawServer::on_connection(move |mut stream| {
        // RFC 1928: a greeting with the methods, the request, of which the name is not looked at, then the bytes.
        let mut greeting = [0; 2];
        if stream.read_exact(&mut greeting).is_err() {
            return;
        }
        let mut methods = vec![0; greeting[1].into()];
        let _ = stream.read_exact(&mut methods);
        let _ = stream.write_all(&[5, 0]);
        let mut request = [0; 5];
        let _ = stream.read_exact(&mut request);
        assert_eq!(request[..4], [5, 1, 0, 3], "a name, for socks5h");
        let mut rest = vec![0; usize::from(request[4]) + 2];
        let _ = stream.read_exact(&mut rest);
        let _ = stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        crate::support::Talk::over(stream).join(&target.to_string());
    });
    let url = "http://nowhere.invalid/size/77";
    let option = proxy.url("").replace("http:", "socks5h:");
    fetchpool()
        .args(["--proxy", &option, url])
        .stdout(page(url, 77) + "\n")
        .run();
}

#[test]
fn the_environment_names_proxies_and_who_needs_none() {
    let server = Server::start();
    let direct = server.url("/size/9");
    let (proxy, _) = proxy(String::new());
    let proxy = proxy.url("");
    let localhost = direct.replace("127.0.0.1", "localhost");
    let rows: [(&[(&str, &str)], &str, usize); 12] = [
        (&[("http_proxy", &proxy)], &direct, 5),
        (&[("all_proxy", &proxy)], &direct, 5),
        (&[("ALL_PROXY", &proxy)], &direct, 5),
        // A web server puts a request's `Proxy:` header there (httpoxy).
        (&[("HTTP_PROXY", &proxy)], &direct, 9),
        (&[("https_proxy", &proxy)], &direct, 9),
        (&[("http_proxy", "")], &direct, 9),
        (&[("http_proxy", &proxy), ("no_proxy", "*")], &direct, 9),
        (
            &[("http_proxy", &proxy), ("no_proxy", "127.0.0.1")],
            &direct,
            9,
        ),
        (
            &[("http_proxy", &proxy), ("no_proxy", "127.0.0.0/8")],
            &direct,
            9,
        ),
        (
            &[
                ("http_proxy", &proxy),
                ("NO_PROXY", "other.example,localhost"),
            ],
            &localhost,
            9,
        ),
        (
            &[("http_proxy", &proxy), ("no_proxy", "other.example")],
            &localhost,
            5,
        ),
        (
            &[("http_proxy", &proxy), ("no_proxy", "host")],
            &localhost,
            5,
        ),
    ];
    for (environment, url, bytes) in rows {
        let run = environment
            .iter()
            .fold(fetchpool(), |run, (name, value)| run.env(name, *value));
        eprintln!("{environment:?}");
        run.args(["-4", url]).stdout(page(url, bytes) + "\n").run();
    }
    // The option goes before the environment, and '' is none.
    fetchpool()
        .env("http_proxy", &proxy)
        .args(["--proxy", "", &direct])
        .stdout(page(&direct, 9) + "\n")
        .run();
}

#[test]
fn a_proxy_that_refuses_or_is_not_there_is_kind_proxy() {
    let refuses = RawServer::saying("HTTP/1.1 407 Word\r\nContent-Length: 0\r\n\r\n");
    let dead = crate::support::dead_host();
    for option in [refuses.url(""), dead.url("")] {
        let row = row_of(
            fetchpool().args(["--proxy", &option]),
            "https://nowhere.invalid/",
        );
        assert_eq!(row["error"]["kind"], "proxy", "{row}");
    }
}

/// The row of one URL that fails.
fn row_of(run: Fetchpool, url: &str) -> crate::jsonl::Row {
    let ended = run
        .arg(url)
        .args(["-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    rows(ended.stdout()).remove(0)
}

#[test]
fn addresses_can_be_given_for_names() {
    let server = Server::start();
    let port = server.address().port();
    for (rule, host) in [
        (
            format!("nowhere.invalid:{port}:127.0.0.1"),
            "nowhere.invalid",
        ),
        (
            format!("NOWHERE.invalid:{port}:127.0.0.1"),
            "nowhere.invalid",
        ),
        (format!("*:{port}:127.0.0.1"), "anything.invalid"),
        (
            format!("nowhere.invalid:{port}:[::1],127.0.0.1"),
            "nowhere.invalid",
        ),
    ] {
        let url = format!("http://{host}:{port}/size/6");
        fetchpool()
            .args(["--resolve", &rule, &url])
            .stdout(page(&url, 6) + "\n")
            .run();
    }
    let seen = server.seen();
    assert_eq!(
        seen[0].header("host"),
        Some(format!("nowhere.invalid:{port}").as_str())
    );
    let other = format!("nowhere.invalid:{}:127.0.0.1", port ^ 1);
    let row = row_of(
        fetchpool().args(["--resolve", &other]),
        &format!("http://nowhere.invalid:{port}/"),
    );
    assert_eq!(row["error"]["kind"], "dns", "a rule is for its port only");
}

#[test]
fn one_family_of_addresses_can_be_asked_for() {
    let server = Server::start();
    let port = server.address().port();
    let rule = format!("both.invalid:{port}:127.0.0.1,[::1]");
    let url = format!("http://both.invalid:{port}/size/6");
    for option in ["-4", "--ipv4"] {
        fetchpool()
            .args([option, "--resolve", &rule, &url])
            .stdout(page(&url, 6) + "\n")
            .run();
    }
    // Nobody listens at ::1.
    for (option, rule) in [
        ("-6", &rule),
        ("--ipv6", &format!("both.invalid:{port}:127.0.0.1")),
    ] {
        let row = row_of(fetchpool().args([option, "--resolve", rule]), &url);
        assert_eq!(row["ok"], false, "{row}");
    }
    assert_eq!(server.paths().len(), 2);
}

#[test]
fn private_addresses_are_refused_in_every_spelling() {
    let server = Server::start();
    let port = server.address().port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "１２７.0.0.1",
        "user@127.0.0.1",
    ];
    let urls: Vec<String> = hosts
        .iter()
        .map(|host| format!("http://{host}:{port}/size/1"))
        .collect();
    let ended = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["--deny-private", "-f", "jsonl", "-t", "5"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), hosts.len());
    for row in &rows {
        assert_eq!(row["error"]["kind"], "blocked_address", "{row}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn private_addresses_are_refused_behind_a_name_and_behind_a_redirect() {
    let server = Server::start();
    let port = server.address().port();
    // A name that leads inside, whether looked up or given.
    let row = row_of(
        fetchpool().args([
            "--deny-private",
            "--resolve",
            &format!("nice.example:{port}:127.0.0.1"),
        ]),
        &format!("http://nice.example:{port}/size/1"),
    );
    assert_eq!(row["error"]["kind"], "blocked_address", "{row}");
    assert_eq!(server.connections(), 0);
    // A hop: what is public here is the proxy's page, which sends to the inside.
    let inside = server.url("/size/1");
    let outside = RawServer::start(move |mut talk| {
        talk.reply("302 Found", &[&format!("Location: {inside}")], b"");
    });
    let followed = outside.url("/");
    fetchpool()
        .arg(&followed)
        .stdout(page(&followed, 1) + "\n")
        .run();
    assert_eq!(server.paths().len(), 1, "without the option it is followed");
}

#[test]
fn passwords_are_in_no_output_however_much_is_told() {
    let authority = Authority::new();
    let tls = authority.serve(false);
    let server = Server::start();
    let dead = crate::support::dead_host();
    let (proxy, _) = proxy(String::new());
    let proxy_option = proxy.url("").replace("http://", "http://pat:hunter2@");
    // base64 of ann:hunter2 and of pat:hunter2
    let secrets = ["hunter2", "YW5uOmh1bnRlcjI=", "cGF0Omh1bnRlcjI="];
    let silent = move |what: &'static str| {
        checked(
            move |text| match secrets.iter().find(|secret| text.contains(**secret)) {
                Some(secret) => Err(format!("{what} shows {secret}")),
                None => Ok(()),
            },
        )
    };
    for verbosity in ["-q", "-v", "-vv"] {
        for format in ["text", "jsonl", "csv"] {
            for arguments in [
                &["-u", "ann:hunter2"][..],
                &["-H", "Authorization: Basic YW5uOmh1bnRlcjI="],
                &["--proxy", &proxy_option],
                &[
                    "-k",
                    "-u",
                    "ann:hunter2",
                    "--retries",
                    "1",
                    "--retry-delay",
                    "1ms",
                ],
            ] {
                fetchpool()
                    .args(arguments)
                    .args([verbosity, "-f", format, "--summary"])
                    .args([
                        server.url("/size/1"),
                        server.url("/redirect/1"),
                        server.url("/status/401"),
                    ])
                    .args([dead.url("/"), tls.url("/").replace("http:", "https:")])
                    .status_0_or_1()
                    .stdout(silent("stdout"))
                    .stderr(silent("stderr"))
                    .run();
            }
        }
    }
}

#[test]
fn a_password_in_a_url_is_in_no_message() {
    let server = Server::start();
    let dead = crate::support::dead_host();
    let secret = |url: String| url.replace("http://", "http://ann:hunter2@");
    for url in [
        secret(server.url("/redirect/2")),
        secret(dead.url("/")),
        secret(server.url("/status/401")),
    ] {
        for verbosity in ["-v", "-vv"] {
            let ended = fetchpool()
                .arg(&url)
                .args([verbosity, "-f", "jsonl", "--summary"])
                .status_0_or_1()
                .stdout(anything())
                .stderr(checked(|text| {
                    match text.contains("hunter2") || text.contains("YW5uOmh1bnRlcjI=") {
                        true => Err("the password is shown".to_owned()),
                        false => Ok(()),
                    }
                }))
                .run();
            let row = &rows(ended.stdout())[0];
            assert_eq!(row["url"], url, "as the user wrote it");
            for field in ["final_url", "error", "file"] {
                assert!(
                    !row[field].to_string().contains("hunter2"),
                    "{field} of {row}"
                );
            }
        }
    }
}
