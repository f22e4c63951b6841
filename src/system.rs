//! Errors of the operating system: their text, and a lack of descriptors, which passes.
//!
//! When descriptors are short, it is the run's own connections and look-ups that hold them. A file is therefore tried
//! again for a while. Any other error is returned at once.

use std::io;
use std::thread;
use std::time::Duration;

/// The pause between two tries to open a descriptor.
pub(crate) const SHORTAGE_PAUSE: Duration = Duration::from_millis(20);

/// Tries before a file is given up: for two minutes, twice the default time limit of a request.
const MOST_TRIES: u32 = 6000;

/// An operating system's error as a person would write it in the middle of a sentence: no capital
/// at the front, no number behind.
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

/// Calls `open` until it gives anything but a lack of descriptors. Blocks for two minutes at most.
///
/// # Errors
///
/// What `open` gave last.
pub(crate) fn wait_out_shortage<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..MOST_TRIES {
        match open() {
            Err(error) if is_out_of_descriptors(&error) => thread::sleep(SHORTAGE_PAUSE),
            opened => return opened,
        }
    }
    open()
}

/// Whether the process or the system has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(
            Errno::from_io_error(error),
            Some(Errno::MFILE | Errno::NFILE)
        )
    }
    // WSAEMFILE, for which the standard library has no kind.
    #[cfg(not(unix))]
    return cfg!(windows) && error.raw_os_error() == Some(10024);
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn system_errors_read_as_part_of_a_sentence() {
        let refused = io::Error::from(Errno::CONNREFUSED);
        assert_eq!(os_text(&refused), "connection refused");
        assert_eq!(os_text(&io::Error::other("TLS is odd")), "TLS is odd");
        assert_eq!(os_text(&io::Error::other("")), "");
    }

    #[test]
    fn a_shortage_is_waited_out_and_nothing_else_is() {
        for (error, expected) in [
            (Errno::MFILE, Ok(3)),
            (Errno::NFILE, Ok(3)),
            (Errno::NOSPC, Err(Errno::NOSPC)),
        ] {
            let mut tries = 0;
            let opened = wait_out_shortage(|| {
                tries += 1;
                if tries < 3 {
                    Err(error.into())
                } else {
                    Ok(tries)
                }
            });
            let opened = opened.map_err(|error| Errno::from_io_error(&error).unwrap());
            assert_eq!(opened, expected, "{error}");
        }
    }
}
