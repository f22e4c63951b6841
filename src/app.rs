//! The program as a table of contents: parse, assemble, run.
//!
//! An error that stops the program is printed here, once, and becomes an exit status. The failure of a URL is data, and the
//! engine's.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use crate::cli::{self, Exit, Settings, Stop, Terminals};
use crate::engine::{self, Engine, Mailbox};
use crate::fetch::{Client, Method};
use crate::input::{self, Skipped, Targets};
use crate::output::{self, Format, Outgoing, Progress, Save, Summary, Writer};
use crate::pool;
use crate::signals;
use crate::system;

/// How long the reader of standard error may delay the end of a run that must end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How many bytes of older messages are still written in that time.
const LAST_LINES: usize = 2048;

/// The stack of a worker: enough for a TLS handshake in a debug build, small enough for ten thousand workers.
const WORKER_STACK: usize = 1 << 20;

/// Runs the program with `args` (the first is the program's name) and returns its exit status.
///
/// Records go to standard output, everything else to standard error, exactly as the command
/// `fetchpool` does it. Installs signal handlers for SIGHUP, SIGINT and SIGTERM, and raises the soft limit of open files
/// to the hard one.
///
/// Blocks until every URL is done. A wrong call is a message on standard error and status 2. A run that a signal ends does
/// not return: the process cleans up and ends by that signal.
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
    settings.input.refuse_output(io::stdout())?;
    let head_only = settings.fetch.method == Method::HEAD;
    let saves = settings.output_dir.is_some() && !head_only;
    let files = signals::raise_descriptor_limit();
    let jobs = most_at_once(settings.jobs, &settings.input);
    let jobs = engine::fit_descriptors(&mut settings.fetch, jobs, saves, files)?;
    let targets = Targets::open(settings.input.clone())?;
    let skipped = targets.skipped();
    let writer = writer(&settings, &targets)?;
    // Before anything is made that a signal would leave behind.
    let mailbox = Arc::new(Mailbox::new());
    let has_begun = Arc::new(AtomicBool::new(false));
    listen_to_signals(&mailbox, &has_begun)?;
    let deadline = settings.deadline.and_then(|d| started.checked_add(d));
    let save = settings.output_dir.map(Save::new);
    let save = save
        .transpose()
        .context("-o: bodies cannot be saved there")?;
    let options = settings
        .net
        .apply(settings.fetch, &|name| std::env::var_os(name))?;
    let client = Client::new(options)?;

    engine::install_logger(settings.verbosity, &mailbox);
    let to_count = settings.progress.then_some(settings.input);
    start_helpers(targets, &mailbox, to_count)?;
    // Behind the helpers: if threads are short, there can be fewer workers.
    let pool = start_workers(jobs).map_err(|error| no_workers(settings.jobs, error))?;

    has_begun.store(true, Ordering::Release);
    let mut summary = settings.summary.then(|| Summary::new(started));
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
        schedule: settings.schedule,
        head_only,
        deadline,
    }
    .run();
    // From here on a signal ends the process.
    has_begun.store(false, Ordering::Release);
    if let Some(save) = save {
        // Workers that were left behind may still be saving.
        save.abandon();
    }
    let text = summary.map(|summary| sum_up(summary, &skipped, settings.summary_color));
    let must_end = mailbox.was_stopped().then(Instant::now).or(deadline);
    print_last(messages, text.transpose()?.unwrap_or_default(), must_end);
    exit
}

fn sum_up(mut summary: Summary, skipped: &Skipped, color: bool) -> anyhow::Result<Vec<u8>> {
    summary.left_out(skipped.of_other_shards(), "of other shards");
    summary.left_out(skipped.done_before(), "fetched before");
    summary.left_out(skipped.repeated(), "repeated");
    let mut text = Vec::new();
    summary.print(&mut text, Instant::now(), color)?;
    Ok(text)
}

/// Prints the rest of the messages and `text`. A run that must end, by a signal or its deadline, does not wait for a stalled
/// reader.
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

/// As many of `jobs` workers as a short list has targets: an idle thread costs as much as a request.
fn most_at_once(jobs: usize, input: &input::Options) -> usize {
    match input.count_if_short().map(usize::try_from) {
        Some(Ok(targets)) => jobs.min(targets.max(1)),
        _ => jobs,
    }
}

fn start_workers(jobs: usize) -> Result<pool::ThreadPool, pool::BuildError> {
    pool::Builder::new(jobs)
        .thread_name_prefix("fetch")
        .stack_size(WORKER_STACK)
        .build()
}

/// The error for `asked` workers that could not be started; it names how many could.
fn no_workers(asked: usize, error: pool::BuildError) -> anyhow::Error {
    let pool::BuildError::Spawn {
        started, source, ..
    } = &error
    else {
        return anyhow!("-j {asked}: {error}");
    };
    let cure = match started {
        0 => String::new(),
        _ => format!("ask for at most {started} workers (-j {started}), or "),
    };
    anyhow!(
        "-j {asked}: worker thread {} could not be started: {}; {cure}raise the limit of processes (ulimit -u)",
        started + 1,
        system::os_text(source)
    )
}

/// The writer of the records. It ends a line that an earlier run has torn.
fn writer(settings: &Settings, targets: &Targets) -> anyhow::Result<Writer> {
    let out = output::stdout().context("standard output cannot be used")?;
    let mut writer = Writer::new(out, settings.format, settings.color);
    let Some(resumed) = targets.resumed() else {
        return Ok(writer);
    };
    if let Some(warning) = resumed.warning() {
        // Standard error may be closed.
        let _ = writeln!(io::stderr(), "fetchpool: {warning}");
    }
    if resumed.needs_newline(io::stdout(), settings.format == Format::Jsonl)? {
        writer.begin_a_line();
    }
    Ok(writer)
}

fn listen_to_signals(mailbox: &Arc<Mailbox>, has_begun: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let mailbox = Arc::clone(mailbox);
    signals::watch(Arc::clone(has_begun), move |event| mailbox.stop(event))
        .context("the signal handlers could not be installed")
}

/// Starts the threads that read the list and count its lines for the progress bar.
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

/// Prints help, version or a usage error where it belongs.
fn print(stop: &Stop) -> anyhow::Result<Exit> {
    if stop.to_stderr {
        // Standard error may be closed.
        let _ = io::stderr().write_all(stop.text.as_bytes());
        return Ok(stop.exit);
    }
    let written = io::stdout().write_all(stop.text.as_bytes());
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(stop.exit),
        Err(error) => Err(anyhow!(
            "standard output could not be written: {}",
            system::os_text(&error)
        )),
        Ok(()) => Ok(stop.exit),
    }
}

/// Prints an error that stopped the program.
fn complain(error: &anyhow::Error) -> Exit {
    let causes: Vec<String> = error.chain().map(in_words).collect();
    let line = format!("fetchpool: {}\n", printable_quotes(&causes.join(": ")));
    let until = Instant::now() + LAST_WORDS;
    Outgoing::new(output::stderr()).finish(line.as_bytes(), Some(until));
    Exit::Unusable
}

/// `message`, with what it quotes made [printable](output::shown).
fn printable_quotes(message: &str) -> String {
    let parts = message.split('\'').enumerate();
    let parts = parts.map(|(number, part)| match number % 2 {
        0 => output::printable(part),
        _ => output::shown(part),
    });
    parts.collect::<Vec<_>>().join("'")
}

/// The text of one cause of an error.
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
