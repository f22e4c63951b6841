//! Limits of the machine and of time, compressed bodies, and the completions and the manual page.

use crate::jsonl::rows;
use crate::support::{
    RawServer, Server, SilentHost, anything, containing, fetchpool, for_each_limit, lines, page,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

#[test]
fn no_url_fails_for_want_of_descriptors() {
    let server = Server::start();
    let gate = server.gate("all");
    let urls: Vec<String> = (0..60)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    let held = server.url("/gate/all");
    let run = fetchpool()
        .after("ulimit -n 20")
        .list("urls.txt", format!("{held}\n{}", urls.join("\n")))
        .args(["-j", "40"])
        .stdout(lines(
            urls.iter().map(|url| page(url, 1)).chain([page(&held, 4)]),
        ))
        .start();
    // The held request keeps its descriptor while all others run.
    server.wait_for_requests(61);
    gate.open();
    run.finish();
}

#[test]
fn nor_while_bodies_are_saved() {
    let server = Server::start();
    let urls: Vec<String> = (0..60)
        .map(|n| server.url(&format!("/size/5000?{n}")))
        .collect();
    fetchpool()
        .after("ulimit -n 24")
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "8", "-o", "pages"])
        .stdout(lines(urls.iter().map(|url| page(url, 5000))))
        .run();
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let server = Server::start();
    let gate = server.gate("all");
    let urls: Vec<String> = (0..60)
        .map(|n| server.url(&format!("/gate/all?{n}")))
        .collect();
    let run = fetchpool()
        .after("ulimit -S -n 20")
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "60"])
        .stdout(lines(urls.iter().map(|url| page(url, 4))))
        .start();
    gate.wait_for_arrivals(60);
    gate.open();
    run.finish();
}

/// Replies with 1,000 bytes of text in gzip if the request accepts it, else with 900 bytes of it as they are.
fn compressing() -> RawServer {
    RawServer::start(|mut talk| {
        let plain = b"hello".repeat(200);
        let asked = talk.header("accept-encoding").unwrap_or("");
        if asked.split(", ").eq(["gzip", "deflate", "br", "zstd"]) {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&plain).expect("memory takes it");
            let body = encoder.finish().expect("memory takes it");
            talk.reply("200 OK", &["Content-Encoding: gzip"], &body);
        } else {
            talk.reply("200 OK", &[], &plain[..900]);
        }
    })
}

#[test]
fn sizes_of_compressed_bodies_are_those_of_what_is_in_them() {
    let server = compressing();
    let url = server.url("/");
    fetchpool().arg(&url).stdout(page(&url, 900) + "\n").run();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = fetchpool()
        .inside(directory.path())
        .args(["--compressed", "-f", "jsonl", "-o", "pages", &url])
        .stdout(anything())
        .run();
    let row = &rows(ended.stdout())[0];
    assert_eq!(row["bytes"], 1000, "{row}");
    let file = row["file"].as_str().expect("it was saved");
    let saved = std::fs::read(directory.path().join(file)).expect("it was saved");
    assert_eq!(saved, b"hello".repeat(200));
    let ended = fetchpool()
        .args(["--compressed", "-f", "jsonl", "--max-size", "999", &url])
        .status(1)
        .stdout(anything())
        .run();
    assert_eq!(
        rows(ended.stdout())[0]["error"]["kind"],
        "too_large",
        "as decoded"
    );
}

#[test]
fn a_host_that_takes_no_connection_is_a_timeout_in_connect() {
    let host = SilentHost::start();
    let url = host.url("/");
    for_each_limit(&["--connect-timeout", "-t"], |arguments| {
        let ended = fetchpool()
            .arg(&url)
            .args(arguments)
            .args(["-f", "jsonl"])
            .status(1)
            .stdout(anything())
            .run();
        let error = rows(ended.stdout())[0]["error"].clone();
        assert_eq!(
            (&error["kind"], &error["phase"]),
            (&"timeout".into(), &"connect".into()),
            "{error}"
        );
    });
}

#[test]
fn a_connect_timeout_is_over_when_there_is_a_connection() {
    let server = Server::start();
    let gate = server.gate("slow");
    let url = server.url("/gate/slow");
    let run = fetchpool()
        .args([
            "--connect-timeout",
            "3",
            "--host-delay",
            "3500ms",
            &url,
            &server.url("/size/3"),
        ])
        .stdout(lines([page(&url, 4), page(&server.url("/size/3"), 3)]))
        .start();
    // The second request starts 3.5 s after the first, which then has waited longer than 3 s.
    server.wait_for_requests(2);
    gate.open();
    run.finish();
}

/// The long options of `--help`.
fn long_options() -> Vec<String> {
    let ended = fetchpool().arg("--help").stdout(anything()).run();
    let options = ended.stdout().lines().filter_map(|line| {
        let (_, rest) = line
            .trim_start()
            .split_once("--")
            .filter(|(before, _)| before.len() <= 4)?;
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        Some(rest[..end.unwrap_or(rest.len())].to_owned())
    });
    let mut options: Vec<String> = options.filter(|option| !option.is_empty()).collect();
    options.sort();
    options.dedup();
    assert!(options.len() > 35, "{options:?}");
    options
}

#[test]
fn completions_know_every_option_in_every_shell() {
    let options = long_options();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        fetchpool()
            .args(["--completions", shell])
            .stdout(containing(options.clone()))
            .run();
    }
    fetchpool()
        .args(["--completions", "tcsh"])
        .status(2)
        .stderr(containing([
            "--completions",
            "tcsh",
            "bash",
            "zsh",
            "fish",
            "elvish",
            "powershell",
        ]))
        .run();
}

#[test]
fn the_manual_knows_every_option() {
    let ended = fetchpool().arg("--man").stdout(containing([".TH"])).run();
    let text = ended.stdout().replace('\\', "");
    for option in long_options() {
        assert!(text.contains(&format!("--{option}")), "{option}");
    }
}
