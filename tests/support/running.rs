//! A started run. The test may write lines to it, read its records one at a time, signal it and close its pipes. At the
//! end it must `finish` it, which checks status and both streams. Reads block; the hang guard ends a child that never
//! answers, and the test then fails with all output.

use super::Fetchpool;
use super::guard::{HangGuard, LIMIT};
use super::listener::Listener;
use super::run::{Input, Stdio};
use super::shown::report;
#[cfg(target_os = "linux")]
use rustix::process::kill_process_group;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::sync::Arc;
use std::thread::JoinHandle;

/// A child that has started and is not reaped.
#[must_use = "a run must be finished, or it checks nothing"]
pub(crate) struct Running {
    run: Option<Fetchpool>,
    child: Child,
    pid: Pid,
    guard: Option<HangGuard>,
    stdin: Option<ChildStdin>,
    feeder: Option<JoinHandle<()>>,
    stdout: Option<BufReader<ChildStdout>>,
    seen: Vec<u8>,
    stderr: Option<Listener>,
}

/// The result of a run.
pub(crate) struct Ended {
    /// The exit status, or the value of [`killed_by`].
    pub(crate) status: i32,
    pub(super) how: String,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// The status of a run that a signal ended. It is negative, so that it is no exit status.
pub(crate) const fn killed_by(signal: Signal) -> i32 {
    -signal.as_raw()
}

impl Ended {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("checked to be UTF-8")
    }

    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).expect("checked to be UTF-8")
    }
}

impl Running {
    pub(super) fn start(mut run: Fetchpool) -> Running {
        let mut command = command(&mut run);
        let mut child = command
            .spawn()
            .expect("the binary was built beside this test");
        // Otherwise this process would keep the far side of a terminal open, and never see its end.
        drop(command);
        let pid = Pid::from_child(&child);
        let mut stdin = child.stdin.take();
        let feeder = match &run.stdin {
            Input::Bytes(bytes) => stdin.take().map(|pipe| feed(pipe, bytes.clone())),
            _ => None,
        };
        Running {
            pid,
            guard: Some(HangGuard::new(pid)),
            stdin,
            feeder,
            stdout: child.stdout.take().map(BufReader::new),
            seen: Vec::new(),
            stderr: child.stderr.take().map(Listener::start),
            child,
            run: Some(run),
        }
    }

    /// Writes one line to its standard input, which must be a live pipe.
    pub(crate) fn write_line(&mut self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Writes bytes to its standard input, which must be a live pipe.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let pipe = self.stdin.as_mut().expect("standard input is live");
        pipe.write_all(bytes).expect("it still reads");
    }

    /// Ends its standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Blocks until the next whole line of its standard output, and returns it without the line end.
    pub(crate) fn read_line(&mut self) -> String {
        let pipe = self.stdout.as_mut().expect("standard output is a pipe");
        let mut line = Vec::new();
        pipe.read_until(b'\n', &mut line)
            .expect("a pipe can be read");
        self.seen.extend_from_slice(&line);
        assert_eq!(line.pop(), Some(b'\n'), "standard output ended");
        String::from_utf8(line).expect("records are UTF-8")
    }

    /// Closes the reading end of its standard output, like `head` when it has enough.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Blocks until its standard error contains `fragment`.
    pub(crate) fn wait_for_stderr(&self, fragment: &str) {
        self.stderr
            .as_ref()
            .expect("standard error is a pipe")
            .wait_for(fragment);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("it has not been reaped");
    }

