//! The coordinator: the one thread that owns the list's window and the output.
//!
//! Each turn it submits what there is room for, waits until something has arrived, and writes the
//! records of what has. While the pool's queue is deep it pauses a moment between turns, so that
//! one wake-up serves many records; when it is shallow it writes at once.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::cli::Exit;
use crate::fetch::Client;
use crate::input::Target;
use crate::output::{Counts, Progress, Record, Summary, Writer};
use crate::pool::{Pending, ThreadPool};
use crate::signals::Event;

use super::convert;
use super::ending::{Ending, Step};
use super::jobs::{InFlight, JobBatch, Shared};
use super::mailbox::{Batch, Finished, JobEnding, Mailbox};

/// The pause between two turns while the queue is deep. Long enough to gather a dozen records
/// from a fast server, short enough that nobody sees it.
const PAUSE: Duration = Duration::from_micros(300);

/// Everything that a run needs, assembled. [`Engine::run`] is the run.
pub(crate) struct Engine<'a> {
    pub(crate) pool: ThreadPool,
    pub(crate) client: Client,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) writer: Writer,
    pub(crate) progress: Progress,
    /// Where records are added up, if anybody wants that.
    pub(crate) summary: Option<&'a mut Summary>,
    /// When the whole run must be over.
    pub(crate) deadline: Option<Instant>,
}

impl Engine<'_> {
    /// Runs until the list is done or the run must end, and gives the exit status.
    ///
    /// # Errors
    ///
    /// If the records could not be written.
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let workers = self.pool.workers();
        let shared = Arc::new(Shared {
            client: self.client,
            mailbox: self.mailbox,
            deadline: self.deadline,
        });
        let mut coordinator = Coordinator {
            most_in_flight: jobs_ahead(workers),
            workers,
            pool: &self.pool,
            shared,
            in_flight: InFlight::default(),
            targets: Vec::new(),
            jobs: JobBatch::default(),
            list_ended: false,
            list_broken: false,
            ending: Ending::new(self.deadline),
            never_started: 0,
            report: Report {
                writer: self.writer,
                progress: self.progress,
                summary: self.summary,
                counts: Counts::default(),
            },
        };
        let ended = coordinator.run();
        let exit = coordinator.close(ended);
        // Whoever has not come back by now is cut or stuck in a system call: not waited for.
        self.pool.shutdown(Pending::Cancel);
        self.pool.detach();
        exit
    }
}

/// How many jobs may be out at once: those that run, and as many waiting as the workers can take
/// during one pause.
fn jobs_ahead(workers: usize) -> usize {
    workers * 4 + 64
}

struct Coordinator<'a> {
    workers: usize,
    most_in_flight: usize,
    pool: &'a ThreadPool,
    shared: Arc<Shared>,
    in_flight: InFlight,
    /// Reused from turn to turn.
    targets: Vec<Target>,
    jobs: JobBatch,
    /// Every target of the list has been taken.
    list_ended: bool,
    /// A list could not be read, or not to its end.
    list_broken: bool,
    ending: Ending,
    /// Targets that were taken from the list and never begun.
    never_started: u64,
    report: Report<'a>,
}

