//! A soak: so many URLs of a server of which one in a hundred is wrong in each way there is, at `-j 200`.
//!
//! `cargo bench --bench soak` takes a million, `-- --small` twenty thousand, `-- --urls N` as many as it says; `--timeout S`
//! sets the limit that stalled replies are cut by, and `--svg FILE` draws the curve. It ends with a panic unless every URL
//! is in exactly one record, of the kind and size that the server's plan for it comes to, the server was asked for every
//! URL, the memory, descriptors and threads of the last quarter are those of the second within the margins of [`watch`],
//! the program at rest has no thread more than it began with, and, once its list has ended, it exits with status 1 and
//! without another word. Prints Markdown.

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

/// How the run is done.
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
        // In the full form the stalls set the pace; the small form has time, and must pass on a busy machine.
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
                // Cargo says that this is a bench.
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

/// What this looks at in a record.
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

/// The records as they come. Dropped, they are a reader that has gone, which ends the run.
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
    // It has nothing to do, and does not know yet that nothing will come: its list and its reader are both there.
    let curve = watch.finish();
    drop(feeder.join().expect("the feeder does not panic"));
    let surplus = records.next();
    if surplus.is_some() {
        // It may go on for ever. That it has ended already is the one error there is.
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

/// Writes the list, and gives back the pipe, open: until it is closed the run goes on.
fn feed(input: ChildStdin, urls: usize, address: &str) -> ChildStdin {
    let mut input = BufWriter::with_capacity(1 << 16, input);
    for number in 0..urls {
        writeln!(input, "http://{address}/{number}").expect("the list is read to its end");
    }
    input.into_inner().expect("the list is read to its end")
}

/// Reads a record for each URL, and checks that it is one, whole and the first.
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
        let number: usize = number.unwrap_or_else(|| panic!("nobody asked for this: {line}"));
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
