//! What a server receives: methods, headers, and what is not sent to another origin after a redirect.

use crate::jsonl::rows;
use crate::support::{
    RawServer, Seen, Server, VERSION, anything, containing, failed, fetchpool, page,
};
use std::sync::{Arc, Mutex};

/// Fetches one page with these arguments and returns the request that the server received.
fn request(arguments: &[&str]) -> Seen {
    let server = Server::start();
    let url = server.url("/size/3");
    fetchpool()
        .arg(&url)
        .args(arguments)
        .stdout(page(&url, 3) + "\n")
        .run();
    let mut seen = server.seen();
    assert_eq!(seen.len(), 1, "one request for one URL");
    seen.remove(0)
}

#[test]
fn a_plain_request_says_who_asks_and_little_else() {
    let seen = request(&[]);
    assert_eq!(seen.method, "GET");
    assert_eq!(
        seen.header("user-agent"),
        Some(format!("fetchpool/{VERSION}").as_str())
    );
    assert!(
        seen.header("host")
            .is_some_and(|host| host.starts_with("127.0.0.1:"))
    );
    for unwanted in [
        "authorization",
        "cookie",
        "referer",
        "content-length",
        "transfer-encoding",
    ] {
        assert!(
            !seen.headers.contains_key(unwanted),
            "{unwanted}: {:?}",
            seen.headers
        );
    }
}

#[test]
fn methods_are_sent_as_asked() {
    for (arguments, method) in [
        (&["-I"][..], "HEAD"),
        (&["--head"], "HEAD"),
        (&["-X", "OPTIONS"], "OPTIONS"),
        (&["--method", "DELETE"], "DELETE"),
        (&["-X", "POST"], "POST"),
    ] {
        assert_eq!(request(arguments).method, method, "{arguments:?}");
    }
}

#[test]
fn headers_are_sent_as_asked_and_replace_the_defaults() {
    let seen = request(&[
        "-H",
        "X-One: 1",
        "--header",
        "Accept: text/plain",
        "-A",
        "probe/2",
    ]);
    assert_eq!(seen.header("x-one"), Some("1"));
    assert_eq!(seen.header("accept"), Some("text/plain"));
    assert_eq!(seen.header("user-agent"), Some("probe/2"));
    let seen = request(&["--user-agent", "probe/3"]);
    assert_eq!(seen.header("user-agent"), Some("probe/3"));
    let seen = request(&["-H", "User-Agent: by header"]);
    assert_eq!(seen.header("user-agent"), Some("by header"));
}

#[test]
fn credentials_in_a_url_are_sent_decoded() {
    let server = Server::start();
    let url = server
        .url("/size/3")
        .replace("http://", "http://ann:s%3Acret@");
    fetchpool().arg(&url).stdout(page(&url, 3) + "\n").run();
    // base64 of ann:s:cret
    assert_eq!(
        server.seen()[0].header("authorization"),
        Some("Basic YW5uOnM6Y3JldA==")
    );
}

#[test]
fn a_user_is_shown_to_the_origin_of_each_url_and_goes_before_one_in_it() {
    let [home, abroad] = [Server::start(), Server::start()];
    let url = home.url(&format!("/to/302/{}", abroad.url("/size/8")));
    let named = home.url("/size/2").replace("http://", "http://bob:other@");
    // base64 of ann:s:cret, and of ann with an empty password
    for (option, wanted) in [
        ("ann:s:cret", "Basic YW5uOnM6Y3JldA=="),
        ("ann", "Basic YW5uOg=="),
    ] {
        fetchpool()
            .args(["-j", "1", "-u", option, &url, &named])
            .stdout(format!("{}\n{}\n", page(&url, 8), page(&named, 2)))
            .run();
        for seen in home.seen().iter().rev().take(2) {
            assert_eq!(seen.header("authorization"), Some(wanted), "{}", seen.path);
        }
    }
    for seen in abroad.seen() {
        assert!(!seen.headers.contains_key("authorization"), "it left");
    }
    assert_eq!((home.seen().len(), abroad.seen().len()), (4, 2));
}

