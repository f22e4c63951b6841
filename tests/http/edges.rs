//! Requests at the edge of what is accepted: each is either made or refused with one message.

use std::io;
use std::thread;
use std::time::Duration;

use fetchpool::fetch::{Options, Proxies, Url};

use crate::library::{Server, bytes, client, failure, fetch, options, page, redirect};

#[test]
fn a_silent_server_is_asked_once_on_a_used_connection_too() {
    // Long enough for the first request on a busy machine. Nothing is measured.
    let limit = Some(Duration::from_secs(2));
    let ask = |limited: Options, expected: &str| {
        let server = Server::start(|mut conn| {
            conn.request();
            conn.send(page("ok"));
            conn.request();
            conn.wait_for_hangup();
        });
        let client = client(limited);
        let warm = client.load_url(&server.url("/"), &mut io::sink());
        assert_eq!(bytes(&warm), 2);
        let outcome = client.load_url(&server.url("/"), &mut io::sink());
        assert_eq!(failure(&outcome), expected);
        assert_eq!(server.requests().len(), 2);
    };
    let (timeout, stall_timeout) = (limit, limit);
    thread::scope(|s| {
        s.spawn(|| {
            let limited = Options {
                timeout,
                ..options()
            };
            ask(limited, "timeout: no reply within 2s [first_byte]");
        });
        s.spawn(|| {
            let limited = Options {
                stall_timeout,
                ..options()
            };
            ask(limited, "timeout: nothing was heard for 2s [first_byte]");
        });
    });
}

#[test]
fn long_credentials_and_headers_are_sent_whole() {
    let server = Server::always(page("ok"));
    let mut url = server.url("/");
    for size in [1, 100, 383, 384, 385, 700, 5_000, 45_000] {
        url.set_username("u").unwrap();
        url.set_password(Some(&"p".repeat(size))).unwrap();
        assert_eq!(bytes(&fetch(options(), &url).0), 2, "{size} bytes");
        let sent = server.requests().pop().unwrap().to_ascii_lowercase();
        let value = sent.split("authorization: basic ").nth(1);
        let length = value.and_then(|v| v.split("\r\n").next()).map(str::len);
        assert_eq!(length, Some((size + 2).div_ceil(3) * 4), "{sent}");
    }
}

#[test]
fn what_is_sent_elsewhere_may_be_longer_than_what_is_sent_home() {
    let away = Server::always(page("ok"));
    let location = away.url("/").to_string();
    let home = Server::start(move |mut conn| conn.answer_all(redirect(302, &location)));
    let agent = "a".repeat(70_000);
    let own = Options {
        user_agent: agent.parse().unwrap(),
        headers: vec!["User-Agent: y".parse().unwrap()],
        ..options()
    };
    assert_eq!(bytes(&fetch(own, &home.url("/")).0), 2);
    assert!(home.requests()[0].contains(": y\r\n"));
    assert!(away.requests()[0].contains(&format!(": {agent}\r\n")));
}

#[test]
fn a_long_path_a_long_host_and_a_proxied_one_fit() {
    let server = Server::always(page("ok"));
    let path = format!("/{}?{}", "p".repeat(20_000), "q".repeat(20_000));
    assert_eq!(bytes(&fetch(options(), &server.url(&path)).0), 2);
    assert!(server.requests()[0].starts_with(&format!("GET {path} HTTP/1.1\r\n")));

    let host = "label.".repeat(300);
    let proxied = Options {
        proxies: Proxies::new(Some(server.url("").as_ref()), &|_| None).unwrap(),
        ..options()
    };
    let url = Url::parse(&format!("http://{host}test:8080{path}")).unwrap();
    assert_eq!(bytes(&fetch(proxied, &url).0), 2);
    let sent = &server.requests()[1];
    assert!(sent.starts_with(&format!("GET {url} HTTP/1.1\r\n")));
    assert!(sent.contains(&format!(": {host}test:8080\r\n")));
}

#[test]
fn the_longest_url_is_sent_and_a_longer_one_is_told_its_length() {
    let server = Server::always(page("ok"));
    let origin = server.url("/").as_str().len();
    let with_length = |length: usize| server.url(&format!("/{}", "x".repeat(length - origin)));
    let longest = with_length(65_534);
    assert_eq!(bytes(&fetch(options(), &longest).0), 2);
    assert!(server.requests()[0].starts_with(&format!("GET {} HTTP/1.1\r\n", longest.path())));
    for length in [65_535, 65_536, 200_000] {
        assert_eq!(
            failure(&fetch(options(), &with_length(length)).0),
            format!(
                "invalid_url: the URL is too long to be sent: {length} bytes when normalised, at \
                 most 65534 are"
            )
        );
    }
    // The user and the fragment are not sent in the URL.
    let mut url = longest;
    url.set_fragment(Some("fragment"));
    url.set_username("user").unwrap();
    assert_eq!(bytes(&fetch(options(), &url).0), 2);
}

#[test]
fn every_character_in_a_url_is_sent_or_refused_in_words() {
    let server = Server::always(page("ok"));
    let client = client(options());
    let all: String = (' '..='~').filter(|c| !"#?".contains(*c)).collect();
    let url = server.url(&format!("/{all}?{all}?"));
    assert_eq!(bytes(&client.load_url(&url, &mut io::sink())), 2);
    let mut refused = String::new();
    for c in ' '..='~' {
        // `Url` refuses some hosts itself.
        let Ok(url) = Url::parse(&format!("http://a{c}b.invalid/")) else {
            continue;
        };
        if url
            .host_str()
            .is_some_and(|host| !host.contains(c.to_ascii_lowercase()))
        {
            continue;
        }
        let text = failure(&client.load_url(&url, &mut io::sink()));
        if text.starts_with("invalid_url: invalid host: it is a name like example.com") {
            refused.push(c);
        } else {
            assert_eq!(
                text,
                format!("dns: no address for {}", url.host_str().unwrap())
            );
        }
    }
    assert_eq!(refused, "\"`{}");
}

#[test]
fn a_message_is_short_whatever_a_server_sent() {
    let location = format!("http://[{}", "x".repeat(200_000));
    let server = Server::always(redirect(302, &location));
    let text = failure(&fetch(options(), &server.url("/")).0);
    assert!(
        text.starts_with("invalid_url: redirected to what is no URL: http://[xxx")
            && text.ends_with("xxx: invalid IPv6 address")
            && text.len() < 600,
        "{text}"
    );
}
