//! Errors of the operating system: their texts, and waiting for a descriptor.
//!
//! When descriptors are short, the run's own connections and look-ups have them and return them soon. So a file is tried
//! again for a while; any other error is returned at once.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// How long descriptors may be short: twice the default time limit of a request.
const LONGEST: Duration = Duration::from_secs(120);

/// The pause before the first new try; each that follows is twice as long, up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

/// An operating system's error in the middle of a sentence: no capital at the front, no number behind.
pub(crate) fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match (error.raw_os_error(), text.rfind(" (os error")) {
        (Some(_), Some(end)) => &text[..end],
        _ => text.as_str(),
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second))
            if first.is_ascii_uppercase() && second.is_ascii_lowercase() =>
        {
            format!("{}{}", first.to_ascii_lowercase(), &text[1..])
        }
        _ => text.to_owned(),
    }
}

/// Calls `open` until it does not fail for want of a descriptor. Blocks for two minutes at most.
///
/// # Errors
///
/// Those of the last call.
pub(crate) fn wait_out_shortage<T>(open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    wait_out_with(open, Instant::now, thread::sleep)
}

fn wait_out_with<T>(
    mut open: impl FnMut() -> io::Result<T>,
    now: impl Fn() -> Instant,
    pause: impl Fn(Duration),
) -> io::Result<T> {
    let mut begun = None;
    let mut next_pause = FIRST_PAUSE;
    loop {
        match open() {
            Err(error) if is_shortage(&error) => {
                let begun = *begun.get_or_insert_with(&now);
                if now().saturating_duration_since(begun) >= LONGEST {
                    return Err(error);
                }
            }
            opened => return opened,
        }
        pause(next_pause);
        next_pause = (next_pause * 2).min(LAST_PAUSE);
    }
}

/// Whether `error` says that the process or the system has no descriptor left.
fn is_shortage(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(
            Errno::from_io_error(error),
            Some(Errno::MFILE | Errno::NFILE)
        )
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::cell::Cell;

    /// Opens after `failures` times `error`; gives what came of it and the time that it took.
    fn after(failures: u32, error: Errno) -> (io::Result<u32>, Duration) {
        let start = Instant::now();
        let passed = Cell::new(Duration::ZERO);
        let mut tries = 0;
        let open = || {
            tries += 1;
            if tries <= failures {
                return Err(error.into());
            }
            Ok(tries)
        };
        let opened = wait_out_with(
            open,
            || start + passed.get(),
            |pause| passed.set(passed.get() + pause),
        );
        (opened, passed.get())
    }

    #[test]
    fn a_shortage_is_waited_out_and_nothing_else_is() {
        assert_eq!(after(0, Errno::MFILE).0.unwrap(), 1);
        assert_eq!(after(3, Errno::MFILE).0.unwrap(), 4);
        assert_eq!(after(3, Errno::MFILE).1, Duration::from_millis(1 + 2 + 4));
        assert_eq!(after(1000, Errno::NFILE).0.unwrap(), 1001);
        let (refused, took) = after(1, Errno::NOSPC);
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(took, Duration::ZERO);
    }

    #[test]
    fn a_shortage_without_end_is_given_up() {
        let (given_up, took) = after(u32::MAX, Errno::MFILE);
        assert_eq!(
            Errno::from_io_error(&given_up.unwrap_err()),
            Some(Errno::MFILE)
        );
        assert!(took >= LONGEST && took < LONGEST + LAST_PAUSE);
    }
}