#[test]
fn a_users_headers_stay_with_the_origin_they_were_meant_for() {
    let [home, abroad] = [Server::start(), Server::start()];
    let url = home.url(&format!(
        "/to/302/{}",
        home.url(&format!("/to/307/{}", abroad.url("/size/8")))
    ));
    fetchpool()
        .arg(&url)
        .args([
            "-H",
            "X-Api-Key: k",
            "-H",
            "Authorization: Bearer t",
            "-H",
            "Cookie: c=1",
        ])
        .stdout(page(&url, 8) + "\n")
        .run();
    let seen = home.seen();
    assert_eq!(seen.len(), 2, "a redirect within the origin");
    for seen in &seen {
        assert_eq!(seen.header("x-api-key"), Some("k"));
        assert_eq!(seen.header("authorization"), Some("Bearer t"));
    }
    let seen = abroad.seen();
    assert_eq!(seen.len(), 1);
    for name in ["x-api-key", "authorization", "cookie"] {
        assert!(
            !seen[0].headers.contains_key(name),
            "{name} left its origin"
        );
    }
    // The client's own User-Agent is no secret.
    assert!(seen[0].header("user-agent").is_some());
}

#[test]
fn credentials_of_a_url_stay_with_its_origin() {
    let [home, abroad] = [Server::start(), Server::start()];
    let url = home.url(&format!("/to/302/{}", abroad.url("/size/8")));
    let url = url.replacen("http://", "http://ann:secret@", 1);
    fetchpool().arg(&url).stdout(page(&url, 8) + "\n").run();
    assert!(home.seen()[0].header("authorization").is_some());
    assert!(!abroad.seen()[0].headers.contains_key("authorization"));
}

#[test]
fn a_redirect_to_another_scheme_is_not_followed() {
    let server = Server::start();
    let url = server.url("/to/302/file:///etc/passwd");
    fetchpool()
        .arg(&url)
        .status(1)
        .stdout(crate::support::checked({
            let wanted = failed(&url, "unsupported_scheme: ");
            move |text| match text.starts_with(&wanted) {
                true => Ok(()),
                false => Err(format!("wanted {wanted}")),
            }
        }))
        .run();
}

#[test]
fn many_pages_of_one_host_go_over_few_connections() {
    let server = Server::start();
    let urls: Vec<String> = (0..50).map(|n| server.url(&format!("/size/{n}"))).collect();
    let wanted: String = urls
        .iter()
        .enumerate()
        .map(|(n, url)| page(url, n) + "\n")
        .collect();
    fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "1"])
        .stdout(wanted)
        .run();
    assert_eq!(server.connections(), 1);
}

/// The URLs to fetch, from a server at this address or through it.
type Urls = fn(&str) -> String;

/// The heads of the requests that a server receives. The server redirects `/from` to `/to`.
fn heads(arguments: &[&str], url: Urls) -> (String, Vec<String>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    let server = RawServer::start(move |mut talk| {
        seen.lock().unwrap().push(talk.head().to_owned());
        match talk.path() {
            path if path.ends_with(":443") => talk.reply("403 No", &[], b""),
            path if path.ends_with("/from") => talk.reply("302 Found", &["Location: /to"], b""),
            _ => talk.reply("200 OK", &[], b"page"),
        }
    });
    let address = server.address().to_string();
    let arguments = arguments
        .iter()
        .map(|text| text.replace("ADDRESS", &address));
    fetchpool()
        .args(arguments)
        .arg(url(&address))
        .status_0_or_1()
        .stdout(anything())
        .run();
    let heads = heads.lock().unwrap().clone();
    (address, heads)
}

