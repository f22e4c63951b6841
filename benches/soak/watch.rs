//! Samples the memory, descriptors and threads of the run from `/proc`, and checks that they stay flat. The program
//! may grow in its first quarter (buffers, connections), and not after that.

use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time between two samples of a run that takes minutes, and of one that takes seconds.
const EVERY: Duration = Duration::from_millis(200);
const EVERY_OF_SMALL: Duration = Duration::from_millis(10);
const SMALL: usize = 100_000;

/// The longest wait for the next record: several times the limit of an attempt.
const PATIENCE: Duration = Duration::from_secs(60);

/// The allowed growth from the second quarter's median to the last one's, beyond a twentieth for the allocator's
/// fragments: a few buffers or connections. In a small run buffers do not reach their final size, so it may grow by
/// more.
const SLACKS: [u64; FIGURES.len()] = [1024, 16, 0];
const SLACKS_OF_SMALL: [u64; FIGURES.len()] = [8192, 16, 0];

/// Threads beside the workers: the coordinator, signals, standard output, the list, connections.
const OTHER_THREADS: u64 = 5;

/// One sample of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// URLs with a record.
    pub(crate) done: usize,
    /// Resident memory in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

/// One figure of a sample.
pub(crate) type Figure = fn(&Sample) -> u64;

/// The figures that must stay flat, with their names.
pub(crate) const FIGURES: [(&str, Figure); 3] = [
    ("memory, KiB", |sample| sample.memory),
    ("descriptors", |sample| sample.descriptors),
    ("threads", |sample| sample.threads),
];

/// Takes samples until `finish`.
pub(crate) struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<Curve>,
}

impl Watch {
    /// Watches `process`, which fetches `urls` URLs, of which `done` have a record.
    pub(crate) fn start(process: u32, urls: usize, done: Arc<AtomicUsize>) -> Self {
        let every = if urls <= SMALL { EVERY_OF_SMALL } else { EVERY };
        let (stop, stopped) = mpsc::channel();
        let begun = Instant::now();
        let mut last = (0, begun);
        let mut look = move || {
            let done = done.load(Ordering::Relaxed);
            if last.0 != done {
                last = (done, Instant::now());
            } else if done < urls && last.1.elapsed() > PATIENCE {
                give_up(process, done, urls);
            }
            look(process, begun, done)
        };
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                samples.extend(look());
            }
            let at_rest = look().expect("a run whose list has not ended goes on");
            Curve { samples, at_rest }
        });
        Self { stop, thread }
    }

    /// Takes a last sample, of the program at rest. The caller keeps its input and output open until this returns.
    pub(crate) fn finish(self) -> Curve {
        drop(self.stop);
        self.thread.join().expect("the program is alive")
    }
}

/// Ends the program and this process: a record is missing, and the reader would wait for ever.
fn give_up(process: u32, done: usize, urls: usize) -> ! {
    let seconds = PATIENCE.as_secs();
    eprintln!("soak: no record came for {seconds} s, after {done} of {urls}");
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let _ = process.map(|process| kill_process(process, Signal::KILL));
    std::process::exit(1)
}

fn look(process: u32, begun: Instant, done: usize) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let figure = |name: &str| -> Option<u64> {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    Some(Sample {
        at: begun.elapsed(),
        done,
        memory: figure("VmRSS:")?,
        descriptors: std::fs::read_dir(format!("/proc/{process}/fd"))
            .ok()?
            .count() as u64,
        threads: figure("Threads:")?,
    })
}

pub(crate) struct Curve {
    pub(crate) samples: Vec<Sample>,
    /// The sample when all URLs are done and the list has not yet ended.
    pub(crate) at_rest: Sample,
}

impl Curve {
    /// The samples of a quarter of the run, counted from 0.
    fn quarter(&self, number: usize) -> Vec<Sample> {
        let all = self.at_rest.done;
        let is_in = |sample: &&Sample| sample.done * 4 / all.max(1) == number;
        self.samples.iter().filter(is_in).copied().collect()
    }

    /// The median of a figure in a quarter.
    pub(crate) fn median(&self, quarter: usize, figure: Figure) -> u64 {
        let mut figures: Vec<u64> = self.quarter(quarter).iter().map(figure).collect();
        assert!(figures.len() >= 3, "the run was too short to be looked at");
        figures.sort_unstable();
        figures[figures.len() / 2]
    }

    pub(crate) fn assert_flat(&self, workers: usize) {
        let is_small = self.at_rest.done <= SMALL;
        let slacks = if is_small { SLACKS_OF_SMALL } else { SLACKS };
        for ((name, figure), slack) in FIGURES.into_iter().zip(slacks) {
            let (before, after) = (self.median(1, figure), self.median(3, figure));
            let allowed = before + before / 20 + slack;
            assert!(after <= allowed, "{name}: {before}, then {after}");
        }
        let most = self.samples.iter().map(|sample| sample.threads).max();
        let allowed = workers as u64 + OTHER_THREADS;
        assert!(most <= Some(allowed), "{most:?} threads");
        assert!(self.at_rest.threads <= allowed, "{:?}", self.at_rest);
    }
}
