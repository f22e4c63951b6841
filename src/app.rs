//! The program: reads the command line, assembles the parts, runs the engine, prints the summary.
//!
//! An error that stops the program is printed here, once, and becomes an exit status. A URL that fails is a record.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use crate::cli::{self, Exit, Settings, Stop, SummaryForm, Terminals};
use crate::engine::{self, DryRunner, Engine, Mailbox};
use crate::escape::printable;
use crate::fetch::{Client, Method};
use crate::header_file;
use crate::input::{self, Skipped, Targets};
use crate::output::{self, Fields, Format, Outgoing, Progress, Save, Summary, Writer};
use crate::pool::{self, BuildError, ThreadPool};
use crate::signals;
use crate::system;

/// How long a stalled reader of standard error may delay the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes of messages written in that time; older ones are left out.
const LAST_LINES: usize = 2048;

/// Enough for a TLS handshake in a debug build. Ten thousand fit any address space; only touched pages cost memory.
const WORKER_STACK: usize = 1 << 20;

/// Runs the program with `args`, of which the first is its name, and returns its exit status.
///
/// Does what the command `fetchpool` does: records go to standard output, everything else to standard error. Handlers
/// of SIGHUP, SIGINT and SIGTERM stay installed, and the soft limit of open files stays raised to the hard one.
///
/// Blocks until every URL is done. A wrong call is a message on standard error and status 2. If a signal ended the run,
/// the process ends by that signal after the clean-up, and this function does not return.
///
/// ```no_run
/// let status = fetchpool::run(["fetchpool".into(), "urls.txt".into(), "-j5".into()]);
/// # let _ = status;
/// ```
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let terminals = Terminals {
        stdin: io::stdin().is_terminal(),
        stdout: io::stdout().is_terminal(),
        stderr: io::stderr().is_terminal(),
    };
    let exit = match cli::parse(args, terminals, &|name| std::env::var_os(name)) {
        Ok(settings) if settings.input.dry_run => {
            dry_run(settings).unwrap_or_else(|error| complain(&error))
        }
        Ok(settings) => fetch_all(settings).unwrap_or_else(|error| complain(&error)),
        Err(stop) => print(&stop).unwrap_or_else(|error| complain(&error)),
    };
    match exit {
        Exit::Stopped(signal) => signal.end_process(),
        exit => exit.into(),
    }
}

fn fetch_all(mut settings: Settings) -> anyhow::Result<Exit> {
    let started = Instant::now();
    input::refuse_output(&settings.input.lists, io::stdout())?;
    settings.fetch.headers = header_file::read_all(settings.headers)?;
    // With HEAD only rows with a method of their own have bodies.
    let saves = settings.input.saves && settings.fetch.method != Method::HEAD;
    let files = signals::raise_descriptor_limit();
    let jobs = most_at_once(settings.jobs, &settings.input);
    let jobs = engine::fit_descriptors(&mut settings.fetch, jobs, saves, files)?;
    let mut targets = Targets::open(settings.input.clone())?;
    let skipped = targets.skipped();
    let writer = writer(settings.format, settings.color, settings.fields, &targets)?;
    // Listen before temporary files exist that a signal would leave behind.
    let mailbox = Arc::new(Mailbox::default());
    let has_begun = Arc::new(AtomicBool::new(false));
    listen_to_signals(&mailbox, &has_begun)?;
    let deadline = settings.deadline.and_then(|d| started.checked_add(d));
    let save = saver(settings.output_dir, &mut targets)?;
    let client = Client::new(settings.fetch)?;

    engine::install_logger(settings.verbosity, &mailbox);
    let to_count = settings.progress.then_some(settings.input);
    start_helpers(targets, &mailbox, to_count)?;
    // Start the pool last: its error names how many workers can be started beside the other threads.
    let pool = pool(jobs, settings.jobs)?;

    has_begun.store(true, Ordering::Release);
    let mut summary = settings.summary.map(|_| Summary::new(started));
    let shares_terminal = settings.shares_terminal && output::is_one_terminal();
    let (exit, messages) = Engine {
        pool,
        client,
        mailbox: Arc::clone(&mailbox),
        writer,
        skipped: Arc::clone(&skipped),
        stderr: (!shares_terminal).then(|| Outgoing::new(output::stderr())),
        progress: settings.progress.then(Progress::on_stderr).flatten(),
        summary: summary.as_mut(),
        save: save.clone(),
        keeps_bodies: settings.keeps_bodies,
        schedule: settings.schedule,
        ordered: settings.ordered,
        deadline,
        max_fail: settings.max_fail,
    }
    .run();
    // From here on a signal ends the process.
    has_begun.store(false, Ordering::Release);
    if let Some(save) = save {
        // A stuck worker may still be saving.
        save.abandon();
    }
    let form = settings.summary.zip(summary);
    let text =
        form.map(|(form, summary)| summary_text(summary, &skipped, form, settings.summary_color));
    let must_end = mailbox.was_stopped().then(Instant::now).or(deadline);
    print_last(messages, text.unwrap_or_default(), must_end);
    exit
}

/// Opens the directory of saved bodies. `targets` learn how it treats capitals.
fn saver(dir: Option<PathBuf>, targets: &mut Targets) -> anyhow::Result<Option<Arc<Save>>> {
    let save = dir.map(Save::new).transpose();
    let save = save.context("-o: bodies cannot be saved there")?;
    if let Some(save) = &save {
        targets.set_case(save.case());
    }
    Ok(save.map(Arc::new))
}

