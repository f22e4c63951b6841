//! A pseudo-terminal with a screen: what a person would see, and the bytes that drew it. The screen keeps the lines
//! that have scrolled off its top.

use super::PATIENCE;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::num::NonZeroU16;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// A terminal with this number of rows and columns.
pub(crate) struct Pty {
    near: Option<File>,
    shared: Arc<(Mutex<Terminal>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

struct Terminal {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    ended: bool,
}

/// The far side of a terminal, and the side for a program.
pub(crate) fn pair(rows: u16, columns: u16) -> (File, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    // Otherwise programs that other tests start at this moment would keep it open.
    #[cfg(target_os = "linux")]
    let flags = flags | OpenptFlags::CLOEXEC;
    let far = openpt(flags).expect("a pseudo-terminal to spare");
    fcntl_setfd(&far, FdFlags::CLOEXEC).expect("a descriptor has flags");
    grantpt(&far).expect("it is ours");
    unlockpt(&far).expect("it is ours");
    let name = ptsname(&far, Vec::new()).expect("it has a name");
    let near = OpenOptions::new()
        .read(true)
        .write(true)
        .open(std::ffi::OsStr::from_bytes(name.as_bytes()))
        .expect("the terminal can be opened by its name");
    tcsetwinsize(&near, size(rows, columns)).expect("a terminal has a size");
    (File::from(far), near)
}

impl Pty {
    pub(crate) fn open(rows: u16, columns: u16) -> Pty {
        let (far, near) = pair(rows, columns);
        let [rows, columns] =
            [rows, columns].map(|n| NonZeroU16::new(n).expect("not a flat screen"));
        let terminal = Terminal {
            parser: vt100::Parser::new(rows, columns, 100_000),
            bytes: Vec::new(),
            ended: false,
        };
        let shared = Arc::new((Mutex::new(terminal), Condvar::new()));
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || watch(far, &theirs));
        Pty {
            near: Some(near),
            shared,
            thread: Some(thread),
        }
    }

    /// The side for a program to write to and read from.
    pub(crate) fn stream(&self) -> File {
        let near = self
            .near
            .as_ref()
            .expect("it is open until the end is awaited");
        near.try_clone().expect("a descriptor to spare")
    }

    /// Changes the size of the window, like a person with the mouse. The text on the screen is not wrapped again.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut terminal = self.shared.0.lock().unwrap();
        let near = self.near.as_ref().expect("it is open");
        tcsetwinsize(near, size(rows, columns)).expect("a terminal has a size");
        let [rows, columns] =
            [rows, columns].map(|n| NonZeroU16::new(n).expect("not a flat screen"));
        terminal.parser.screen_mut().set_size(rows, columns);
    }

    /// Blocks until a row on the screen contains `fragment`.
    pub(crate) fn wait_for(&self, fragment: &str) {
        let shown = |terminal: &Terminal| terminal.parser.screen().contents().contains(fragment);
        let terminal = self.shared.0.lock().unwrap();
        let (terminal, _) = self
            .shared
            .1
            .wait_timeout_while(terminal, PATIENCE, |terminal| {
                !terminal.ended && !shown(terminal)
            })
            .unwrap();
        let (found, screen) = (shown(&terminal), terminal.parser.screen().contents());
        drop(terminal);
        assert!(
            found,
            "the screen never showed {fragment:?}, but:\n{screen}"
        );
    }

    /// The text on the screen.
    pub(crate) fn screen(&self) -> String {
        self.shared.0.lock().unwrap().parser.screen().contents()
    }

    /// Waits until every program has closed the terminal. Returns all rows, with those that have scrolled off, and the
    /// bytes that drew them. Empty rows at the end are left out.
    pub(crate) fn finish(mut self) -> (Vec<String>, Vec<u8>) {
        self.near = None;
        let thread = self.thread.take().expect("finished once");
        thread.join().expect("the watcher does not panic");
        let mut terminal = self.shared.0.lock().unwrap();
        (terminal.rows(), std::mem::take(&mut terminal.bytes))
    }
}

impl Terminal {
    fn rows(&mut self) -> Vec<String> {
        let screen = self.parser.screen_mut();
        let columns = screen.size().1.get();
        let mut rows = Vec::new();
        for offset in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(offset);
            rows.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, columns));
        while rows.last().is_some_and(|row| row.trim().is_empty()) {
            rows.pop();
        }
        rows
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn watch(mut far: File, shared: &(Mutex<Terminal>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        // When the last program has closed it, Linux returns EIO, other systems the end of the file.
        let count = far.read(&mut buffer).unwrap_or(0);
        let mut terminal = shared.0.lock().unwrap();
        terminal.parser.process(&buffer[..count]);
        terminal.bytes.extend_from_slice(&buffer[..count]);
        terminal.ended = count == 0;
        shared.1.notify_all();
        if terminal.ended {
            return;
        }
    }
}
