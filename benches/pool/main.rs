//! The time of a job from submission to result, and its context switches, beside other pools.
//!
//! All pools do the same work in one process, in turn (A B C D B C D A ..), so that a drift of the machine's speed
//! affects all. A ratio is the median of the ratios of each turn. Prints a Markdown table. `cargo bench --bench pool`
//! runs the full form; `-- --small` and `cargo test` run a small one, which only checks that the bench works.

mod peers;
mod work;

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use fetchpool::pool::ThreadPool;
use peers::{Fetchpool, Peer, Rayon, RustyPool, Threadpool};
use work::Work;

/// How jobs are submitted, and what the bench waits for.
#[derive(Clone, Copy)]
enum Shape {
    RoundTrip,
    ManyRoundTrips,
    Channel,
    ManyChannels,
    Futures,
    ManyFutures,
    Batch,
    BatchChannel,
    BatchFutures,
}

const SUBMITTERS: usize = 8;

impl Shape {
    const ALL: [Self; 9] = [
        Self::RoundTrip,
        Self::ManyRoundTrips,
        Self::Channel,
        Self::ManyChannels,
        Self::Futures,
        Self::ManyFutures,
        Self::Batch,
        Self::BatchChannel,
        Self::BatchFutures,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round trip",
            Self::ManyRoundTrips => "round trip, 8 submitters",
            Self::Channel => "one by one, results by channel",
            Self::ManyChannels => "one by one, results by channel, 8 submitters",
            Self::Futures => "one by one, a future each",
            Self::ManyFutures => "one by one, a future each, 8 submitters",
            Self::Batch => "batch, no results",
            Self::BatchChannel => "batch, results by channel",
            Self::BatchFutures => "batch, a future each",
        }
    }

    fn jobs(self, work: Work, small: bool) -> usize {
        let jobs = match self {
            Self::RoundTrip | Self::ManyRoundTrips => 2_000,
            _ if work.rounds > 0 => 4_000,
            _ => 40_000,
        };
        if small { jobs / 20 } else { jobs }
    }

    fn run(self, peer: &dyn Peer, work: Work, jobs: usize) {
        let share = jobs / SUBMITTERS;
        match self {
            Self::RoundTrip => peer.round_trips(work, jobs),
            Self::ManyRoundTrips => at_once(|| peer.round_trips(work, share)),
            Self::Channel => peer.channel(work, jobs),
            Self::ManyChannels => at_once(|| peer.channel(work, share)),
            Self::Futures => peer.futures(work, jobs),
            Self::ManyFutures => at_once(|| peer.futures(work, share)),
            Self::Batch => peer.batch(work, jobs),
            Self::BatchChannel => peer.batch_channel(work, jobs),
            Self::BatchFutures => peer.batch_futures(work, jobs),
        }
    }

    /// Whether context switches can be counted: not for submitters, whose threads have ended.
    fn counts_switches(self) -> bool {
        !matches!(
            self,
            Self::ManyRoundTrips | Self::ManyChannels | Self::ManyFutures
        )
    }
}

fn at_once(submitter: impl Fn() + Sync) {
    thread::scope(|scope| {
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
    let switches = before
        .zip(switches())
        .map(|(before, after)| after.saturating_sub(before));
    Sample { time, switches }
}

/// The context switches of all live threads so far; `None` if the kernel does not count them.
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

/// The cells of one row: this pool's time, its ratio to each other pool's time, and the context
/// switches of each.
fn row(shape: Shape, work: Work, peers: &[Box<dyn Peer>], turns: usize, small: bool) -> String {
    let jobs = shape.jobs(work, small);
    let mut samples: Vec<Vec<Sample>> = peers.iter().map(|_| Vec::new()).collect();
    for turn in 0..=turns {
        for place in 0..peers.len() {
            let nth = (turn + place) % peers.len();
            // The threads of the previous pool may still look for work.
            thread::sleep(Duration::from_millis(2));
            let sample = measure(shape, &*peers[nth], work, jobs);
            // The first turn warms up.
            if turn > 0 {
                samples[nth].push(sample);
            }
        }
    }
    let own = &samples[0];
    let nanoseconds = own
        .iter()
        .map(|sample| sample.time.as_nanos() as f64 / jobs as f64);
    let mut cells = format!("{:.0}", median(nanoseconds.collect()));
    for theirs in &samples[1..] {
        let ratios = own
            .iter()
            .zip(theirs)
            .map(|(own, theirs)| own.time.as_secs_f64() / theirs.time.as_secs_f64());
        cells += &format!(" | {:.2}", median(ratios.collect()));
    }
    for samples in &samples {
        cells += &switches_cell(shape, jobs, samples);
    }
    cells
}

fn switches_cell(shape: Shape, jobs: usize, samples: &[Sample]) -> String {
    let per_job = |sample: &Sample| sample.switches.map(|count| count as f64 / jobs as f64);
    match samples.iter().map(per_job).collect::<Option<Vec<f64>>>() {
        Some(switches) if shape.counts_switches() => format!(" | {:.3}", median(switches)),
        _ => " | ".to_owned(),
    }
}

fn peers(workers: usize) -> [Box<dyn Peer>; 4] {
    let pool = "the machine grants that many threads";
    [
        Box::new(Fetchpool(ThreadPool::new(workers).expect(pool))),
        Box::new(Threadpool(Mutex::new(threadpool::ThreadPool::new(workers)))),
        Box::new(RustyPool::new(workers)),
        Box::new(Rayon(
            rayon::ThreadPoolBuilder::new()
                .num_threads(workers)
                .build()
                .expect(pool),
        )),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let small = has("--small") || !has("--bench");
    let filter = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    let turns = if small { 3 } else { 41 };
    let ten = Work::ten_microseconds();
    println!(
        "| workers | job | submission | ns a job | : threadpool | : rusty_pool | : rayon | switches a job | threadpool | rusty_pool | rayon |"
    );
    println!("|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for workers in [5, 50] {
        let peers = peers(workers);
        for (job, work) in [("empty", Work::EMPTY), ("10 µs", ten)] {
            for shape in Shape::ALL {
                let name = format!("| {workers} | {job} | {} |", shape.name());
                if filter.is_none_or(|filter| name.contains(filter.as_str())) {
                    println!("{name} {} |", row(shape, work, &peers, turns, small));
                }
            }
        }
    }
}