#[test]
fn header_names_go_out_as_they_were_written_and_host_first() {
    let own = format!("User-Agent: fetchpool/{VERSION}\r\n");
    let direct: Urls = |address| format!("http://ann:pw@{address}/from");
    let proxied: Urls = |_| "http://ann:pw@far.test:81/from".to_owned();
    let tunnelled: Urls = |_| "https://far.test/from".to_owned();
    let users = [
        "-H",
        "X-a: 1",
        "-H",
        "aCCEPT: b",
        "-H",
        "hOST: own.test",
        "-H",
        "x-A: 2",
        "-H",
        "EMPTY;",
    ];
    let users_lines =
        "X-a: 1\r\naCCEPT: b\r\nx-A: 2\r\nEMPTY: \r\nAuthorization: Basic YW5uOnB3\r\n\r\n";
    let ours = format!("Accept: */*\r\n{own}Authorization: Basic YW5uOnB3\r\n\r\n");
    let proxy = ["--proxy", "http://me:pw@ADDRESS"];
    let [with_proxy, users_with_proxy] = [&[][..], &users].map(|more| [&proxy, more].concat());
    let to_proxy = "Proxy-Authorization: Basic bWU6cHc=\r\n\r\n";
    let before_proxy = |lines: &str| lines.trim_end().to_owned() + "\r\n" + to_proxy;
    let table: [(&[&str], Urls, &str, &str, String); 5] = [
        (&[], direct, "", "Host: ADDRESS", ours.clone()),
        (
            &users,
            direct,
            "",
            "hOST: own.test",
            format!("{own}{users_lines}"),
        ),
        (
            &with_proxy,
            proxied,
            "http://far.test:81",
            "Host: far.test:81",
            before_proxy(&ours),
        ),
        (
            &users_with_proxy,
            proxied,
            "http://far.test:81",
            "hOST: own.test",
            before_proxy(&format!("{own}{users_lines}")),
        ),
        (
            &users_with_proxy,
            tunnelled,
            "CONNECT",
            "Host: far.test:443",
            format!("{own}{to_proxy}"),
        ),
    ];
    for (arguments, url, origin, host, lines) in table {
        let (address, heads) = heads(arguments, url);
        let wanted = match origin {
            "CONNECT" => vec!["CONNECT far.test:443".to_owned()],
            _ => vec![format!("GET {origin}/from"), format!("GET {origin}/to")],
        };
        let wanted: Vec<String> = wanted
            .iter()
            .map(|line| {
                format!("{line} HTTP/1.1\r\n{host}\r\n{lines}").replace("ADDRESS", &address)
            })
            .collect();
        assert_eq!(heads, wanted, "{arguments:?}");
    }
}

#[test]
fn a_default_header_can_be_left_out() {
    let all = [
        "Host",
        "Accept",
        "User-Agent",
        "Accept-Encoding",
        "Authorization",
    ];
    let direct: Urls = |address| format!("http://ann:pw@{address}/from");
    for name in &all[1..] {
        for spelled in [format!("{name}:"), format!("{}: \t", name.to_lowercase())] {
            let arguments = ["--compressed", "-A", "me", "-H", &spelled, "-H", "Other:"];
            let (_, heads) = heads(&arguments, direct);
            assert_eq!(heads.len(), 2);
            for head in heads {
                let lines = head.trim_end().lines().skip(1);
                let sent: Vec<&str> = lines
                    .map(|line| line.split(':').next().unwrap_or(""))
                    .collect();
                let wanted: Vec<&str> = all.into_iter().filter(|other| other != name).collect();
                assert_eq!(sent, wanted);
            }
        }
    }
    // A header that is left out and set is set. CONNECT leaves it out, too.
    let (_, heads) = heads(&["--proxy", "ADDRESS", "-H", "user-agent:"], |_| {
        "https://far.test/".to_owned()
    });
    assert_eq!(
        heads,
        ["CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n"]
    );
    fetchpool()
        .args(["-H", "Host:", "http://never.invalid/"])
        .status(2)
        .stderr(containing(["--header", "Host cannot be left out"]))
        .run();
}

#[test]
fn a_fragment_is_kept_through_redirects_and_never_sent() {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let (seen, theirs) = (Arc::clone(&heads), Arc::clone(&heads));
    let away = RawServer::start(move |mut talk| {
        seen.lock().unwrap().push(talk.head().to_owned());
        talk.reply("200 OK", &[], b"hello");
    });
    let to_away = away.url("/far");
    let home = RawServer::start(move |mut talk| {
        theirs.lock().unwrap().push(talk.head().to_owned());
        let to = match talk.path() {
            "/plain" => "/page?q",
            "/twice" => "/plain",
            "/own" => "/page#own",
            "/empty" => "/page#",
            "/renewed" => "/own",
            "/away" => &to_away,
            _ => return talk.reply("200 OK", &[], b"hello"),
        };
        talk.reply("302 Found", &[&format!("Location: {to}")], b"");
    });
    for (path, end) in [
        ("/page#f", "/page#f"),
        ("/plain#f", "/page?q#f"),
        ("/plain#%41 b", "/page?q#%41%20b"),
        ("/twice#f", "/page?q#f"),
        ("/own#f", "/page#own"),
        ("/empty#f", "/page#"),
        ("/renewed#f", "/page#own"),
        ("/plain", "/page?q"),
        ("/away#f", "/far#f"),
    ] {
        let base = if path.starts_with("/away") {
            &away
        } else {
            &home
        };
        let ended = fetchpool()
            .args(["-f", "jsonl", &home.url(path)])
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        assert_eq!(row["final_url"], base.url(end), "{path}");
        assert_eq!(row["bytes"], 5, "{path}");
    }
    for head in heads.lock().unwrap().iter() {
        assert!(!head.contains('#'), "{head:?}");
    }
}
