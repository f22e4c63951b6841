//! Runs one process and measures it.
//!
//! The kernel keeps one sum of the resources of all children, and one maximum of their memory. So each process has
//! its own runner: this program, called with [`RUNNER`], which has no other child. The resources of a child's own
//! children count once it has waited for them. The runner prints one line, which [`measure`] reads. A child that does
//! not end is killed, by its id.

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The first argument that makes this program a runner.
pub(crate) const RUNNER: &str = "--run-one";

/// Far longer than any row takes, so that it ends only a process that hangs.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// In the spellings of curl and Python. Otherwise the bench would measure a proxy of the environment.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// When the clock stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The process has ended.
    End,
    /// Its first byte on stdout has come; it is then killed.
    FirstByte,
}

/// The resources that one process used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The peak memory of the process, or of the largest of its children, in KiB.
    pub(crate) peak_kib: u64,
    /// Context switches, voluntary and not.
    pub(crate) switches: u64,
}

/// Files for the output of runs.
pub(crate) struct Outputs {
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

/// Runs a program with this process's environment, without proxies, plus `environment`.
///
/// # Errors
///
/// A program that cannot be started, or ends with a status other than 0 although it may not fail; with its standard
/// error.
pub(crate) fn measure(
    command: &[OsString],
    environment: &[(&str, OsString)],
    until: Until,
    may_fail: bool,
    outputs: &Outputs,
) -> Result<Spent> {
    let mut runner = Command::new(std::env::current_exe()?);
    for proxy in PROXIES {
        runner.env_remove(proxy);
    }
    let output = runner
        .arg(RUNNER)
        .arg(if until == Until::End { "end" } else { "first" })
        .args([&outputs.stdout, &outputs.stderr])
        .args(command)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let line = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
    let &[ok, wall, cpu, peak_kib, switches] = numbers.as_slice() else {
        bail!("{command:?} could not be measured");
    };
    if ok == 0 && !may_fail {
        let said = fs::read_to_string(&outputs.stderr).unwrap_or_default();
        bail!("{command:?} failed: {}", said.trim());
    }
    Ok(Spent {
        wall: Duration::from_nanos(wall),
        cpu: Duration::from_micros(cpu),
        peak_kib,
        switches,
    })
}

/// The runner; `args` follow [`RUNNER`]. Prints whether the child succeeded (1 or 0), wall in ns, CPU in us, peak
/// memory in KiB and context switches.
///
/// # Errors
///
/// A child that could not be started or waited for.
pub(crate) fn run_one(mut args: impl Iterator<Item = OsString>) -> Result<()> {
    let mut next = || args.next().context("an argument of the runner is missing");
    let until = if next()? == "end" {
        Until::End
    } else {
        Until::FirstByte
    };
    let stdout = File::create(next()?)?;
    let stderr = File::create(next()?)?;
    let mut command = Command::new(next()?);
    command.args(args).stdin(Stdio::null()).stderr(stderr);
    let (ended_well, wall) = match until {
        Until::End => whole(command.stdout(stdout))?,
        Until::FirstByte => first_byte(command.stdout(Stdio::piped()))?,
    };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    println!(
        "{} {} {} {} {}",
        u8::from(ended_well),
        wall.as_nanos(),
        (usage.user_time() + usage.system_time()).num_microseconds(),
        usage.max_rss(),
        usage.voluntary_context_switches() + usage.involuntary_context_switches(),
    );
    Ok(())
}

fn whole(command: &mut Command) -> Result<(bool, Duration)> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let (ended, has_ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        if has_ended.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
            // The wait below reports that the child was killed.
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let status = child.wait()?;
    let wall = start.elapsed();
    drop(ended);
    Ok((status.success(), wall))
}

fn first_byte(command: &mut Command) -> Result<(bool, Duration)> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let mut pipe = child.stdout.take().context("stdout is not a pipe")?;
    let read = pipe.read(&mut [0])?;
    let wall = start.elapsed();
    child.kill()?;
    child.wait()?;
    Ok((read == 1, wall))
}