    /// Signals its whole process group. The child must lead it.
    #[cfg(target_os = "linux")]
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid, signal).expect("it has not been reaped");
    }

    /// A figure in kB from `/proc/PID/status`, such as `VmHWM`, the peak of resident memory.
    #[cfg(target_os = "linux")]
    pub(crate) fn kilobytes(&self, figure: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it has not been reaped");
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
        value.unwrap_or_else(|| panic!("no {figure} in {status}"))
    }

    /// Its command line, as other users see it.
    #[cfg(target_os = "linux")]
    pub(crate) fn command_line(&self) -> String {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.child.id()));
        String::from_utf8_lossy(&line.expect("it has not been reaped")).replace('\0', " ")
    }

    /// Ends its standard input, reads the rest, waits for its end and checks everything.
    pub(crate) fn finish(mut self) -> Ended {
        self.close_stdin();
        self.finish_with_stdin_open()
    }

    /// Like `finish`, for a run that must end while its standard input is open.
    pub(crate) fn finish_with_stdin_open(mut self) -> Ended {
        let run = self.run.take().expect("finished once");
        if let Some(mut rest) = self.stdout.take() {
            rest.read_to_end(&mut self.seen)
                .expect("a pipe can be read");
        }
        let ended = self.reap();
        let complaints = complaints(&run, &ended);
        assert!(
            complaints.is_empty(),
            "{}",
            report(&run, &ended, &complaints)
        );
        ended
    }

    /// Waits for the end without reaping, disarms the guard, then reaps.
    fn reap(&mut self) -> Ended {
        let waited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(self.pid), waited) {
            assert_eq!(error, rustix::io::Errno::INTR, "cannot wait for the child");
        }
        let hung = self.guard.take().is_some_and(HangGuard::disarm);
        let status = self.child.wait().expect("it is there to be reaped");
        if let Some(feeder) = self.feeder.take() {
            feeder.join().expect("the feeder does not panic");
        }
        let how = if hung {
            format!("killed by the hang guard after {LIMIT:?}")
        } else {
            status.to_string()
        };
        let killed = || -status.signal().expect("who has no exit status was killed");
        Ended {
            status: status.code().unwrap_or_else(killed),
            how,
            stdout: std::mem::take(&mut self.seen),
            stderr: self.stderr.take().map(Listener::finish).unwrap_or_default(),
        }
    }
}

impl Drop for Running {
    /// If a test panics, kills the child and prints its output.
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let _ = self.child.kill();
        if std::thread::panicking() {
            self.stdout = None;
            let ended = self.reap();
            let complaint = ["the test gave up while this ran".to_owned()];
            eprintln!("{}", report(&run, &ended, &complaint));
        } else {
            let _ = self.child.wait();
            panic!("a run was started and never finished");
        }
    }
}

fn command(run: &mut Fetchpool) -> Command {
    // The variable names another build of the program, such as the release build.
    let program = std::env::var_os("FETCHPOOL");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_fetchpool").into());
    let mut command = if let Some(first) = run.first {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!(r#"{first}; exec "$@""#), "sh"]);
        shell.arg(program);
        shell
    } else {
        do_not_pass_on_ignored_signals();
        Command::new(program)
    };
    command
        .args(&run.arguments)
        .current_dir(run.place())
        .env_clear()
        .envs(run.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(match &run.stdin {
        Input::Empty => std::process::Stdio::null(),
        Input::Bytes(_) | Input::Live => std::process::Stdio::piped(),
        Input::File(file) => handle(file),
    });
    command
        .stdout(stream(&run.stdout))
        .stderr(stream(&run.stderr));
    // Only the child may hold these: a terminal ends when its last holder closes it.
    run.stdout = Stdio::Pipe;
    run.stderr = Stdio::Pipe;
    if let Input::File(_) = run.stdin {
        run.stdin = Input::Empty;
    }
    command
}

/// If the tests themselves run in the background or under nohup, SIGINT or SIGHUP is ignored, and every child would
/// inherit that. A child does not inherit a handler, so an empty handler replaces the ignored signal.
fn do_not_pass_on_ignored_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status
            .lines()
            .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
        for signal in [SIGINT, SIGHUP] {
            if ignored.is_some_and(|mask| mask & (1 << (signal - 1)) != 0) {
                signal_hook::flag::register(signal, Arc::default()).expect("it may be handled");
            }
        }
    });
}

fn stream(stdio: &Stdio) -> std::process::Stdio {
    match stdio {
        Stdio::Pipe => std::process::Stdio::piped(),
        Stdio::File(file) => handle(file),
    }
}

fn handle(file: &std::fs::File) -> std::process::Stdio {
    file.try_clone().expect("a descriptor to spare").into()
}

fn feed(mut pipe: ChildStdin, bytes: Vec<u8>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        // The run has ended before it read everything. Its status and messages say why.
        let _ = pipe.write_all(&bytes);
    })
}

fn shown(status: i32) -> String {
    if status < 0 {
        format!("killed by signal {}", -status)
    } else {
        format!("exit status {status}")
    }
}

fn complaints(run: &Fetchpool, ended: &Ended) -> Vec<String> {
    let mut complaints = Vec::new();
    let also_good = run.also_good.contains(&ended.status);
    if ended.status != run.status && !also_good {
        complaints.push(format!(
            "{} instead of {}",
            shown(ended.status),
            shown(run.status)
        ));
    }
    let streams = [
        ("stdout", &run.expect_stdout, &ended.stdout),
        ("stderr", &run.expect_stderr, &ended.stderr),
    ];
    for (name, expect, bytes) in streams {
        if let Some(complaint) = expect.complaint(bytes) {
            complaints.push(format!("{name}: {complaint}"));
        }
    }
    complaints
}