/// Writes what a run would do.
fn dry_run(mut settings: Settings) -> anyhow::Result<Exit> {
    let started = Instant::now();
    input::refuse_output(&settings.input.lists, io::stdout())?;
    settings.fetch.headers = header_file::read_all(settings.headers)?;
    let method = settings.fetch.method.clone();
    // What it refuses is wrong here, too.
    Client::new(settings.fetch)?;
    let targets = Targets::open(settings.input)?;
    let skipped = targets.skipped();
    let writer = writer(settings.format, settings.color, settings.fields, &targets)?;
    let mut summary = settings.summary.map(|_| Summary::new(started));
    let exit = DryRunner {
        targets,
        writer,
        summary: summary.as_mut(),
        output_dir: settings.output_dir,
        method,
        max_fail: settings.max_fail,
    }
    .run();
    if let Some((form, summary)) = settings.summary.zip(summary) {
        let text = summary_text(summary, &skipped, form, settings.summary_color);
        Outgoing::new(output::stderr()).finish(&text, None);
    }
    exit
}

fn summary_text(
    mut summary: Summary,
    skipped: &Skipped,
    form: SummaryForm,
    color: bool,
) -> Vec<u8> {
    summary.left_out(skipped.of_other_shards(), "of other shards");
    summary.left_out(skipped.done_before(), "fetched before");
    summary.left_out(skipped.repeated(), "repeated");
    let now = Instant::now();
    match form {
        SummaryForm::Text => summary.text(now, color),
        SummaryForm::Json => summary.json(now),
    }
    .into_bytes()
}

/// Writes the queued messages and `text` to standard error. After `must_end`, old messages are left out, and a stalled
/// reader has [`LAST_WORDS`].
fn print_last(mut messages: Outgoing, mut text: Vec<u8>, must_end: Option<Instant>) {
    let now = Instant::now();
    if must_end.is_some_and(|at| at <= now)
        && let lines @ 1.. = messages.leave_out(LAST_LINES)
    {
        let note = format!("fetchpool: ({lines} lines left out)\n");
        text.splice(0..0, note.into_bytes());
    }
    let until = must_end.and_then(|at| at.max(now).checked_add(LAST_WORDS));
    messages.finish(&text, until);
}

/// `jobs`, or fewer for a list with fewer targets: starting a thread costs as much as a request.
fn most_at_once(jobs: usize, input: &input::Options) -> usize {
    match input.count_if_short().map(usize::try_from) {
        Some(Ok(targets)) => jobs.min(targets.max(1)),
        _ => jobs,
    }
}

/// Starts `jobs` workers. An error names `asked`, the value of `-j`, and how many can be started.
fn pool(jobs: usize, asked: usize) -> anyhow::Result<ThreadPool> {
    let pool = pool::Builder::new(jobs)
        .thread_name_prefix("fetch")
        .stack_size(WORKER_STACK)
        .build();
    pool.map_err(|error| match &error {
        BuildError::Spawn {
            started, source, ..
        } => {
            // Subtract one: the next run also needs the list reader's thread, which may have ended in this one.
            let cure = match started.saturating_sub(1) {
                0 => String::new(),
                works => format!("ask for at most {works} workers (-j {works}), or "),
            };
            let (next, source) = (started + 1, system::os_text(source));
            anyhow!(
                "-j {asked}: worker thread {next} could not be started: {source}; {cure}raise the limit of processes (ulimit -u)"
            )
        }
        _ => anyhow!("-j {asked}: {error}"),
    })
}

/// The writer of the records. With `--resume`, it first ends a line that the earlier run left incomplete.
fn writer(
    format: Format,
    color: bool,
    fields: Fields,
    targets: &Targets,
) -> anyhow::Result<Writer> {
    let out = output::stdout().context("standard output cannot be used")?;
    let mut writer = Writer::new(out, format, color, fields);
    let Some(resumed) = targets.resumed() else {
        return Ok(writer);
    };
    if let Some(warning) = resumed.warning() {
        // Ignore errors: standard error may be closed.
        let _ = writeln!(io::stderr(), "fetchpool: {warning}");
    }
    if resumed.needs_newline(io::stdout(), format == Format::Jsonl)? {
        writer.begin_a_line();
    }
    Ok(writer)
}

fn listen_to_signals(mailbox: &Arc<Mailbox>, has_begun: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let mailbox = Arc::clone(mailbox);
    signals::watch(Arc::clone(has_begun), move |event| mailbox.stop(event))
        .context("the signal handlers could not be installed")
}

fn start_helpers(
    targets: Targets,
    mailbox: &Arc<Mailbox>,
    to_count: Option<input::Options>,
) -> anyhow::Result<()> {
    if let Some(input) = to_count {
        engine::count_in_background(input, mailbox);
    }
    engine::read_in_background(targets, mailbox)
        .context("the thread that reads the list could not be started")
}

fn print(stop: &Stop) -> anyhow::Result<Exit> {
    let text = stop.text.as_bytes();
    if stop.to_stderr {
        // Ignore errors: standard error may be closed.
        let _ = io::stderr().write_all(text);
        return Ok(stop.exit);
    }
    let mut stdout = io::stdout();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(anyhow!(
            "standard output could not be written: {}",
            system::os_text(&error)
        )),
        _ => Ok(stop.exit),
    }
}

/// Prints an error that stopped the program.
fn complain(error: &anyhow::Error) -> Exit {
    let causes: Vec<String> = error.chain().map(in_words).collect();
    let line = format!("fetchpool: {}\n", printable(&causes.join(": ")));
    let until = Instant::now() + LAST_WORDS;
    Outgoing::new(output::stderr()).finish(line.as_bytes(), Some(until));
    Exit::Unusable
}

fn in_words(cause: &(dyn std::error::Error + 'static)) -> String {
    match cause.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::StorageFull => format!(
            "{}; make room first (what -f jsonl has written, --resume goes on with)",
            system::os_text(error)
        ),
        Some(error) => system::os_text(error),
        None => cause.to_string(),
    }
}
