//! Which address wins, what is named when none does, and what a shortage of descriptors leaves.

use std::net::TcpListener;

use super::*;
use crate::fetch::net::reach::happy_eyeballs::{ConnectError, HappyEyeballs};
use crate::fetch::net::reach::lookup::Lookup;
use crate::fetch::net::reach::private::refusal;

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Connections to the addresses of a rule.
fn resolving(addresses: &str, port: u16) -> Options {
    Options {
        resolve: vec![format!("a.test:{port}:{addresses}").parse().unwrap()],
        ..Options::default()
    }
}

// Windows words errors otherwise.
#[cfg(unix)]
#[test]
fn a_known_address_needs_no_look_up_and_the_failure_names_what_refused() {
    let (listener, port) = listener();
    let reach = reach(resolving("127.0.0.1", port));
    for host in ["a.test", "127.0.0.1", "localhost", "b.localhost"] {
        let opened = reach.open_blocking(request(host, port)).unwrap();
        assert_eq!(opened.dns, None);
        assert_eq!(
            opened.tcp.peer_addr().unwrap(),
            listener.local_addr().unwrap()
        );
        assert!(opened.tcp.nodelay().unwrap());
    }
    drop(listener);
    let error = reach.open_blocking(request("a.test", port)).unwrap_err();
    let text = format!("127.0.0.1:{port}: connection refused");
    assert_eq!(
        error.cause,
        Cause::Failed(Failure::new(FailureKind::Connect, text))
    );
}

#[test]
fn private_addresses_are_refused_except_a_proxys() {
    let (_listener, port) = listener();
    let options = |rule| Options {
        deny_private: true,
        ..resolving(rule, port)
    };
    let open = |rule, request| match reach(options(rule)).open_blocking(request) {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.into_failure(Duration::ZERO).to_string(),
    };
    assert_eq!(
        open("127.0.0.1,10.0.0.1", request("a.test", port)),
        "blocked_address: a.test is at 127.0.0.1, a loopback address"
    );
    assert_eq!(
        open("127.0.0.1", request("[::1]", port)),
        "blocked_address: ::1 is a loopback address"
    );
    let proxy = Request {
        is_proxy: true,
        ..request("a.test", port)
    };
    assert_eq!(open("127.0.0.1", proxy), "ok");
    assert!(refusal(ip("8.8.8.8")).is_none());
}

#[test]
fn a_connection_waits_for_the_permit_of_another_and_that_does_not_count() {
    let (_listener, port) = listener();
    let options = Options {
        descriptors: Some(1),
        ..resolving("127.0.0.1", port)
    };
    let reach = reach(options);
    let first = reach.open_blocking(request("a.test", port)).unwrap();
    let (sender, receiver) = mpsc::channel();
    let second = Request {
        limit: Some(Duration::from_secs(5)),
        ..request("a.test", port)
    };
    reach.open(second, move |opened| sender.send(opened).unwrap());
    while !reach.config.budget.has_waiters() {
        thread::yield_now();
    }
    drop(first);
    let second = receiver.recv().unwrap().unwrap();
    assert!(second.waited > Duration::ZERO);
    assert!(!reach.config.budget.has_waiters());
}

#[test]
fn a_cancel_ends_the_wait_for_a_permit() {
    let (_listener, port) = listener();
    let options = Options {
        descriptors: Some(1),
        ..resolving("127.0.0.1", port)
    };
    let reach = reach(options);
    let _first = reach.open_blocking(request("a.test", port)).unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| reach.open_blocking(request("a.test", port)));
        while !reach.config.budget.has_waiters() {
            thread::yield_now();
        }
        reach.cancel();
        assert_eq!(second.join().unwrap().unwrap_err().cause, Cause::Cancelled);
    });
}

/// A listener whose queue is full: the handshake of a further connection is left unanswered.
#[cfg(target_os = "linux")]
fn silent(port: u16) -> (socket2::Socket, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 2], port)).into();
    let full = socket();
    full.bind(&address).unwrap();
    full.listen(0).unwrap();
    let fill = || {
        let client = socket();
        client.set_nonblocking(true).unwrap();
        // It is in progress, or for ever.
        let _ = client.connect(&address);
        client
    };
    let clients = (0..8).map(|_| fill()).collect();
    (full, clients)
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_answer_costs_no_more_than_the_attempt_delay() {
    let (listener, port) = listener();
    let _silent = silent(port);
    let reach = reach(resolving("127.0.0.2,127.0.0.1", port));
    let opened = reach.open_blocking(request("a.test", port)).unwrap();
    assert_eq!(
        opened.tcp.peer_addr().unwrap(),
        listener.local_addr().unwrap()
    );
    let dead = Request {
        limit: Some(Duration::from_millis(20)),
        ..request("127.0.0.2", port)
    };
    let error = reach.open_blocking(dead).unwrap_err();
    assert_eq!(error.cause, Cause::TimedOut(Phase::Connect));
}

#[cfg(target_os = "linux")]
#[test]
fn an_attempt_that_was_given_up_for_its_descriptor_is_made_again() {
    let (_listener, port) = listener();
    let (full, clients) = silent(port);
    // One descriptor: the third address can only be tried if the first is given up.
    let options = Options {
        descriptors: Some(1),
        ..Options::default()
    };
    let config = reach(options).config;
    let _first_permit = config.budget.try_acquire().unwrap();
    let mut lookup = Lookup::known(&[], Family::Any, false);
    let found = [ip("127.0.0.2"), ip("127.0.0.3")];
    let mut attempts = HappyEyeballs::new(&config, &found, port, &mut lookup);
    block_on(async {
        let wait = Duration::from_millis(600);
        assert!(tokio::time::timeout(wait, attempts.run()).await.is_err());
        full.set_nonblocking(true).unwrap();
        while full.accept().is_ok() {}
        drop(clients);
        let stream = attempts
            .run()
            .await
            .expect("it answers now, and the other has refused");
        assert_eq!(stream.peer_addr().unwrap().ip(), found[0]);
    });
}

#[test]
fn the_failure_names_three_addresses_at_most() {
    let (listener, port) = listener();
    drop(listener);
    let config = reach(Options::default()).config;
    let mut lookup = Lookup::known(&[], Family::Any, false);
    let found: Vec<IpAddr> = (1..=20)
        .map(|last| IpAddr::from([127, 0, 0, last]))
        .collect();
    let mut attempts = HappyEyeballs::new(&config, &found, port, &mut lookup);
    let Err(ConnectError::Refused(text)) = block_on(attempts.run()) else {
        panic!("connected to a port without a listener");
    };
    assert!(
        text.starts_with(&format!("127.0.0.1:{port}: ")) && text.ends_with("; and 13 more"),
        "{text}"
    );
}
