//! SIGINT, SIGTERM, two of them, and SIGKILL at random moments, counted in records. `FAULTS_SEED` sets the seed of the random
//! numbers, which is the same in every run otherwise.

use crate::records::{assert_saved, by_url, files, kinds, one_each, rows};
use crate::support::{Server, Stdio, anything, fetchpool, killed_by};
use rustix::process::Signal;
use std::fs::OpenOptions;
use std::path::Path;

/// The message that answers a signal.
const TAKEN: &str = "what is in flight gets 2 s to finish";

/// xorshift64 (Marsaglia, 2003).
struct Lots(u64);

impl Lots {
    fn new() -> Lots {
        let seed = std::env::var("FAULTS_SEED").ok();
        let seed = seed
            .and_then(|text| text.parse().ok())
            .unwrap_or(20_070_707);
        println!("FAULTS_SEED={seed}");
        Lots(seed | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

fn urls(server: &Server, count: usize) -> Vec<String> {
    (0..count)
        .map(|n| server.url(&format!("/size/{}?{n}", 3000 + n % 1000)))
        .collect()
}

/// Runs 1,000 URLs and sends `signals` after `records` records. With 0 records, the run may have no handler yet, but then it
/// must not have begun.
fn stopped(signals: &[Signal], records: usize) {
    let server = Server::start();
    let mut urls = urls(&server, 1000);
    let is_double = signals.len() > 1;
    if is_double {
        // A request in flight, for which the first signal waits.
        urls.insert(0, server.url("/gate/never"));
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut run = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "8", "-f", "jsonl", "-o", "pages"])
        .status(killed_by(signals[0]))
        .stdout(anything())
        .stderr(anything())
        .start();
    for _ in 0..records {
        run.read_line();
    }
    for (number, signal) in signals.iter().enumerate() {
        run.signal(*signal);
        if is_double && number == 0 {
            run.wait_for_stderr(TAKEN);
        }
    }
    let ended = run.finish();
    if records == 0 && !ended.stderr().contains(TAKEN) {
        println!("{signals:?} at once: no handler yet");
        assert_eq!((ended.stdout(), server.paths().len()), ("", 0));
        assert_eq!(files(directory.path()).len(), 1, "more than the list");
        return;
    }
    let rows = rows(ended.stdout());
    assert!(rows.len() >= records && rows.len() < urls.len());
    by_url(&rows, &urls);
    let counts = kinds(&rows);
    println!("{signals:?} after {records} records: {counts:?}");
    let others: Vec<_> = counts
        .keys()
        .filter(|kind| *kind != "ok" && *kind != "cancelled")
        .collect();
    assert!(others.is_empty(), "{counts:?}");
    if is_double {
        // A run that ends at once may have saved a file without a record.
        assert_whole(directory.path(), 0);
    } else {
        assert_saved(directory.path(), &rows);
    }
}

#[test]
fn one_signal_at_any_moment_leaves_whole_lines_and_whole_files() {
    let mut lots = Lots::new();
    for round in 0..10 {
        // At once, perhaps before the program has a handler; then anywhere.
        let records = if round < 2 { 0 } else { 1 + lots.below(600) };
        let signal = [Signal::INT, Signal::TERM][round % 2];
        stopped(&[signal], records);
    }
}

#[test]
fn so_do_two() {
    let mut lots = Lots::new();
    for round in 0..6 {
        let records = 1 + lots.below(600);
        let mut signals = [Signal::INT, Signal::TERM];
        signals.rotate_left(round % 2);
        stopped(&signals, records);
    }
}

const KILLS: usize = 10;
const JOBS: usize = 8;

#[test]
fn killed_again_and_again_while_it_saves_every_file_is_whole_and_every_url_is_recorded() {
    let mut lots = Lots::new();
    let server = Server::start();
    let urls = urls(&server, 1500);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let record = directory.path().join("r.jsonl");
    let mut asked = 0;
    for round in 0..=KILLS {
        let append = OpenOptions::new().append(true).create(true).open(&record);
        let run = fetchpool()
            .inside(directory.path())
            .list("urls.txt", urls.join("\n"))
            .args(["-j", &JOBS.to_string(), "-o", "pages"])
            .args(["-f", "jsonl", "--resume", "r.jsonl"])
            .stdout_to(Stdio::File(append.expect("it can be written")))
            .status(if round < KILLS {
                killed_by(Signal::KILL)
            } else {
                0
            })
            .start();
        if round < KILLS {
            server.wait_for_requests(asked + 1 + lots.below(150));
            run.signal(Signal::KILL);
        }
        run.finish();
        asked = server.paths().len();
        // A killed run cannot clean up. The next run does.
        assert_whole(directory.path(), if round < KILLS { JOBS + 1 } else { 0 });
    }
    let text = std::fs::read_to_string(&record).expect("it is there");
    let is_whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    let good: Vec<&str> = text.lines().filter(is_whole).collect();
    let torn = text.lines().count() - good.len();
    assert!(torn <= KILLS, "{torn} torn lines of {KILLS} kills");
    let rows = rows(&(good.join("\n") + "\n"));
    one_each(&rows, &urls);
    assert_eq!(kinds(&rows).keys().collect::<Vec<_>>(), ["ok"]);
    let again = asked - urls.len();
    println!("{torn} torn lines, {again} URLs were fetched again");
    for row in &rows {
        let path = directory.path().join(row["file"].as_str().expect("saved"));
        let length = std::fs::metadata(path).expect("it is there").len();
        assert_eq!(Some(length), row["bytes"].as_u64(), "{row}");
    }
}

/// Every file is whole, except for at most `temporary` ones: one a worker, and the lock of the run.
fn assert_whole(place: &Path, temporary: usize) {
    let files = files(&place.join("pages"));
    let is_part = |name: &Path| name.to_string_lossy().contains(".fetchpool");
    let (parts, whole): (Vec<_>, Vec<_>) = files.into_iter().partition(|(name, _)| is_part(name));
    assert!(parts.len() <= temporary, "{parts:?}");
    for (name, length) in whole {
        let end = name.to_string_lossy().trim_end_matches(".body").to_owned();
        let number = end
            .rsplit('@')
            .next()
            .and_then(|number| number.parse().ok());
        let number: u64 = number.unwrap_or_else(|| panic!("a name of its own: {}", name.display()));
        assert_eq!(length, 3000 + number % 1000, "{}", name.display());
    }
}
