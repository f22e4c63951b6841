//! One look-up of a name by the system's `getaddrinfo`, which blocks without a time limit.
//!
//! A lasting error is told from a passing one, and both from a lack of descriptors, which the system's resolver does not
//! always report as such.

use std::io;
use std::net::IpAddr;

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType};

use super::dns::FAILED;
use super::resolver::Miss;
use crate::fetch::options::Family;
use crate::system::{is_out_of_descriptors, os_text};

/// The addresses of `name`, in the order that the system prefers.
pub(super) fn look_up(name: &str, family: Family) -> Result<Vec<IpAddr>, Miss> {
    let hints = AddrInfoHints {
        // Only that family is asked for, and waited for.
        address: match family {
            Family::Any => 0,
            Family::V4 => AddrFamily::Inet.into(),
            Family::V6 => AddrFamily::Inet6.into(),
        },
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    // This fails, and so replaces the last error of an earlier look-up.
    let _ = std::fs::metadata("");
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        // The C library reports an unknown name when it could not open a socket or file. `errno` still tells: success
        // does not reset it.
        let last = io::Error::last_os_error();
        if is_out_of_descriptors(&last) {
            return Miss::NoDescriptor;
        }
        let kind = error.kind();
        miss(kind, &error.into())
    })?;
    // Skip addresses of other families than IP.
    let found: Vec<IpAddr> = found.flatten().map(|info| info.sockaddr.ip()).collect();
    if found.is_empty() {
        return Err(Miss::NoAddress);
    }
    Ok(found)
}

fn miss(kind: LookupErrorKind, error: &io::Error) -> Miss {
    match kind {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Miss::NoAddress,
        _ if is_out_of_descriptors(error) => Miss::NoDescriptor,
        LookupErrorKind::Again => Miss::Unknown(FAILED.into()),
        LookupErrorKind::Fail => Miss::Unknown("the name server refused to answer".into()),
        _ => Miss::Unknown(os_text(error).into()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn lasting_errors_are_told_from_passing_ones() {
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
            (LookupErrorKind::Again, other(), text(FAILED)),
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
        let found = look_up("localhost", Family::Any).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
