//! Builds the parts of a run. An error says what to do.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, anyhow};

use crate::cli::Settings;
use crate::engine::{self, Mailbox};
use crate::input::{self, Journal, List, PastRecords, Scheme, Targets};
use crate::output::{self, Archive, Fields, Format, KeepParts, Save, Writer};
use crate::pool::{self, BuildError, ThreadPool};
use crate::signals;
use crate::system;

/// Enough for a TLS handshake in a debug build. Ten thousand fit any address space; only touched pages cost memory.
const WORKER_STACK: usize = 1 << 20;

/// Opens the directory of saved bodies, in which no body replaces one of `own_files`. `targets` learn how it treats capitals.
pub(super) fn saver<'a>(
    settings: &Settings,
    own_files: impl Iterator<Item = &'a Path>,
    targets: &mut Targets,
) -> anyhow::Result<Option<Arc<Save>>> {
    let Some(dir) = &settings.output_dir else {
        return Ok(None);
    };
    // A record and an archive hold whole bodies.
    let needs_whole = settings.keeps_bodies || settings.warc.is_some();
    let keep_parts = match settings.schedule.retries.are_on() {
        _ if settings.continues => KeepParts::ForLaterRuns,
        true if !needs_whole => KeepParts::ForRetries,
        _ => KeepParts::Never,
    };
    let save = Save::new(dir.clone(), keep_parts, settings.remote_time);
    let mut save = save.context("-o: bodies cannot be saved there")?;
    own_files.for_each(|file| save.protect(file));
    targets.set_case(save.case());
    Ok(Some(Arc::new(save)))
}

/// Opens the archive, which no other file of the run may be.
pub(super) fn archive(
    path: Option<&Path>,
    lists: &[List],
    earlier: [Option<&Path>; 2],
    jobs: usize,
) -> anyhow::Result<Option<Archive>> {
    let Some(path) = path else {
        return Ok(None);
    };
    input::refuse_archive(path, lists, earlier)?;
    let opened = Archive::open(path, jobs).context("--warc: nothing can be archived there")?;
    let (archive, note) = opened;
    if let Some(note) = note {
        // Ignore errors: standard error may be closed.
        let _ = writeln!(io::stderr(), "fetchpool: {note}");
    }
    Ok(Some(archive))
}

/// The records of `--update`.
pub(super) fn past_records(
    path: Option<&Path>,
    default_scheme: Option<Scheme>,
) -> anyhow::Result<Option<PastRecords>> {
    let open = |path| PastRecords::open(path, default_scheme);
    Ok(path.map(open).transpose()?)
}

/// `jobs`, or fewer for a list with fewer targets: starting a thread costs as much as a request.
pub(super) fn most_at_once(jobs: usize, input: &input::Options) -> usize {
    match input.count_if_short().map(usize::try_from) {
        Some(Ok(targets)) => jobs.min(targets.max(1)),
        _ => jobs,
    }
}

/// Starts `jobs` workers. An error names `asked`, the value of `-j`, and how many can be started.
pub(super) fn pool(jobs: usize, asked: usize) -> anyhow::Result<ThreadPool> {
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

/// The writer of the records. It first ends a line that the run of one of the `journals` left incomplete.
pub(super) fn writer(
    format: Format,
    color: bool,
    fields: Fields,
    journals: [Option<&Journal>; 2],
) -> anyhow::Result<Writer> {
    let out = output::stdout().context("standard output cannot be used")?;
    let mut writer = Writer::new(out, format, color, fields);
    let mut needs_newline = false;
    for journal in journals.into_iter().flatten() {
        if let Some(warning) = journal.warning() {
            // Ignore errors: standard error may be closed.
            let _ = writeln!(io::stderr(), "fetchpool: {warning}");
        }
        needs_newline |= journal.needs_newline(io::stdout(), format == Format::Jsonl)?;
    }
    if needs_newline {
        writer.begin_a_line();
    }
    Ok(writer)
}

pub(super) fn listen_to_signals(
    mailbox: &Arc<Mailbox>,
    has_begun: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mailbox = Arc::clone(mailbox);
    signals::watch(Arc::clone(has_begun), move |event| mailbox.stop(event))
        .context("the signal handlers could not be installed")
}

pub(super) fn start_helpers(
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
