//! Reach against name servers and listeners of the tests' own, on loopback.

mod connections;
mod name_server;
mod names;

use std::thread;

use super::*;

fn reach(options: Options) -> Reach {
    let idle = Arc::new(Idle::new(options.idle_connections));
    Reach::new(&options, idle, Budget::new(options.descriptors)).unwrap()
}

fn request(host: &str, port: u16) -> Request {
    Request {
        host: host.into(),
        port,
        limit: Some(Duration::from_secs(60)),
        misses_since: None,
        is_proxy: false,
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Runs on a thread with an event loop, as requests do.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.unwrap(), future)
}
