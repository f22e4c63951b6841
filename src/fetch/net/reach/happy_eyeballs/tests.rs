//! Which address wins, what is named when none does, and what a shortage of descriptors leaves.

use std::net::TcpListener;

use super::*;
use crate::fetch::net::io::timeouts::Timeouts;

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|a| a.parse().unwrap()).collect()
}

#[test]
fn families_take_turns_beginning_with_the_preferred_one() {
    for (given, turns) in [
        (
            &["::1", "::2", "::3", "1.1.1.1"][..],
            &["::1", "1.1.1.1", "::2", "::3"][..],
        ),
        (
            &["1.1.1.1", "::1", "::2", "::3"],
            &["1.1.1.1", "::1", "::2", "::3"],
        ),
        (&["1.1.1.1", "1.1.1.2"], &["1.1.1.1", "1.1.1.2"]),
        (
            &["::1", "::1", "1.1.1.1", "::2", "1.1.1.1"],
            &["::1", "1.1.1.1", "::2"],
        ),
        (&[], &[]),
    ] {
        let got: Vec<IpAddr> = interleave(&addresses(given), 80)
            .iter()
            .map(SocketAddr::ip)
            .collect();
        assert_eq!(got, addresses(turns), "{given:?}");
    }
}

/// Without a shortage of descriptors.
fn connect(
    addresses: &[SocketAddr],
    limits: &Timeouts,
    cancel: &Cancel,
) -> Result<TcpStream, ConnectError> {
    HappyEyeballs::new(addresses, &Budget::new(None)).run(
        &Wait {
            limits: *limits,
            cancel,
        },
        &|| unreachable!("descriptors are short"),
    )
}

fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn a_refusing_address_is_followed_by_the_next_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let cancel = Cancel::new().unwrap();
    let stream = connect(&[refusing(), good], &Timeouts::default(), &cancel).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);
    assert!(stream.nodelay().unwrap());
}

#[test]
fn the_failure_names_address_and_reason() {
    let cancel = Cancel::new().unwrap();
    let (one, two) = (refusing(), refusing());
    let Err(ConnectError::Refused(text)) = connect(&[one, two], &Timeouts::default(), &cancel)
    else {
        panic!("connected to a port that nobody listens on");
    };
    assert_eq!(
        text,
        format!("{one}: connection refused; {two}: connection refused")
    );
}

/// A listener whose queue is full: the handshake of a further connection is left unanswered.
fn silent(cancel: &Cancel) -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    full.listen(0).unwrap();
    let silent = full.local_addr().unwrap().as_socket().unwrap();
    let short = Timeouts::new(None, Some(Duration::from_millis(50)));
    let mut fill = Vec::new();
    while let Ok(stream) = connect(&[silent], &short, cancel) {
        fill.push(stream);
    }
    (full.into(), silent, fill)
}

#[test]
fn an_address_that_does_not_answer_costs_no_more_than_the_attempt_delay() {
    let cancel = Cancel::new().unwrap();
    let (_full, silent, _fill) = silent(&cancel);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let stream = connect(&[silent, good], &Timeouts::default(), &cancel).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);

    std::thread::scope(|s| {
        let connecting = s.spawn(|| connect(&[silent], &Timeouts::default(), &cancel));
        cancel.cancel();
        assert!(matches!(
            connecting.join().unwrap(),
            Err(ConnectError::WaitError(WaitError::Cancelled))
        ));
    });
}

#[test]
fn an_attempt_that_was_given_up_for_its_descriptor_is_made_again() {
    let cancel = Cancel::new().unwrap();
    let (full, silent, fill) = silent(&cancel);
    let refusing = refusing();
    let budget = Budget::new(None);
    let mut attempts = HappyEyeballs::new(&[silent, refusing], &budget);
    assert!(matches!(
        attempts.start_next(&|| false),
        Ok(Started::Running)
    ));
    assert!(attempts.give_up_oldest());
    assert!(!attempts.give_up_oldest(), "nothing else runs");
    assert_eq!(attempts.waiting, [refusing, silent]);
    for _ in &fill {
        full.accept().unwrap();
    }
    let stream = attempts
        .run(
            &Wait {
                limits: Timeouts::default(),
                cancel: &cancel,
            },
            &|| false,
        )
        .expect("it answers now, and the other has refused");
    assert_eq!(stream.peer_addr().unwrap(), silent);
}

#[test]
fn each_round_of_giving_up_doubles_the_attempt_delay() {
    let budget = Budget::new(None);
    let mut attempts = HappyEyeballs::new(&[refusing(), refusing()], &budget);
    for (given_up, times) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (1000, 1024)] {
        attempts.given_up = given_up;
        assert_eq!(
            attempts.attempt_delay(),
            ATTEMPT_DELAY * times,
            "{given_up}"
        );
    }
}
