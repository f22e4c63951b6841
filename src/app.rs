//! The program: reads the command line, assembles the parts, runs the engine, prints the summary.
//!
//! An error that stops the program is printed here, once, and becomes an exit status. A URL that fails is a record.

mod build;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use self::build::{
    archive, listen_to_signals, most_at_once, past_records, pool, saver, start_helpers, writer,
};
use crate::cli::{self, Call, Exit, HeaderSource, Settings, Stop, SummaryForm, Terminals};
use crate::engine::{self, DryRunner, Engine, Mailbox};
use crate::escape::printable;
use crate::fetch::{Client, Method};
use crate::input::{self, List, PastRecords, Skipped, Targets};
use crate::output::{self, Outgoing, Progress, Summary};
use crate::report;
use crate::secret_files;
use crate::signals;
use crate::system;

/// How long a stalled reader of standard error may delay the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes of messages written in that time; older ones are left out.
const LAST_LINES: usize = 2048;

/// What to do if the records would go into a list.
const ANOTHER_FILE: &str = "write the records to another file";

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
    let ended = match cli::parse(args, terminals, &|name| std::env::var_os(name)) {
        Ok(Call::Fetch(settings)) if settings.input.dry_run => dry_run(*settings),
        Ok(Call::Fetch(settings)) => fetch_all(*settings),
        Ok(Call::Report(journal)) => print_report(&journal),
        Err(stop) => print(&stop),
    };
    match ended.unwrap_or_else(|error| complain(&error)) {
        Exit::Stopped(signal) => signal.end_process(),
        exit => exit.into(),
    }
}

fn fetch_all(mut settings: Settings) -> anyhow::Result<Exit> {
    let started = Instant::now();
    input::refuse_output(&settings.input.lists, io::stdout(), ANOTHER_FILE)?;
    let secrets = read_secrets(&mut settings)?;
    // Its file stays open: open it before the free descriptors are counted.
    let past = past_records(settings.update.as_deref(), settings.input.default_scheme)?;
    // With HEAD only rows with a method of their own have bodies.
    let saves = settings.input.saves && settings.fetch.method != Method::HEAD;
    // A large reply and its members are in temporary files.
    let files_of_worker = usize::from(saves) + 2 * usize::from(settings.warc.is_some());
    let files = signals::raise_descriptor_limit();
    let jobs = most_at_once(settings.jobs, &settings.input);
    let jobs = engine::fit_descriptors(&mut settings.fetch, jobs, files_of_worker, files)?;
    settings.fetch.workers = jobs;
    let mut targets = Targets::open(settings.input.clone())?;
    let skipped = targets.skipped();
    let journals = [targets.resumed(), past.as_ref().map(PastRecords::journal)];
    let writer = writer(
        settings.format,
        settings.color,
        settings.fields.clone(),
        journals,
    )?;
    // Listen before temporary files exist that a signal would leave behind.
    let mailbox = Arc::new(Mailbox::default());
    let has_begun = Arc::new(AtomicBool::new(false));
    listen_to_signals(&mailbox, &has_begun)?;
    let deadline = settings.deadline.and_then(|d| started.checked_add(d));
    let [resume, update] = [&settings.input.resume, &settings.update].map(Option::as_deref);
    let lists = settings.input.lists.iter().filter_map(List::path);
    let secrets = secrets.iter().map(PathBuf::as_path);
    let own_files = [settings.warc.as_deref(), resume, update];
    let own_files = own_files.into_iter().flatten().chain(secrets).chain(lists);
    let save = saver(&settings, own_files, &mut targets)?;
    let client = Client::new(settings.fetch)?;
    let lists = &settings.input.lists;
    let archive = archive(settings.warc.as_deref(), lists, [resume, update], jobs)?;

    engine::install_logger(settings.verbosity, &mailbox);
    let to_count = settings.progress.then_some(settings.input);
    start_helpers(targets, &mailbox, to_count)?;
    // Start the pool last: its error names how many workers can be started beside the other threads.
    let pool = pool(jobs, settings.jobs)?;

    has_begun.store(true, Ordering::Release);
    let mut summary = settings
        .summary
        .map(|_| new_summary(started, past.is_some()));
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
        past,
        archive,
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

/// Reads the files that keep secrets out of the command line. Returns their paths.
fn read_secrets(settings: &mut Settings) -> anyhow::Result<Vec<PathBuf>> {
    let (fetch, headers) = (&mut settings.fetch, mem::take(&mut settings.headers));
    let of_headers = |source: &HeaderSource| match source {
        HeaderSource::File(path) => Some(path.clone()),
        HeaderSource::Header(_) => None,
    };
    let mut paths: Vec<PathBuf> = headers.iter().filter_map(of_headers).collect();
    fetch.headers = secret_files::headers(headers)?;
    let (netrc, cookies) = (settings.netrc.take(), settings.cookies.take());
    fetch.netrc = netrc.as_deref().map(secret_files::netrc).transpose()?;
    fetch.cookies = cookies.as_deref().map(secret_files::cookies).transpose()?;
    paths.extend([netrc, cookies].into_iter().flatten());
    Ok(paths)
}

/// Writes what a run would do.
fn dry_run(mut settings: Settings) -> anyhow::Result<Exit> {
    let started = Instant::now();
    input::refuse_output(&settings.input.lists, io::stdout(), ANOTHER_FILE)?;
    read_secrets(&mut settings)?;
    let method = settings.fetch.method.clone();
    // What it refuses is wrong here, too.
    Client::new(settings.fetch)?;
    let past = past_records(settings.update.as_deref(), settings.input.default_scheme)?;
    let targets = Targets::open(settings.input)?;
    let skipped = targets.skipped();
    let journals = [targets.resumed(), past.as_ref().map(PastRecords::journal)];
    let writer = writer(settings.format, settings.color, settings.fields, journals)?;
    let mut summary = settings
        .summary
        .map(|_| new_summary(started, past.is_some()));
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

fn new_summary(started: Instant, is_update: bool) -> Summary {
    let mut summary = Summary::new(started);
    if is_update {
        summary.count_changes();
    }
    summary
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

fn print_report(journal: &List) -> anyhow::Result<Exit> {
    print(&Stop {
        text: report::page(journal)?,
        to_stderr: false,
        exit: Exit::Success,
    })
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