impl Coordinator<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut batch = Batch::default();
        loop {
            self.refill()?;
            if !self.shared.mailbox.has_finished() {
                self.report.flush()?;
            }
            // Before the ending is looked at: a run that is done has met its deadline.
            if self.over() || self.check_ending(&mut batch.stops) == Step::GiveUp {
                return Ok(());
            }
            if self.over() {
                return Ok(());
            }
            self.show_progress();
            self.pause_if_deep();
            let hungry = self.room() > 0;
            self.shared
                .mailbox
                .collect(&mut batch, hungry, self.wake_at());
            self.take_in(&mut batch)?;
        }
    }

    /// Records what has finished, and tells of lists that could not be read.
    fn take_in(&mut self, batch: &mut Batch) -> anyhow::Result<()> {
        for error in batch.broken_lists.drain(..) {
            self.list_broken = true;
            self.report.tell(&error);
        }
        for finished in batch.finished.drain(..) {
            self.record(finished)?;
        }
        Ok(())
    }

    /// Takes note of the reasons to stop, and does what the run's ending asks for now.
    fn check_ending(&mut self, events: &mut Vec<Event>) -> Step {
        let now = Instant::now();
        let was_stopping = self.ending.stopping();
        for event in events.drain(..) {
            self.ending.stop(event, now);
        }
        let step = self.ending.step(now);
        if self.ending.stopping() && !was_stopping {
            // Before anything is cut, or a worker that is freed would start the next job.
            self.shared.mailbox.stop_starting();
            if let Some(what) = self.ending.announcement() {
                let running = self.running();
                self.report
                    .tell(&format_args!("{what} ({running} in flight)"));
            }
        }
        if step == Step::Cut {
            self.shared.client.cancel();
        }
        step
    }

    /// How many jobs workers have in their hands.
    fn running(&self) -> usize {
        self.in_flight.len().saturating_sub(self.pool.queued())
    }

    /// True when nothing is out and nothing will follow.
    fn over(&self) -> bool {
        let nothing_follows = self.ending.stopping() || self.list_ended;
        nothing_follows && self.in_flight.len() == 0
    }

    /// How many more targets may be taken from the list now.
    fn room(&self) -> usize {
        if self.ending.stopping() || self.list_ended {
            return 0;
        }
        self.most_in_flight.saturating_sub(self.in_flight.len())
    }

    /// Takes targets while there is room, and submits a job for each.
    fn refill(&mut self) -> anyhow::Result<()> {
        let room = self.room();
        if room == 0 {
            return Ok(());
        }
        self.list_ended = !self.shared.mailbox.take_targets(&mut self.targets, room);
        for target in self.targets.drain(..) {
            if let Err(failure) = &target.url {
                let failure = failure.clone();
                self.report.record(&convert::refused(target, &failure))?;
            } else {
                self.jobs.push(target, &mut self.in_flight);
            }
        }
        self.jobs.submit(self.pool, &self.shared)
    }

    fn pause_if_deep(&self) {
        if self.pool.queued() >= self.workers && !self.ending.stopping() {
            thread::sleep(PAUSE);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let times = [self.report.progress.due(), self.ending.wake_at()];
        times.into_iter().flatten().min()
    }

    fn record(&mut self, finished: Finished) -> anyhow::Result<()> {
        let Some(target) = self.in_flight.take(finished.slot) else {
            return Ok(());
        };
        let worker = finished.worker;
        let record = match finished.ending {
            JobEnding::Attempted(outcome) => {
                convert::attempted(target, outcome, worker, self.ending.message())
            }
            JobEnding::Panicked(panic) => convert::panicked(target, &panic, worker),
            JobEnding::NotStarted => {
                self.never_started += 1;
                return Ok(());
            }
        };
        self.report.record(&record)
    }

    fn show_progress(&mut self) {
        if self.report.progress.due().is_none() {
            return;
        }
        if let Some(total) = self.shared.mailbox.total() {
            self.report.progress.set_total(total);
        }
        self.report.counts.in_flight = self.running();
        self.report.progress.update(&self.report.counts);
    }

    /// Writes what is left to be written, and gives the run's exit status.
    fn close(mut self, ended: anyhow::Result<()>) -> anyhow::Result<Exit> {
        self.shared.mailbox.stop_starting();
        if self.in_flight.len() > 0 {
            self.shared.client.cancel();
        }
        let written = ended.and_then(|()| self.write_the_rest());
        let (untaken, whole) = self.shared.mailbox.close();
        let never_started = self.never_started + untaken;
        if let Some(summary) = &mut self.report.summary {
            summary.never_started(whole.then_some(never_started));
        }
        self.report.progress.finish();
        match written {
            Err(error) if is_broken_pipe(&error) => {}
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        let exit = self.ending.exit(self.report.counts.failed > 0);
        let is_of_the_list = matches!(exit, Exit::Success | Exit::SomeFailed);
        if self.list_broken && is_of_the_list {
            return Ok(Exit::Unusable);
        }
        Ok(exit)
    }

    fn write_the_rest(&mut self) -> anyhow::Result<()> {
        if self.ending.output_closed() {
            return Ok(());
        }
        // What has come back by now is not lost.
        let mut batch = Batch::default();
        self.shared
            .mailbox
            .collect(&mut batch, false, Some(Instant::now()));
        self.take_in(&mut batch)?;
        let (begun, waiting) = self.in_flight.give_up();
        self.never_started += waiting;
        for target in begun {
            let record = convert::left_behind(target, self.ending.message());
            self.report.record(&record)?;
        }
        self.report.flush()
    }
}

/// Where records go: the writer, the bar and the summary, which must agree.
struct Report<'a> {
    writer: Writer,
    progress: Progress,
    /// `None` if nobody wants it.
    summary: Option<&'a mut Summary>,
    counts: Counts,
}

impl Report<'_> {
    fn record(&mut self, record: &Record) -> anyhow::Result<()> {
        self.counts.done += 1;
        self.counts.failed += u64::from(!record.ok);
        self.counts.bytes += record.bytes.unwrap_or(0);
        if let Some(summary) = &mut self.summary {
            summary.add(record);
        }
        self.writer.write(record).context(WRITE_FAILED)?;
        if self.writer.is_full() {
            return self.flush();
        }
        Ok(())
    }

    /// Prints a line about the run, for a person.
    fn tell(&mut self, what: &dyn Display) {
        self.progress.suspend_stderr(|| {
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "fetchpool: {what}");
        });
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if self.writer.is_flushed() {
            return Ok(());
        }
        let Report {
            writer, progress, ..
        } = self;
        progress.suspend(|| writer.flush()).context(WRITE_FAILED)
    }
}

const WRITE_FAILED: &str = "the records could not be written to standard output";

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
