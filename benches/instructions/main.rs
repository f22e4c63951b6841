//! User instructions a request, counted by callgrind: `cargo bench --bench instructions [-- --check]`.
//!
//! Runs the release binary on 2,000 and on 4,000 pages of nginx on loopback, each twice: the difference of the lesser
//! counts has no start-up in it. It repeats within half a percent; on a machine with other work it may be 2 % more, as
//! the coordinator then wakes more often. `--check` compares it with table.txt beside this file, and ends with status 1 if
//! a row has grown by more than 3 %. A change that costs or saves more changes the table in the same commit. Compilers
//! differ, so figures of another rustc than the table's are only printed.

#[path = "../peers/load.rs"]
#[allow(dead_code, reason = "a part of the bench peers")]
mod load;
#[path = "../peers/names.rs"]
#[allow(dead_code, reason = "a part of the bench peers")]
mod names;
#[path = "../peers/server.rs"]
#[allow(dead_code, reason = "a part of the bench peers")]
mod server;

use anyhow::{Context, Result, bail, ensure};
use load::Site;
use server::Servers;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

const PAGES: [usize; 2] = [2_000, 4_000];

/// How much a row may be over the table.
const TOLERANCE: f64 = 0.03;

const TABLE: &str = include_str!("table.txt");

/// A name, where the pages are, and the options. `DIR` is an empty directory.
const ROWS: [(&str, Site, &str); 5] = [
    ("kept-alive", Site::Plain, ""),
    ("500 hosts", Site::Hosts, ""),
    ("TLS, kept-alive", Site::KeptTls, ""),
    ("saved", Site::Plain, "-o DIR"),
    ("jsonl", Site::Plain, "-f jsonl"),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag| args.iter().any(|arg| arg == flag);
    if !has("--bench") {
        println!("Nothing is measured without --bench: run cargo bench --bench instructions");
        return ExitCode::SUCCESS;
    }
    match bench(has("--check")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Prints the table as measured. False if a row has grown.
fn bench(checks: bool) -> Result<bool> {
    let (compiler, known) = known();
    let own = compiler_version()?;
    let dir = tempfile::tempdir()?;
    let servers = Servers::start(dir.path())?;
    println!("{own}");
    let mut grown = Vec::new();
    for (name, site, options) in ROWS {
        let count = instructions_a_request(&servers, dir.path(), site, options)?;
        println!("{count:>7}  {name}");
        let most = known.get(name).map(|known| known * (1.0 + TOLERANCE));
        if most.is_none_or(|most| count as f64 > most) {
            grown.push(name);
        }
    }
    if !checks {
        return Ok(true);
    }
    if own != compiler {
        println!("Not checked: the table is of {compiler}.");
        return Ok(true);
    }
    for name in &grown {
        println!("FAILED: {name} is over the table by more than 3 %, or not in it");
    }
    Ok(grown.is_empty())
}

/// The compiler of the table, and its rows.
fn known() -> (&'static str, HashMap<&'static str, f64>) {
    let (compiler, rows) = TABLE.split_once('\n').unwrap_or_default();
    let row = |line: &'static str| {
        let (count, name) = line.trim_start().split_once("  ")?;
        Some((name, count.parse().ok()?))
    };
    (compiler, rows.lines().filter_map(row).collect())
}

fn compiler_version() -> Result<String> {
    let version = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(version.stdout)?.trim().to_owned())
}

fn instructions_a_request(servers: &Servers, dir: &Path, site: Site, options: &str) -> Result<u64> {
    let mut counts = [0; 2];
    for (pages, count) in PAGES.into_iter().zip(&mut counts) {
        let list = dir.join("list");
        fs::write(&list, servers.urls(site, pages).join("\n"))?;
        let saved = tempfile::tempdir_in(dir)?;
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        command.arg(env!("CARGO_BIN_EXE_fetchpool"));
        command.args(["-q", "-j", "5", "--proxy", "", "--cacert"]);
        command.arg(servers.certificate()).arg(&list);
        let options = options.split_whitespace();
        command.args(options.map(|option| match option {
            "DIR" => saved.path().as_os_str(),
            option => option.as_ref(),
        }));
        let first = collected(&mut command, pages)?;
        *count = first.min(collected(&mut command, pages)?);
    }
    let [fewer, more] = counts;
    let difference = more.checked_sub(fewer);
    let difference = difference.context("4,000 pages took less than 2,000")?;
    Ok(difference / (PAGES[1] - PAGES[0]) as u64)
}

/// The instructions that callgrind collected.
fn collected(command: &mut Command, pages: usize) -> Result<u64> {
    let output = command
        .output()
        .context("valgrind cannot be started: install it (Debian: valgrind)")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {told}");
    let records = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    ensure!(records == pages, "{records} records of {pages} pages");
    let found = told.split_once("Collected :");
    let count = found.and_then(|(_, count)| count.split_whitespace().next()?.parse().ok());
    match count {
        Some(count) => Ok(count),
        None => bail!("callgrind did not tell what it collected: {told}"),
    }
}
