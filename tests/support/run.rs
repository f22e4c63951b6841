//! The builder of one run of the binary: its input and its expected result. The run has its own temporary directory,
//! and nothing from the developer's environment (no proxy, no NO_COLOR, no certificates). By default status 0 and two
//! empty streams are expected.

use super::expect::Expect;
use super::running::{Ended, Running};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Describes a run of `fetchpool`.
pub(crate) fn fetchpool() -> Fetchpool {
    let directory = tempfile::tempdir().expect("the tests need a temporary directory");
    Fetchpool {
        environment: plain_environment(directory.path()),
        directory,
        arguments: Vec::new(),
        elsewhere: None,
        first: None,
        stdin: Input::Empty,
        stdout: Stdio::Pipe,
        stderr: Stdio::Pipe,
        status: 0,
        also_good: &[],
        expect_stdout: "".into(),
        expect_stderr: "".into(),
    }
}

/// A run that has not started.
#[must_use = "a run that is not started checks nothing: end with .run() or .start()"]
pub(crate) struct Fetchpool {
    pub(super) directory: TempDir,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(String, OsString)>,
    pub(super) elsewhere: Option<PathBuf>,
    pub(super) first: Option<&'static str>,
    pub(super) stdin: Input,
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
    pub(super) status: i32,
    pub(super) also_good: &'static [i32],
    pub(super) expect_stdout: Expect,
    pub(super) expect_stderr: Expect,
}

/// Where standard input comes from.
pub(crate) enum Input {
    /// `/dev/null`.
    Empty,
    /// A pipe with these bytes, which then ends.
    Bytes(Vec<u8>),
    /// A pipe that the test writes to during the run.
    Live,
    /// A file or a terminal.
    File(File),
}

/// Where an output stream goes.
pub(crate) enum Stdio {
    /// A pipe to the test, which reads and checks it.
    Pipe,
    /// A file, a device or a terminal. The expectation of this stream is not checked.
    File(File),
}

impl Fetchpool {
    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Fetchpool {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<I>(mut self, arguments: I) -> Fetchpool
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Writes `content` to `name` in the run's directory, and passes `name` as an argument.
    pub(crate) fn list(self, name: &str, content: impl AsRef<[u8]>) -> Fetchpool {
        self.file(name, content).arg(name)
    }

    /// Writes `content` to `name` in the run's directory.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Fetchpool {
        let path = self.place().join(name);
        std::fs::write(path, content).expect("the temporary directory can be written");
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Fetchpool {
        self.environment.retain(|(have, _)| have != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Ignores SIGINT, like a shell for background jobs.
    pub(crate) fn ignoring_interrupt(mut self) -> Fetchpool {
        self.first = Some(r#"trap "" INT"#);
        self
    }

    /// A shell runs `command` (`ulimit`, `umask`) and then becomes the program.
    pub(crate) fn after(mut self, command: &'static str) -> Fetchpool {
        self.first = Some(command);
        self
    }

    /// Runs in `directory`, which outlives the run. Call it before `list` and `file`.
    pub(crate) fn inside(mut self, directory: &Path) -> Fetchpool {
        self.elsewhere = Some(directory.to_owned());
        self
    }

    /// The directory of the run.
    pub(super) fn place(&self) -> &Path {
        self.elsewhere.as_deref().unwrap_or(self.directory.path())
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Fetchpool {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    pub(crate) fn live_stdin(mut self) -> Fetchpool {
        self.stdin = Input::Live;
        self
    }

    pub(crate) fn stdin_from(mut self, file: File) -> Fetchpool {
        self.stdin = Input::File(file);
        self
    }

    pub(crate) fn stdout_to(mut self, stdout: Stdio) -> Fetchpool {
        self.stdout = stdout;
        self
    }

    pub(crate) fn stderr_to(mut self, stderr: Stdio) -> Fetchpool {
        self.stderr = stderr;
        self
    }

    /// The expected end: an exit status, or the value of `killed_by`.
    pub(crate) fn status(mut self, status: i32) -> Fetchpool {
        self.status = status;
        self
    }

    /// Accepts 0 and 1, for tests of something else.
    pub(crate) fn status_0_or_1(self) -> Fetchpool {
        self.status_among(&[0, 1])
    }

    /// Accepts several statuses; the test checks the status itself.
    pub(crate) fn status_among(mut self, good: &'static [i32]) -> Fetchpool {
        self.also_good = good;
        self
    }

    pub(crate) fn stdout(mut self, expect: impl Into<Expect>) -> Fetchpool {
        self.expect_stdout = expect.into();
        self
    }

    pub(crate) fn stderr(mut self, expect: impl Into<Expect>) -> Fetchpool {
        self.expect_stderr = expect.into();
        self
    }

    /// Runs to the end and checks everything.
    pub(crate) fn run(self) -> Ended {
        self.start().finish()
    }

    /// Starts the run. `Running::finish` checks it.
    pub(crate) fn start(self) -> Running {
        Running::start(self)
    }
}

fn plain_environment(home: &Path) -> Vec<(String, OsString)> {
    let mut environment: Vec<(String, OsString)> = vec![
        ("HOME".to_owned(), home.into()),
        ("TERM".to_owned(), "xterm-256color".into()),
        // So that in tests of `dns` a silent name server does not take glibc's twice 5 s.
        ("RES_OPTIONS".to_owned(), "timeout:1 attempts:1".into()),
    ];
    // Coverage runs and instrumented builds need these variables.
    for name in ["PATH", "LLVM_PROFILE_FILE", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            environment.push((name.to_owned(), value));
        }
    }
    environment
}
