//! `--report`: the page says what the rows say, and text from lists and servers stays text.

use crate::jsonl::rows;
use crate::support::{Server, anything, dead_host, fetchpool};
use serde_json::{Value, json};

/// The page of a journal.
pub(crate) fn page_of(journal: impl AsRef<[u8]>) -> String {
    let ended = fetchpool()
        .file("run.jsonl", journal)
        .args(["--report", "run.jsonl"])
        .stdout(anything())
        .run();
    ended.stdout().to_owned()
}

/// The figure of this name, as programs read it.
pub(crate) fn figure(page: &str, name: &str) -> Option<f64> {
    let (_, rest) = page.split_once(&format!("<dt>{name}</dt><dd><data value=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.parse().expect("a figure is a number"))
}

/// A row of a fetched page. `fields` replace those of the same name.
pub(crate) fn row(fields: Value) -> String {
    let mut row = json!({
        "url": "http://h/", "ok": true, "status": 200, "bytes": 10, "attempts": 1, "elapsed_ms": 20.0,
        "ttfb_ms": 15.0, "worker": 0, "started_at": "2026-01-31T10:00:00.000Z", "error": null, "method": "GET",
        "dns_ms": 1.0, "connect_ms": 2.0, "tls_ms": null,
    });
    for (name, value) in fields.as_object().expect("an object") {
        row[name] = value.clone();
    }
    format!("{row}\n")
}

/// The jsonl and the summary of a run in which some URLs fail and one is repeated.
fn recorded_run() -> (String, Value) {
    let server = Server::start();
    let dead = dead_host();
    let mut urls: Vec<String> = (1..=20)
        .map(|n| server.url(&format!("/size/{n}000")))
        .collect();
    urls.extend([404, 404, 500].map(|status| server.url(&format!("/status/{status}"))));
    urls.push(dead.url("/"));
    let run = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-f", "jsonl", "--summary=json"])
        .status(1)
        .stdout(anything())
        .stderr(anything())
        .run();
    let summary = serde_json::from_str(run.stderr()).expect("one line of JSON");
    (run.stdout().to_owned(), summary)
}

#[test]
fn the_page_has_the_numbers_of_the_summary_and_of_the_rows() {
    let (journal, summary) = recorded_run();
    let page = page_of(&journal);
    for (name, expected) in [
        ("fetched", &summary["fetched"]),
        ("failed", &summary["failed"]),
        ("size of bodies", &summary["bytes"]),
        ("max", &summary["time_ms"]["max"]),
    ] {
        assert_eq!(figure(&page, name), expected.as_f64(), "{name}");
    }
    // Rows have microseconds, the summary more.
    for name in ["p50", "p90", "p99"] {
        let expected = summary["time_ms"][name].as_f64().expect("a time");
        let shown = figure(&page, name).expect("it is there");
        let ratio = shown / expected;
        assert!((ratio - 1.0).abs() < 0.02, "{name}: {shown} {expected}");
    }
    let failed = rows(&journal).into_iter().filter(|row| row["ok"] == false);
    for row in failed {
        let url = row["url"].as_str().expect("a string");
        let shown = format!("<bdi class=\"url\">{url}</bdi>");
        assert!(page.contains(&shown), "{url}");
    }
    for text in [
        "<bdi>http_status</bdi><small>404: 2, 500: 1</small>",
        "1 of the 24 rows is of a URL that an earlier row has, too.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn the_rate_in_the_totals_is_the_mean_of_the_chart() {
    let journal: Vec<_> = (0..40)
        .map(|n| row(json!({"started_at": format!("2026-01-31T10:00:{:02}.{n}7Z", n / 3)})))
        .collect();
    let page = page_of(journal.concat());
    let (_, rate) = page
        .split_once("<dt>URLs per second</dt><dd><data value=\"")
        .expect("it is there");
    let (_, rate) = rate.split_once("\">").expect("it is shown");
    let (rate, _) = rate.split_once('<').expect("it ends");
    assert!(page.contains(&format!("<p>{rate} on average, ")), "{page}");
}

/// Rows of URLs, kinds and messages that look like HTML, scripts and control characters, and of a very long URL.
fn hostile_journal() -> String {
    let hostile = [
        "http://h/<script>alert(1)</script>",
        "http://h/\"onmouseover=alert(1) x=\"",
        "http://h/'--></style></title><img src=http://evil.example/>",
        "http://h/{{ policy }}&lt;b&gt;",
        "http://h/\u{202e}\u{0}\u{1b}[31m\n\u{2028}",
        "javascript:alert(1)",
    ];
    let mut journal = String::new();
    for url in hostile {
        let error = json!({"kind": url, "message": url, "phase": url});
        journal += &row(json!({"url": url, "error": error, "ok": false}));
        journal += &row(json!({"url": url, "bytes": 20}));
    }
    let long = format!("http://h/{}", "<\"".repeat(32 << 10));
    journal + &row(json!({"url": long, "bytes": 30}))
}

#[test]
fn text_from_lists_and_servers_is_text() {
    let page = page_of(hostile_journal());
    let text = page.replace('\n', "");
    assert!(
        text.chars()
            .all(|c| !c.is_control() && !"\u{202e}\u{2028}".contains(c))
    );
    for escaped in [
        "&#60;script&#62;alert(1)",
        "&#38;lt;b&#38;gt;",
        r"http://h/\u202e\x00\x1b[31m\n\u2028",
    ] {
        assert!(page.contains(escaped), "{escaped}: {page}");
    }
    // One script, one style, no image, no link, no attribute of the list's.
    for (fragment, count) in [
        ("<script", 1),
        ("<style", 1),
        ("<img", 0),
        ("href", 0),
        ("onmouseover=", 0),
    ] {
        let quoted = page.matches(&format!("&#34;{fragment}")).count();
        assert_eq!(page.matches(fragment).count() - quoted, count, "{fragment}");
    }
    assert!(page.len() < 200_000, "a long URL is cut: {}", page.len());
}

#[test]
fn credentials_of_urls_are_not_in_the_page() {
    let error = json!({"kind": "dns", "message": "no address", "phase": null});
    for url in [
        "http://u:secret@h/x",
        "https:u:secret@h/x",
        "https:/u:secret@h/x",
        "https:///u:secret@h/x",
        "u:secret@h/x",
    ] {
        let page = page_of(row(json!({"url": url, "ok": false, "error": error})));
        assert!(!page.contains("secret"), "{url}: {page}");
        assert!(page.contains("<bdi class=\"url\">...@h/x</bdi>"), "{page}");
    }
}

#[test]
fn among_many_hosts_with_as_many_failures_none_stands_out() {
    let error = json!({"kind": "dns", "message": "no address", "phase": null});
    let host =
        |host: String| row(json!({"url": format!("http://{host}/"), "ok": false, "error": error}));
    let even: String = (0..15_000)
        .map(|n| host(format!("h{}.example", n / 3)))
        .collect();
    let page = page_of(&even);
    assert!(page.contains("No host stands out."), "{page}");
    let page = page_of(even + &host("worst.example".to_owned()).repeat(100));
    assert!(page.contains("<bdi>worst.example</bdi>"), "{page}");
    assert!(!page.contains("<bdi>h1.example</bdi>"), "{page}");
}

#[test]
fn a_url_recorded_more_than_once_is_said_to_be() {
    let journal = [
        row(json!({})),
        row(json!({"url": "HTTP://H:80/#x"})),
        row(json!({"url": "http://i/"})),
    ];
    let page = page_of(journal.concat());
    assert_eq!(figure(&page, "fetched"), Some(3.0));
    assert!(
        page.contains("1 of the 3 rows is of a URL that an earlier row has, too."),
        "{page}"
    );
}

#[test]
fn several_runs_are_drawn_without_the_time_between_them() {
    let day = |n| {
        row(
            json!({"started_at": format!("2026-01-{n}T10:00:00.000Z"), "url": format!("http://h/{n}")}),
        )
    };
    // Not in the order of time.
    let page = page_of([day(20), day(10), day(30)].concat());
    assert!(
        page.contains("2026-01-10 10:00:00 UTC to 2026-01-30 10:00:00 UTC"),
        "{page}"
    );
    assert!(
        page.contains("2 long pauses without any request are cut out"),
        "{page}"
    );
    let page = page_of([day(20), day(20)].concat());
    assert!(!page.contains("cut out"), "{page}");
}

#[test]
fn of_many_failures_and_requests_the_page_says_how_many_it_shows() {
    let mut journal = String::new();
    for n in 0..3000 {
        let error = json!({"kind": "body", "message": "cut short", "phase": null});
        let (ok, error) = if n % 2 == 0 {
            (true, Value::Null)
        } else {
            (false, error)
        };
        let fields =
            json!({"url": format!("http://h/{n}"), "ok": ok, "error": error, "worker": n % 50});
        journal += &row(fields);
    }
    let page = page_of(&journal);
    for text in [
        "The first 1,000 of 1,500 failures, in the order of the file",
        "40% of all with a time: 900 of the 1,200 of workers 0 to 39 that were fetched and",
        "300 of the 1,200 of workers 0 to 39 that failed.",
        "Workers from number 40 on are not drawn; they made 600 requests.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(page.matches("<g><title>").count(), 1200);
    assert!(page.len() < 1_000_000, "{}", page.len());
}
