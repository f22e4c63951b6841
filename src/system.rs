//! Errors of the operating system: their text, and a lack of descriptors.

use std::io;
use std::time::Duration;

/// The pause before another try to open a descriptor.
pub(crate) const SHORTAGE_PAUSE: Duration = Duration::from_millis(20);

/// The text of `error` for the middle of a sentence: without a capital in front and the error's number behind.
pub(crate) fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match (error.raw_os_error(), text.rfind(" (os error")) {
        (Some(_), Some(end)) => &text[..end],
        _ => text.as_str(),
    };
    match text.as_bytes() {
        [b'A'..=b'Z', b'a'..=b'z', ..] => text[..1].to_ascii_lowercase() + &text[1..],
        _ => text.to_owned(),
    }
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
}
