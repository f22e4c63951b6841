//! `Retry-After`: in seconds or as a date, for the whole host and for no other.

use crate::retries::failing;
use crate::support::{RawServer, Server, fetchpool, lines, page};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn retry_after_is_obeyed_for_the_whole_host_and_for_no_other() {
    let date = || {
        // The format has whole seconds, so one may be lost.
        let until = SystemTime::now() + Duration::from_secs(3);
        httpdate::fmt_http_date(until)
    };
    for (seconds, least) in [(true, 2000), (false, 1900)] {
        let (server, times) = failing(1, move |talk| {
            let after = if seconds { "2".to_owned() } else { date() };
            let fails = talk.path() == "/asks";
            let status = if fails { "429 Word" } else { "200 OK" };
            talk.reply(status, &[&format!("Retry-After: {after}")], b"what");
        });
        let other = Server::start();
        let [asks, later, elsewhere] = [
            server.url("/asks"),
            server.url("/later"),
            other.url("/size/4"),
        ];
        let mut run = fetchpool()
            .live_stdin()
            .args(["-j", "1", "--retries", "1", "--retry-delay", "1ms"])
            .stdout(lines([
                page(&asks, 4),
                page(&later, 4),
                page(&elsewhere, 4),
            ]))
            .start();
        // Both at once: the pause ends after 2 s, wherever this test is by then.
        run.write_line(&format!("{asks}\n{elsewhere}"));
        assert_eq!(
            run.read_line(),
            page(&elsewhere, 4),
            "the other host is not held up"
        );
        run.write_line(&later);
        run.finish();
        let times = times.lock().unwrap();
        let asked = times["/asks"][0];
        for at in [times["/asks"][1], times["/later"][0]] {
            // The client counts from the reply, which is later than this.
            assert!(
                at - asked >= Duration::from_millis(least),
                "{:?}",
                at - asked
            );
        }
    }
}

#[test]
fn it_is_the_host_that_answered_which_is_left_alone() {
    let (asking, times) = failing(1, |talk| {
        let fails = talk.path() == "/asks";
        let status = if fails { "429 Word" } else { "200 OK" };
        talk.reply(status, &["Retry-After: 2"], b"what");
    });
    let to = asking.url("/asks");
    let sending = RawServer::start(move |mut talk| {
        talk.reply("302 Found", &[&format!("Location: {to}")], b"");
    });
    let urls = [sending.url("/"), asking.url("/later")];
    fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "1", "--retries", "1", "--retry-delay", "1ms"])
        .stdout(lines(urls.iter().map(|url| page(url, 4))))
        .run();
    let times = times.lock().unwrap();
    let waited = times["/later"][0] - times["/asks"][0];
    assert!(waited >= Duration::from_millis(1900), "{waited:?}");
}

#[test]
fn nothing_queued_slips_out_between_a_retry_after_and_its_retry() {
    for _ in 0..10 {
        let (server, times) = failing(1, |talk| {
            let asks = talk.path() == "/asks";
            let status = if asks { "429 Word" } else { "200 OK" };
            talk.reply(status, &["Retry-After: 1"], b"what");
        });
        let urls = ["/asks", "/1", "/2", "/3"].map(|path| server.url(path));
        fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args(["-j", "1", "--retries", "1"])
            .stdout(lines(urls.iter().map(|url| page(url, 4))))
            .run();
        let times = times.lock().unwrap();
        for path in ["/1", "/2", "/3"] {
            let wait = times[path][0] - times["/asks"][0];
            assert!(wait >= Duration::from_secs(1), "{path} came {wait:?} later");
        }
    }
}

/// A server that serves `most` requests, and then refuses all until the `wait` that it asks for is over.
fn limited(most: usize, wait: Duration, header: String) -> RawServer {
    let window = Mutex::new((0, None::<Instant>));
    RawServer::start(move |mut talk| {
        let (served, refused) = &mut *window.lock().unwrap();
        if refused.is_some_and(|at| at.elapsed() >= wait) {
            (*served, *refused) = (0, None);
        }
        *served += 1;
        if *served <= most {
            return talk.reply("200 OK", &[], b"good");
        }
        refused.get_or_insert_with(Instant::now);
        talk.reply("429 Word", &[&header], b"no");
    })
}

#[test]
fn a_server_with_a_limit_gives_every_page() {
    let wait = Duration::from_millis(100);
    for (jobs, header) in [
        ("5", "Retry-After: 0.1"),
        ("50", "Retry-After: 0.1"),
        ("50", "RateLimit: \"page\";r=9;t=9, \"second\";r=0;t=0.1"),
        ("50", "X-RateLimit-Reset: 0.1"),
    ] {
        let server = limited(5, wait, header.to_owned());
        let address = server.address();
        let door = RawServer::start(move |mut talk| {
            let location = format!("Location: http://{address}{}", talk.path());
            talk.reply("302 Found", &[&location], b"");
        });
        for first in [&server, &door] {
            let urls: Vec<String> = (0..50).map(|n| first.url(&format!("/{n}"))).collect();
            fetchpool()
                .list("urls.txt", urls.join("\n"))
                .args(["-j", jobs, "--retries", "3", "--retry-delay", "1ms"])
                .stdout(lines(urls.iter().map(|url| page(url, 4))))
                .run();
        }
    }
}
