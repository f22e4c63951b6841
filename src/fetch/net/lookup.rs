//! One look-up of a name by the system's `getaddrinfo`, and what its answer is worth.
//!
//! What is certain is told apart from what is only passing, and both from a want of descriptors, which
//! the system's resolver does not always own up to. Blocks for as long as the system likes.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType};

use super::descriptors::Descriptors;
use super::sys::is_out_of_descriptors;
use crate::fetch::failure::os_text;
use crate::fetch::options::Family;

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    /// The name has none.
    NoAddress,
    /// It could not be found out; the text says why.
    Unknown(Arc<str>),
    /// No descriptor was left to ask with.
    NoDescriptor,
}

/// `getaddrinfo` has one error for all of it (EAI_AGAIN).
const AGAIN: &str =
    "the name servers failed (SERVFAIL), refused to answer, or did not answer in time";

/// The addresses of `name`, in the order that the system prefers.
pub(super) fn look_up(
    name: &str,
    family: Family,
    descriptors: &Arc<Descriptors>,
) -> Result<Vec<IpAddr>, Miss> {
    let ticket = descriptors.ticket();
    let answer = ask_system(name, family);
    if answer == Err(Miss::NoDescriptor) {
        ticket.give_back_quietly();
    }
    answer
}

fn ask_system(name: &str, family: Family) -> Result<Vec<IpAddr>, Miss> {
    let hints = AddrInfoHints {
        // Only the question of that family is asked, and waited for.
        address: match family {
            Family::Any => 0,
            Family::V4 => AddrFamily::Inet.into(),
            Family::V6 => AddrFamily::Inet6.into(),
        },
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    // It fails, so that the thread's last error is not one of an earlier look-up.
    let _ = std::fs::metadata("");
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        // The C library says that a name is not known when it could not open what it asks with.
        // That it could not is still in `errno`, which success leaves alone.
        let last = io::Error::last_os_error();
        if is_out_of_descriptors(&last) {
            return Miss::NoDescriptor;
        }
        let kind = error.kind();
        miss(kind, &error.into())
    })?;
    // What is of another family than IP is no error of the others.
    let found: Vec<IpAddr> = found.flatten().map(|info| info.sockaddr.ip()).collect();
    if found.is_empty() {
        return Err(Miss::NoAddress);
    }
    Ok(found)
}

/// What an error of `getaddrinfo` says of the name.
fn miss(kind: LookupErrorKind, error: &io::Error) -> Miss {
    match kind {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Miss::NoAddress,
        _ if is_out_of_descriptors(error) => Miss::NoDescriptor,
        LookupErrorKind::Again => Miss::Unknown(AGAIN.into()),
        LookupErrorKind::Fail => Miss::Unknown("the name server refused to answer".into()),
        _ => Miss::Unknown(os_text(error).into()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_is_certain_is_told_apart_from_what_is_passing() {
        let other = || io::Error::other("failed");
        let text = |text: &str| Miss::Unknown(text.into());
        for (kind, error, expected) in [
            (LookupErrorKind::NoName, other(), Miss::NoAddress),
            (LookupErrorKind::NoData, other(), Miss::NoAddress),
            (
                LookupErrorKind::System,
                Errno::MFILE.into(),
                Miss::NoDescriptor,
            ),
            (
                LookupErrorKind::System,
                Errno::NFILE.into(),
                Miss::NoDescriptor,
            ),
            (
                LookupErrorKind::System,
                Errno::CONNREFUSED.into(),
                text("connection refused"),
            ),
            (LookupErrorKind::Again, other(), text(AGAIN)),
            (
                LookupErrorKind::Fail,
                other(),
                text("the name server refused to answer"),
            ),
            (LookupErrorKind::Memory, other(), text("failed")),
        ] {
            assert_eq!(miss(kind, &error), expected, "{kind:?} {error}");
        }
    }

    #[test]
    fn this_machine_is_found() {
        let found = look_up("localhost", Family::Any, &Arc::default()).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
