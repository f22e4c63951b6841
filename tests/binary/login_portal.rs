//! A portal as those of data centres are: the data's host sends to a login host, which asks for a user by Basic and sends
//! back with a code, for which the data's host sets the cookie that its pages need.

use crate::sites::{Route, Sites};
use crate::support::{Fetchpool, VERSION, checked, page};

const PORTAL: &[Route] = &[
    (
        "data.portal.test /file",
        "302 login.urs.test /oauth?state=1",
        &["Set-Cookie: state=wombat1; Path=/back; HttpOnly"],
    ),
    (
        "login.urs.test /oauth?state=1",
        "302 data.portal.test /back?code=7",
        &["Set-Cookie: sso=wombat2; Domain=urs.test; Path=/"],
    ),
    (
        "data.portal.test /back?code=7",
        "302 cdn.other.test /again",
        &["Set-Cookie: session=wombat3; Path=/; HttpOnly; SameSite=Lax"],
    ),
    ("cdn.other.test /again", "302 data.portal.test /file", &[]),
    ("data.portal.test /file", "200", &[]),
];

const NETRC: &str = "machine login.urs.test\nlogin ann\npassword hunter2\n";
const COOKIES: &str = ".portal.test\tTRUE\t/\tFALSE\t0\tconsent\twombat4\n";
const HEADERS: &str = "X-Key: wombat5\n";

/// Whatever a user gave or a server set, as text and as base64.
const SECRETS: [&str; 3] = ["hunter2", "wombat", "YW5uOmh1bnRlcjI="];

fn run(sites: &Sites, url: &str) -> Fetchpool {
    sites
        .fetchpool()
        .file("netrc", NETRC)
        .file("cookies", COOKIES)
        .file("headers", HEADERS)
        .args(["--netrc=netrc", "-b", "cookies", "-H", "@headers", url])
}

#[test]
fn a_portal_lets_in_and_each_hop_gets_only_what_is_for_it() {
    let sites = Sites::start(PORTAL);
    let url = sites.url("data.portal.test", "/file");
    run(&sites, &url).stdout(page(&url, 1) + "\n").run();
    let port = sites.port();
    let head = |asked: &str, own: &str| {
        let (host, path) = asked.split_once(' ').unwrap();
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\nUser-Agent: fetchpool/{VERSION}\r\n{own}\r\n"
        )
    };
    let data = |cookies: &str| format!("X-Key: wombat5\r\nCookie: {cookies}\r\n");
    let expected = [
        head("data.portal.test /file", &data("consent=wombat4")),
        head(
            "login.urs.test /oauth?state=1",
            "Authorization: Basic YW5uOmh1bnRlcjI=\r\n",
        ),
        head(
            "data.portal.test /back?code=7",
            &data("state=wombat1; consent=wombat4"),
        ),
        head("cdn.other.test /again", ""),
        head(
            "data.portal.test /file",
            &data("consent=wombat4; session=wombat3"),
        ),
    ];
    assert_eq!(sites.heads(), expected);
}

#[test]
fn a_portal_lets_nobody_in_without_a_password() {
    let sites = Sites::start(&[
        ("data.portal.test /file", "302 login.urs.test /oauth", &[]),
        (
            "login.urs.test /oauth",
            "401",
            &["WWW-Authenticate: Basic realm=\"x\""],
        ),
    ]);
    let url = sites.url("data.portal.test", "/file");
    let told = crate::support::failed(&url, "http_status: 401 Unauthorized");
    sites
        .fetchpool()
        .arg(&url)
        .status(1)
        .stdout(told + "\n")
        .run();
    assert_eq!(
        sites.seen(),
        ["data.portal.test /file", "login.urs.test /oauth"]
    );
}

#[test]
fn no_secret_of_a_login_is_in_any_output() {
    for format in ["text", "jsonl", "csv", "tsv"] {
        for verbosity in ["-q", "-v", "-vv"] {
            let sites = Sites::start(PORTAL);
            let url = sites.url("data.portal.test", "/file");
            let silent = || {
                checked(
                    |text| match SECRETS.iter().find(|secret| text.contains(**secret)) {
                        Some(secret) => Err(format!("{secret} is shown")),
                        None => Ok(()),
                    },
                )
            };
            run(&sites, &url)
                .args([verbosity, "-f", format, "--record-header", "*", "--summary"])
                .stdout(silent())
                .stderr(silent())
                .run();
            assert_eq!(sites.heads().len(), 5);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_secret_of_a_login_is_in_the_list_of_processes() {
    use crate::support::PATIENCE;
    use std::sync::{Mutex, mpsc};

    let (arrived, arrivals) = mpsc::channel();
    let (go_on, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let sites = Sites::holding(PORTAL, move || {
        let _ = arrived.send(());
        let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
    });
    let url = sites.url("data.portal.test", "/file");
    let running = run(&sites, &url).stdout(page(&url, 1) + "\n").start();
    for _ in 0..5 {
        arrivals.recv_timeout(PATIENCE).expect("a request comes");
        let line = running.command_line();
        assert!(line.contains("--netrc=netrc"), "{line}");
        assert!(
            !SECRETS.iter().any(|secret| line.contains(secret)),
            "{line}"
        );
        go_on.send(()).expect("the server waits");
    }
    running.finish();
}
