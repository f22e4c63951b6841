//! Hosts are reached ahead of the workers: one that does not answer holds none of them, and its URLs fail together.

use crate::jsonl::{Row, rows};
use crate::support::{Server, SilentHost, anything, containing, dead_host, fetchpool, killed_by};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The named fields of a row.
fn fields(row: &Row, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| row[*name].clone()).collect()
}

#[test]
fn a_host_that_does_not_answer_holds_no_worker() {
    let (server, silent) = (Server::start(), SilentHost::start());
    let list: Vec<String> = (0..20)
        .flat_map(|n| {
            [
                silent.url(&format!("/{n}")),
                server.url(&format!("/size/{n}")),
            ]
        })
        .collect();
    let ended = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-j", "1", "-t", "2", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    let ok: Vec<bool> = rows(ended.stdout())
        .iter()
        .map(|row| row["ok"] == true)
        .collect();
    assert_eq!(ok, [[true; 20], [false; 20]].concat(), "pages come first");
}

#[test]
fn urls_that_wait_for_one_host_share_its_failure() {
    let silent = SilentHost::start();
    let list: Vec<String> = (0..20).map(|n| silent.url(&format!("/{n}"))).collect();
    let ended = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-j", "1", "-t", "1", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), 20);
    let shared = [
        "error",
        "started_at",
        "elapsed_ms",
        "attempts",
        "worker",
        "remote_ip",
    ];
    for row in &rows {
        assert_eq!(fields(row, &shared), fields(&rows[0], &shared));
        assert_eq!(row["final_url"], row["url"]);
    }
    let error = &rows[0]["error"];
    assert_eq!(
        (&error["kind"], &error["phase"]),
        (&json!("timeout"), &json!("connect"))
    );
    assert!(
        rows[0]["elapsed_ms"].as_f64() >= Some(1000.0),
        "{}",
        rows[0]
    );
}

#[test]
fn each_url_has_its_own_retries() {
    let dead = dead_host();
    let list: Vec<String> = (0..5).map(|n| dead.url(&format!("/{n}"))).collect();
    let ended = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args([
            "-j",
            "1",
            "--retries",
            "2",
            "--retry-delay",
            "1ms",
            "-f",
            "jsonl",
        ])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!(
            (&row["attempts"], &row["error"]["kind"]),
            (&json!(3), &json!("connect"))
        );
    }
}

#[test]
fn a_host_that_fails_too_often_is_down() {
    let (server, dead) = (Server::start(), dead_host());
    let mut run = fetchpool()
        .live_stdin()
        .args(["--host-failures", "2", "--retries", "0", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .start();
    let mut kind_of = |url: String| {
        run.write_line(&url);
        let row = run.read_line();
        let row: Value = serde_json::from_str(&row).expect("a row is JSON");
        row["error"]["kind"].as_str().map(str::to_owned)
    };
    let down = Some("host_down".to_owned());
    assert_eq!(kind_of(dead.url("/1")).as_deref(), Some("connect"));
    assert_eq!(kind_of(server.url("/size/1")), None);
    assert_eq!(kind_of(dead.url("/2")).as_deref(), Some("connect"));
    assert_eq!(kind_of(dead.url("/3")), down);
    assert_eq!(kind_of(dead.url("/4")), down);
    assert_eq!(kind_of(server.url("/size/2")), None);
    let ended = run.finish();
    assert!(
        ended
            .stdout()
            .contains("could not be reached 2 times in a row")
    );
    assert!(!ended.stdout().contains(r#""attempts":2"#));
}

#[test]
fn an_answer_makes_earlier_failures_good() {
    // The server resets the first connection of each pair, and answers the second.
    let server = crate::support::RawServer::start({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |mut talk| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
            0 => talk.reset(),
            _ => talk.reply("200 OK", &[], b"ok"),
        }
    });
    let mut run = fetchpool()
        .live_stdin()
        .args(["--host-failures", "2", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .start();
    for n in 0..6 {
        run.write_line(&server.url(&format!("/{n}")));
        let row: Value = serde_json::from_str(&run.read_line()).expect("a row is JSON");
        assert_eq!(row["ok"], n % 2 == 1, "{row}");
        assert_ne!(row["error"]["kind"], "host_down");
    }
    run.finish();
}

#[test]
fn a_record_tells_of_its_connection() {
    let server = Server::start();
    let urls = ["/size/1", "/size/2"].map(|path| server.url(path));
    let ended = fetchpool()
        .args(["-j", "1", "-f", "jsonl"])
        .args(&urls)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    let names = ["remote_ip", "reused", "dns_ms", "tls_ms"];
    assert_eq!(
        fields(&rows[0], &names),
        [json!("127.0.0.1"), json!(false), Value::Null, Value::Null]
    );
    assert_eq!(
        fields(&rows[1], &names),
        [json!("127.0.0.1"), json!(true), Value::Null, Value::Null]
    );
    let [connect, elapsed] = ["connect_ms", "elapsed_ms"].map(|name| rows[0][name].as_f64());
    assert!(connect.is_some() && connect <= elapsed, "{}", rows[0]);
    assert!(rows[1]["connect_ms"].is_null());
    assert_eq!(
        server.connections(),
        1,
        "the contact's connection carries both"
    );
}

#[test]
fn a_signal_cuts_contacts_at_once_and_each_has_a_record() {
    let silent = SilentHost::start();
    let list: Vec<String> = (0..3).map(|n| silent.url(&format!("/{n}"))).collect();
    let run = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-v", "-f", "jsonl"])
        .status(killed_by(Signal::INT))
        .stdout(anything())
        .stderr(containing(["reaching it"]))
        .start();
    run.wait_for_stderr("reaching it");
    run.signal(Signal::INT);
    let ended = run.finish();
    for row in rows(ended.stdout()) {
        assert_eq!(fields(&row, &["attempts"]), [json!(1)], "{row}");
        assert_eq!(row["error"]["kind"], "cancelled");
    }
}

#[test]
fn a_reader_that_closes_while_a_host_is_reached_makes_no_failure_of_it() {
    let silent = SilentHost::start();
    let mut run = fetchpool()
        .args(["-v", &silent.url("/")])
        .stdout(anything())
        .stderr(containing(["reaching it"]))
        .start();
    run.wait_for_stderr("reaching it");
    run.close_stdout();
    run.finish();
}
