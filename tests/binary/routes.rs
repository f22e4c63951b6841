//! Proxies: by option and by environment, with plain requests, tunnels and SOCKS.

use crate::jsonl::rows;

use crate::support::{
    Authority, Fetchpool, RawServer, Server, Talk, anything, containing, dead_host, fetchpool, page,
};

use std::sync::{Arc, Mutex};

/// What a proxy received: the first line of each request, and the credentials.
pub(crate) type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A proxy that answers for every server with a page of 5 bytes, and joins tunnels with `target`.
pub(crate) fn proxy(target: String) -> (RawServer, Asked) {
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
        // RFC 1928: a greeting with the methods, the request, whose name is ignored, then the bytes.
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
        Talk::over(stream).join(&target.to_string());
    });
    let url = "http://nowhere.invalid/size/77";
    let option = proxy.url("").replace("http:", "socks5h:");
    fetchpool()
        .args(["--proxy", &option, url])
        .stdout(page(url, 77) + "\n")
        .run();
}

/// Names and values of the environment.
type Variables<'a> = &'a [(&'a str, &'a str)];

#[test]
fn the_environment_names_proxies_and_who_needs_none() {
    let server = Server::start();
    let direct = server.url("/size/9");
    let (proxy, _) = proxy(String::new());
    let proxy = proxy.url("");
    let localhost = direct.replace("127.0.0.1", "localhost");
    let rows: [(Variables<'_>, &str, usize); 12] = [
        (&[("http_proxy", &proxy)], &direct, 5),
        (&[("all_proxy", &proxy)], &direct, 5),
        (&[("ALL_PROXY", &proxy)], &direct, 5),
        // A web server passes a request's header `Proxy:` in this variable (httpoxy).
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
    // The option overrides the environment, and '' is none.
    fetchpool()
        .env("http_proxy", &proxy)
        .args(["--proxy", "", &direct])
        .stdout(page(&direct, 9) + "\n")
        .run();
}

#[test]
fn a_proxy_that_refuses_or_is_not_there_is_kind_proxy() {
    let refuses = RawServer::saying("HTTP/1.1 407 Word\r\nContent-Length: 0\r\n\r\n");
    let dead = dead_host();
    for option in [refuses.url(""), dead.url("")] {
        let row = row_of(
            fetchpool().args(["--proxy", &option]),
            "https://nowhere.invalid/",
        );
        assert_eq!(row["error"]["kind"], "proxy", "{row}");
    }
}

#[test]
fn a_proxy_of_the_environment_that_cannot_be_read_is_not_gone_around() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let server = Server::start();
    for name in [&b"http://pr\xffxy.invalid:1"[..], b"\xff"] {
        fetchpool()
            .env("http_proxy", OsString::from_vec(name.to_vec()))
            .arg(server.url("/size/9"))
            .status(2)
            .stderr(containing(["http_proxy", "http://proxy.example:3128"]))
            .run();
    }
    assert_eq!(server.connections(), 0);
}

/// The row of one URL that fails.
pub(crate) fn row_of(run: Fetchpool, url: &str) -> crate::jsonl::Row {
    let ended = run
        .arg(url)
        .args(["-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    rows(ended.stdout()).remove(0)
}
