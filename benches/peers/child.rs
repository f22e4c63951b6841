//! Runs one process and tells what it took.
//!
//! The kernel counts what children took in one sum for all of them, and their peak memory as one maximum,
//! so each is started by a runner of its own: this same program, called with [`RUNNER`], which has no
//! other child. What a child's own children took is counted with it once it has waited for them. The
//! runner prints one line; [`measure`] reads it. A child that never ends is killed, by its id.

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

/// Far beyond what any row takes, so that only a process that hangs meets it.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Spelled as curl and as Python read them: a proxy in the environment would be measured instead.
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

/// What one process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The most memory that it, or any one of its children, had at a time, in KiB.
    pub(crate) peak_kib: u64,
    /// Context switches, voluntary and not.
    pub(crate) switches: u64,
}

/// Where runs leave what they print.
pub(crate) struct Outputs {
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

/// Runs a program with `environment` added to this one's, less its proxies.
///
/// # Errors
///
/// A program that cannot be started or ends with a status other than 0, with what it said on stderr.
pub(crate) fn measure(
    command: &[OsString],
    environment: &[(&str, OsString)],
    until: Until,
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
    if ok == 0 {
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

/// The runner: `args` are what follows [`RUNNER`]. Prints whether the child ended well (1 or 0), wall in
/// ns, CPU in us, peak memory in KiB and context switches.
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
            // The wait below then tells that it was killed; there is nobody else to tell.
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
