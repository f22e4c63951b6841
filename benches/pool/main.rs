//! How long a job takes from submission to result, and how often a thread is switched for it, beside other pools.
//!
//! All pools run the same work in the same process, in turn (A B C D A B C D ..), so that a machine whose speed
//! drifts treats them alike; a ratio is the median of the ratios of each turn. Prints a Markdown table. The full form is
//! `cargo bench --bench pool`; anything else (`-- --small`, or `cargo test`) runs a small one that only shows that it works.

mod peers;

use std::hint::black_box;
use std::time::{Duration, Instant};

use peers::{Fetchpool, Peer, Rayon, RustyPool, Threadpool};

/// What a job does: nothing, or about ten microseconds of arithmetic.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    rounds: u32,
}

impl Work {
    const EMPTY: Self = Self { rounds: 0 };

    /// Finds out how much arithmetic takes ten microseconds here.
    fn ten_microseconds() -> Self {
        const ROUNDS: u32 = 1_000_000;
        let start = Instant::now();
        black_box(Self { rounds: ROUNDS }.run());
        let nanoseconds = start.elapsed().as_nanos().max(1);
        Self {
            rounds: u32::try_from(u128::from(ROUNDS) * 10_000 / nanoseconds)
                .unwrap_or(ROUNDS)
                .max(1),
        }
    }

    #[inline]
    pub(crate) fn run(self) -> u64 {
        (0..self.rounds).fold(1, |state: u64, _| {
            black_box(
                state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            )
        })
    }
}

/// How the jobs come in, and what is waited for.
#[derive(Clone, Copy)]
enum Shape {
    /// One submitter waits for each result before the next job.
    RoundTrip,
    /// Eight submitters do so at once.
    ManyRoundTrips,
    /// One submitter submits job after job, then takes all results.
    Stream,
    /// Eight submitters do so at once.
    ManyStreams,
    /// All jobs at once, by the pool's cheapest way for that, without results; until the last has ended.
    Batch,
    /// All jobs at once, and all results.
    BatchOfResults,
}

const SUBMITTERS: usize = 8;

impl Shape {
    const ALL: [Self; 6] = [
        Self::RoundTrip,
        Self::ManyRoundTrips,
        Self::Stream,
        Self::ManyStreams,
        Self::Batch,
        Self::BatchOfResults,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round trip, 1 submitter",
            Self::ManyRoundTrips => "round trip, 8 submitters",
            Self::Stream => "one by one, 1 submitter",
            Self::ManyStreams => "one by one, 8 submitters",
            Self::Batch => "batch",
            Self::BatchOfResults => "batch with results",
        }
    }

    fn jobs(self, work: Work, small: bool) -> usize {
        let jobs = match self {
            Self::RoundTrip | Self::ManyRoundTrips => 4_000,
            _ if work.rounds > 0 => 8_000,
            _ => 80_000,
        };
        if small { jobs / 40 } else { jobs }
    }

    fn run(self, peer: &dyn Peer, work: Work, jobs: usize) {
        match self {
            Self::RoundTrip => peer.round_trips(work, jobs),
            Self::ManyRoundTrips => at_once(|| peer.round_trips(work, jobs / SUBMITTERS)),
            Self::Stream => peer.stream(work, jobs),
            Self::ManyStreams => at_once(|| peer.stream(work, jobs / SUBMITTERS)),
            Self::Batch => peer.batch(work, jobs),
            Self::BatchOfResults => peer.batch_of_results(work, jobs),
        }
    }
}

fn at_once(submitter: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..SUBMITTERS {
            scope.spawn(&submitter);
        }
    });
}

/// One measurement of one pool.
struct Sample {
    time: Duration,
    switches: Option<u64>,
}

fn measure(shape: Shape, peer: &dyn Peer, work: Work, jobs: usize) -> Sample {
    let before = switches();
    let start = Instant::now();
    shape.run(peer, work, jobs);
    let time = start.elapsed();
    // Threads that have ended since (the submitters) are missing: only batches are reported.
    let switches = before
        .zip(switches())
        .map(|(before, after)| after.saturating_sub(before));
    Sample { time, switches }
}

/// The context switches of all live threads so far; `None` where the kernel does not tell.
fn switches() -> Option<u64> {
    let mut total = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let Ok(status) = std::fs::read_to_string(thread.ok()?.path().join("status")) else {
            continue;
        };
        let counts = status
            .lines()
            .filter_map(|line| line.split_once("ctxt_switches:"));
        total += counts
            .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    Some(total)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(shape: Shape, work: Work, peers: &[Box<dyn Peer>], turns: usize, small: bool) -> String {
    let jobs = shape.jobs(work, small);
    let mut samples: Vec<Vec<Sample>> = peers.iter().map(|_| Vec::new()).collect();
    for turn in 0..=turns {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            let sample = measure(shape, &**peer, work, jobs);
            // The first turn warms up.
            if turn > 0 {
                samples.push(sample);
            }
        }
    }
    let per_job = |value: f64| value / jobs as f64;
    let own = &samples[0];
    let nanoseconds = median(
        own.iter()
            .map(|sample| per_job(sample.time.as_nanos() as f64))
            .collect(),
    );
    let mut cells = format!("{nanoseconds:.0}");
    for theirs in &samples[1..] {
        let ratios = own
            .iter()
            .zip(theirs)
            .map(|(own, theirs)| own.time.as_secs_f64() / theirs.time.as_secs_f64());
        cells += &format!(" | {:.2}", median(ratios.collect()));
    }
    for samples in &samples {
        let switches: Option<Vec<f64>> = samples
            .iter()
            .map(|sample| sample.switches.map(|count| per_job(count as f64)))
            .collect();
        match switches {
            Some(switches) if matches!(shape, Shape::Batch | Shape::BatchOfResults) => {
                cells += &format!(" | {:.3}", median(switches));
            }
            _ => cells += " | ",
        }
    }
    cells
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let small =
        arguments.iter().any(|a| a == "--small") || !arguments.iter().any(|a| a == "--bench");
    let wanted = arguments.iter().skip(1).find(|a| !a.starts_with("--"));
    let turns = if small { 3 } else { 15 };
    println!(
        "| workers | job | submission | fetchpool, ns a job | of threadpool | of rusty_pool | of rayon | switches a job: fetchpool | threadpool | rusty_pool | rayon |"
    );
    println!("|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    let ten = Work::ten_microseconds();
    for workers in [5, 50] {
        let peers: [Box<dyn Peer>; 4] = [
            Box::new(Fetchpool::new(workers)),
            Box::new(Threadpool::new(workers)),
            Box::new(RustyPool::new(workers)),
            Box::new(Rayon::new(workers)),
        ];
        for (job, work) in [("empty", Work::EMPTY), ("10 µs", ten)] {
            for shape in Shape::ALL {
                if wanted.is_some_and(|wanted| {
                    !format!("{workers} {job} {}", shape.name()).contains(wanted.as_str())
                }) {
                    continue;
                }
                println!(
                    "| {workers} | {job} | {} | {} |",
                    shape.name(),
                    row(shape, work, &peers, turns, small)
                );
            }
        }
    }
}
