//! A soak test: fetches many URLs at `-j 200` from a server with faults; one URL in a hundred has each fault.
//!
//! `cargo bench --bench soak` fetches a million URLs, `-- --small` twenty thousand, `-- --urls N` N of them. `--timeout
//! S` sets the limit that cuts stalled replies, and `--svg FILE` draws the curve. Prints Markdown.
//!
//! The bench panics unless all of these hold:
//!
//! - Every URL is in exactly one record, with the kind and size of the plan.
//! - The server was asked for every URL.
//! - Memory, descriptors and threads stay flat, within the margins of [`watch`].
//! - The program at rest has no more threads than at its start.
//! - After the end of its list it exits with status 1, without further output.

mod plan;
mod report;
mod server;
mod watch;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use plan::{Fault, MAX_SIZE};
use serde::Deserialize;
use server::Server;
use watch::Watch;

/// The options of a run.
#[derive(Debug)]
struct Settings {
    urls: usize,
    /// The limit of an attempt, in seconds.
    timeout: u32,
    svg: Option<String>,
}

const JOBS: usize = 200;

impl Settings {
    fn from_arguments() -> Self {
        // The stalls determine the time of the full form. The small form is short, and must pass on a busy machine.
        let mut settings = Self {
            urls: 1_000_000,
            timeout: 3,
            svg: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            let number = |text: String| text.parse().unwrap_or_else(|_| usage(&argument));
            match argument.as_str() {
                "--small" => (settings.urls, settings.timeout) = (20_000, 10),
                "--urls" => settings.urls = number(value()) as usize,
                "--timeout" => settings.timeout = number(value()),
                "--svg" => settings.svg = Some(value()),
                // Cargo passes this to a bench.
                "--bench" => {}
                _ => usage(&argument),
            }
        }
        settings
    }
}

fn usage(argument: &str) -> ! {
    eprintln!(
        "soak: {argument}: not understood; there is --small, --urls N, --timeout S, --svg FILE"
    );
    std::process::exit(2)
}

/// The fields of a record that this reads.
#[derive(Deserialize)]
struct Row {
    url: String,
    ok: bool,
    bytes: Option<u64>,
    error: Option<RowError>,
}

#[derive(Deserialize)]
struct RowError {
    kind: String,
    phase: Option<String>,
}

impl Row {
    /// `ok`, or the kind with the phase of a timeout behind it.
    fn kind(&self) -> String {
        match &self.error {
            None => "ok".to_owned(),
            Some(RowError {
                kind,
                phase: Some(phase),
            }) => format!("{kind} {phase}"),
            Some(RowError { kind, phase: None }) => kind.clone(),
        }
    }
}

/// How many URLs with each fault came to each kind.
type Tally = BTreeMap<(Fault, String), usize>;

/// The records as they come. Dropping this closes the pipe, which ends the run.
type Records = Lines<BufReader<ChildStdout>>;

fn main() {
    let settings = Settings::from_arguments();
    let urls = settings.urls;
    let server = Server::start(urls);
    let begun = Instant::now();
    let mut child = start(&settings);
    let done = Arc::<AtomicUsize>::default();
    let watch = Watch::start(child.id(), urls, Arc::clone(&done));
    let input = child.stdin.take().expect("it is a pipe");
    let output = child.stdout.take().expect("it is a pipe");
    let address = server.address();
    let feeder = std::thread::spawn(move || feed(input, urls, &address.to_string()));
    let mut records: Records = BufReader::with_capacity(1 << 16, output).lines();
    let tally = collect(&mut records, urls, &server, &done);
    // The program is at rest: nothing is left to fetch, and its list and its reader are still open.
    let curve = watch.finish();
    drop(feeder.join().expect("the feeder does not panic"));
    let surplus = records.next();
    if surplus.is_some() {
        // The program may never end by itself. The only possible error is that it has ended already.
        let _ = child.kill();
    }
    let status = child.wait().expect("it is there to be reaped");
    let took = begun.elapsed();
    report::print(&settings, &tally, &curve, took);
    println!("\n{} requests for the {urls} URLs", server.requests());
    if let Some(path) = &settings.svg {
        std::fs::write(path, report::svg(&curve)).expect("the picture can be written");
    }
    assert!(surplus.is_none(), "behind the last record: {surplus:?}");
    assert_eq!(status.code(), Some(1), "{status}");
    server.assert_asked_for_all();
    assert_right(&tally);
    curve.assert_flat(JOBS);
    println!("\nall that was to hold held");
}

fn start(settings: &Settings) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fetchpool"));
    command
        .args(["-", "-f", "jsonl", "-j", &JOBS.to_string()])
        .args(["-t", &settings.timeout.to_string()])
        .args(["--max-size", &MAX_SIZE.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.spawn().expect("the program was built beside this")
}

/// Writes the list and returns the open pipe. The run goes on until the pipe is closed.
fn feed(input: ChildStdin, urls: usize, address: &str) -> ChildStdin {
    let mut input = BufWriter::with_capacity(1 << 16, input);
    for number in 0..urls {
        writeln!(input, "http://{address}/{number}").expect("the list is read to its end");
    }
    input.into_inner().expect("the list is read to its end")
}

/// Reads a record for each URL. Checks that each is whole and the only one of its URL.
fn collect(records: &mut Records, urls: usize, server: &Server, done: &AtomicUsize) -> Tally {
    let prefix = format!("http://{}/", server.address());
    let mut seen = vec![false; urls];
    let mut tally = Tally::new();
    for _ in 0..urls {
        let line = records.next().expect("there is a record for each URL");
        let line = line.expect("records are text");
        let row: Row =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number = row.url.strip_prefix(&prefix).and_then(|n| n.parse().ok());
        let number: usize =
            number.unwrap_or_else(|| panic!("a record of no URL of the list: {line}"));
        assert!(!seen[number], "a second record: {line}");
        seen[number] = true;
        let fault = Fault::of(number);
        let size = row.bytes.filter(|_| row.ok);
        let wanted = (fault.kind() == "ok").then(|| fault.size(number) as u64);
        assert_eq!(size, wanted, "{fault:?}: {line}");
        *tally.entry((fault, row.kind())).or_default() += 1;
        done.fetch_add(1, Ordering::Relaxed);
    }
    tally
}

fn assert_right(tally: &Tally) {
    for ((fault, kind), count) in tally {
        assert_eq!(kind, fault.kind(), "{count} URLs with {fault:?}");
    }
}
