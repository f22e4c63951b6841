//! The cost of the schedule's limits for each item: `cargo bench --bench schedule [-- --small]`.
//!
//! A run pushes items of 10,000 hosts through a schedule as the engine does: 50 run at any time, and the oldest ends first.
//! Each pair has a run without limits and one with them, in alternating order, so that a machine that slows down affects
//! both. Prints a Markdown table of medians over the pairs. The clock is simulated.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

// The schedule is not public, so this file includes it, and uses a part of it. Cargo also builds the bench with `cfg(test)`,
// which includes the schedule's tests but no test harness.
#[allow(dead_code, unused_imports)]
#[path = "../src/schedule/mod.rs"]
mod schedule;

use schedule::retry::Retries;
use schedule::{Arrival, HostKey, Next, Options, PerSecond, Reply, Schedule, Workers};

const WORKERS: usize = 50;
const FREE: Workers = Workers {
    are_free: true,
    queued: 0,
};
const WINDOW: usize = 8 * WORKERS;
const HOSTS: usize = 10_000;

/// An item as large as a target with its host.
struct Item {
    host: HostKey,
    _rest: [u64; 12],
}

/// The order in which a list names its hosts.
#[derive(Clone, Copy)]
enum List {
    /// Each host in turn, repeatedly.
    Mixed,
    /// All items of a host in a row.
    Sorted,
}

/// One row of the table.
struct Row {
    name: &'static str,
    options: Options,
    list: List,
}

fn rows() -> [Row; 5] {
    let none = Options {
        window: WINDOW,
        ..Options::default()
    };
    let capped = Options {
        per_host: Some(1),
        ..none.clone()
    };
    let row = |name, list, options| Row {
        name,
        options,
        list,
    };
    [
        row(
            "`--retries`",
            List::Mixed,
            Options {
                retries: Retries {
                    most: 1,
                    first_delay: Duration::ZERO,
                },
                ..none.clone()
            },
        ),
        row("`--per-host 1`", List::Mixed, capped.clone()),
        row(
            "`--per-host 1`, list sorted by host",
            List::Sorted,
            capped.clone(),
        ),
        row(
            // Shorter than the time between two items of a host; otherwise the run would measure waiting.
            "`--per-host 1 --host-delay 1ms`",
            List::Mixed,
            Options {
                host_delay: Duration::from_millis(1),
                ..capped
            },
        ),
        row(
            "`--rate` beyond reach",
            List::Mixed,
            Options {
                rate: Some(PerSecond::whole(u32::MAX)),
                ..none
            },
        ),
    ]
}

/// Sends `items` through a schedule; returns the nanoseconds for each.
fn run(options: &Options, list: List, hosts: &[HostKey], items: usize) -> f64 {
    let start = Instant::now();
    let mut schedule = Schedule::new(options.clone());
    let in_a_row = items.div_ceil(hosts.len());
    let mut running = VecDeque::with_capacity(WORKERS);
    let (mut pushed, mut ended, mut now) = (0, 0, start);
    while ended < items {
        for _ in 0..schedule.room().min(items - pushed) {
            let host = match list {
                List::Mixed => pushed % hosts.len(),
                List::Sorted => pushed / in_a_row,
            };
            let host = Arc::clone(&hosts[host]);
            let value = Item {
                host: Arc::clone(&host),
                _rest: [pushed as u64; 12],
            };
            schedule.push(Arrival::new(value, host, None));
            pushed += 1;
        }
        now += Duration::from_micros(1);
        while running.len() < WORKERS
            && let Next::Start(item) = schedule.next(FREE, now)
        {
            running.push_back(black_box(item));
        }
        let Some(item) = running.pop_front() else {
            continue;
        };
        schedule.finished(&item.host, now, Reply::Served, now);
        ended += 1;
    }
    start.elapsed().as_nanos() as f64 / items as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The times of each pair of runs, without limits and with those of `row`.
fn measure(row: &Row, hosts: &[HostKey], items: usize, pairs: usize) -> Vec<(f64, f64)> {
    let none = Options {
        window: WINDOW,
        ..Options::default()
    };
    let without = || run(&none, row.list, hosts, items);
    let with = || run(&row.options, row.list, hosts, items);
    let pair = |number: usize| {
        if number.is_multiple_of(2) {
            let without = without();
            (without, with())
        } else {
            let with = with();
            (without(), with)
        }
    };
    // The first pair warms up.
    (0..=pairs).map(pair).skip(1).collect()
}

fn main() {
    let given = |flag| std::env::args().any(|argument| argument == flag);
    // `cargo test --all-targets` also runs this, unoptimised and without the flag `--bench`.
    let small = given("--small") || !given("--bench");
    let (items, pairs) = if small { (20_000, 3) } else { (500_000, 11) };
    let hosts: Vec<HostKey> = (0..HOSTS)
        .map(|host| HostKey::from(format!("www.host-{host}.example:443")))
        .collect();
    println!("{items} items, {HOSTS} hosts, {WORKERS} running, medians of {pairs} pairs\n");
    println!("| limits | without, ns an item | with, ns an item | ratio | difference, ns |");
    println!("|---|---|---|---|---|");
    for row in rows() {
        let times = measure(&row, &hosts, items, pairs);
        let of = |number: fn(&(f64, f64)) -> f64| median(times.iter().map(number).collect());
        let (without, with) = (of(|t| t.0), of(|t| t.1));
        let (ratio, difference) = (of(|t| t.1 / t.0), of(|t| t.1 - t.0));
        let name = row.name;
        println!("| {name} | {without:.0} | {with:.0} | {ratio:.1} | {difference:.0} |");
    }
}
