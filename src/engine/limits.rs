//! How many idle connections the process may hold open, given the descriptors it has.

use crate::fetch;

/// Descriptors that are neither a worker's connection nor an idle one: the standard streams, the
/// lists, a few for the resolver's sockets and the signal pipe.
const RESERVED: u64 = 32;

/// Lowers the cap of idle connections in `options` so that `jobs` workers always find a
/// descriptor for a new connection among the `files` that may be open.
///
/// With fewer descriptors than workers nothing may idle, and `fetch` makes its callers wait for
/// each other.
pub(crate) fn fit_descriptors(
    mut options: fetch::Options,
    jobs: usize,
    files: u64,
) -> fetch::Options {
    // Two a worker: the second attempt of a staggered connect runs beside the first.
    let spare = files.saturating_sub(RESERVED + 2 * jobs as u64);
    let spare = usize::try_from(spare).unwrap_or(usize::MAX);
    options.idle_connections = options.idle_connections.min(spare);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_leave_room_for_the_workers() {
        let cap = |jobs, files| {
            let options = fetch::Options {
                idle_connections: 1000,
                ..fetch::Options::default()
            };
            fit_descriptors(options, jobs, files).idle_connections
        };
        assert_eq!(cap(5, 1 << 20), 1000);
        assert_eq!(cap(50, 256), 124);
        assert_eq!(cap(200, 40), 0);
    }
}
