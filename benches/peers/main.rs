//! fetchpool beside other programs, on the same work: `cargo bench --bench peers [-- --small] [WORDS]`.
//!
//! Runs the release binary and each other program in turn, as processes, against servers that it starts on loopback.
//! Prints a Markdown table of medians of the ratios of each turn. Checks that every page of every run came whole.
//! WORDS select the rows whose name contains them. `--small` does a tenth of the work in fewer turns, and ends with
//! status 1 if curl was faster in a kept-alive or many-hosts row, or was missing. Without cargo's `--bench` it
//! measures nothing, because a test build is no release binary. `FETCHPOOL` in the environment names another binary
//! to measure.

mod bare;
mod call;
mod child;
mod load;
mod machine;
mod names;
mod peer;
mod server;
mod table;
mod turn;
mod work;

use anyhow::{Context, Result, bail};
use machine::Installed;
use peer::Peer;
use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use turn::Bench;
use work::Row;

/// The options of the command line.
#[derive(Debug, Default)]
struct Options {
    measured: bool,
    small: bool,
    words: String,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        for arg in args {
            match arg.as_str() {
                // Cargo passes this to a bench, but not to a bench that runs with the tests.
                "--bench" => options.measured = true,
                "--small" => options.small = true,
                _ if arg.starts_with('-') || !options.words.is_empty() => {
                    bail!("{arg}: it is [--small] [WORDS], WORDS being in the name of a row")
                }
                _ => options.words = arg,
            }
        }
        Ok(options)
    }
}

/// The results of all rows together.
#[derive(Default)]
struct Tally {
    reached: usize,
    goals: usize,
    not_measured: BTreeSet<String>,
    /// The guarded rows in which fetchpool was slower than curl, or curl was missing.
    slower: Vec<String>,
}

fn main() -> ExitCode {
    let asked = env::args().skip(1);
    let mut args = env::args_os().skip(1);
    // The bench starts itself as the runner and as the bare threads.
    match args.next() {
        Some(first) if first == child::RUNNER => {
            return ended(child::run_one(args).map(|()| true));
        }
        Some(first) if first == bare::THREADS => {
            return ended(bare::run(args).map(|()| true));
        }
        _ => {}
    }
    ended(Options::parse(asked).and_then(|options| bench(&options)))
}

fn ended(good: Result<bool>) -> ExitCode {
    match good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("peers: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Measures all selected rows; true if CI may pass.
fn bench(options: &Options) -> Result<bool> {
    if !options.measured {
        println!("Nothing is measured without --bench: run cargo bench --bench peers");
        return Ok(true);
    }
    let rows: Vec<Row> = work::rows(options.small)
        .into_iter()
        .filter(|row| row.name.contains(&options.words))
        .collect();
    if rows.is_empty() {
        bail!("no row has '{}' in its name", options.words);
    }
    let fetchpool =
        env::var_os("FETCHPOOL").map_or(env!("CARGO_BIN_EXE_fetchpool").into(), PathBuf::from);
    let rivals = rows
        .iter()
        .flat_map(|row| row.rivals.iter().map(|(peer, _)| *peer));
    let installed = Installed::find(rivals);
    let dir = scratch()?;
    let mut bench = Bench::new(fetchpool, dir.path())?;
    let mut tally = Tally::default();
    let machine = machine::machine();
    println!("{}", table::HEAD);
    for row in &rows {
        measure(row, &mut bench, &installed, &mut tally)?;
    }
    tell(options, &tally, &machine, &installed);
    Ok(!options.small || tally.slower.is_empty())
}

/// A directory in memory, if there is one, so that the bench does not measure a disk.
fn scratch() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        memory.to_owned()
    } else {
        env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("fetchpool-peers-")
        .tempdir_in(&place)
        .with_context(|| format!("no files can be made in {}", place.display()))
}

fn measure(row: &Row, bench: &mut Bench, installed: &Installed, tally: &mut Tally) -> Result<()> {
    for (peer, goals) in &row.rivals {
        let lacking = installed.lacking(*peer);
        if !lacking.is_empty() {
            let lacking = lacking.join(" and ");
            tally
                .not_measured
                .insert(format!("{} ({lacking} not installed)", peer.name()));
            tally.goals += goals.len();
            if row.guarded && *peer == Peer::Curl {
                tally.slower.push(format!("{} (not measured)", row.name));
            }
            continue;
        }
        let pairs = bench
            .turns(row, *peer)
            .with_context(|| format!("{} beside {}", row.name, peer.name()))?;
        let line = table::line(row, *peer, installed.named(*peer), goals, &pairs);
        println!("{}", line.text);
        tally.reached += line.reached;
        tally.goals += line.goals;
        // Without a ratio the row fails.
        let is_as_fast = line.wall <= 1.0;
        if row.guarded && *peer == Peer::Curl && !is_as_fast {
            tally
                .slower
                .push(format!("{} ({:.2})", row.name, line.wall));
        }
    }
    Ok(())
}

fn tell(options: &Options, tally: &Tally, machine: &str, installed: &Installed) {
    let Tally {
        reached,
        goals,
        not_measured,
        slower,
    } = tally;
    println!("\n{reached} of {goals} goals reached.");
    println!("Machine: {machine}.");
    let others = ["nginx", "rustc"].map(|name| machine::version(name).unwrap_or_default());
    println!(
        "Versions: fetchpool {}; {}; {}.",
        env!("CARGO_PKG_VERSION"),
        others.join("; "),
        installed.versions()
    );
    for peer in not_measured {
        println!("Not measured: {peer}.");
    }
    if options.small && !slower.is_empty() {
        println!(
            "FAILED: not seen to be as fast as curl: {}.",
            slower.join(", ")
        );
    }
}
