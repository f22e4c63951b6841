//! Which address wins, what is named when none does, and what a shortage of descriptors leaves.

use std::net::TcpListener;

use super::*;

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
fn dial(
    addresses: &[SocketAddr],
    limits: &Limits,
    cancel: &Cancel,
) -> Result<TcpStream, DialError> {
    Race::new(addresses, &Seats::new(None))
        .run(limits, cancel, &|| unreachable!("descriptors are short"))
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
    let stream = dial(&[refusing(), good], &Limits::default(), &cancel).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);
    assert!(stream.nodelay().unwrap());
}

#[test]
fn the_failure_names_address_and_reason() {
    let cancel = Cancel::new().unwrap();
    let (one, two) = (refusing(), refusing());
    let Err(DialError::Refused(text)) = dial(&[one, two], &Limits::default(), &cancel) else {
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
    let short = Limits::new(None, Some(Duration::from_millis(50)));
    let mut fill = Vec::new();
    while let Ok(stream) = dial(&[silent], &short, cancel) {
        fill.push(stream);
    }
    (full.into(), silent, fill)
}

#[test]
fn an_address_that_does_not_answer_costs_no_more_than_the_head_start() {
    let cancel = Cancel::new().unwrap();
    let (_full, silent, _fill) = silent(&cancel);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let stream = dial(&[silent, good], &Limits::default(), &cancel).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);

    std::thread::scope(|s| {
        let dialer = s.spawn(|| dial(&[silent], &Limits::default(), &cancel));
        cancel.throw();
        assert!(matches!(
            dialer.join().unwrap(),
            Err(DialError::Cut(Cut::Cancelled))
        ));
    });
}

#[test]
fn an_attempt_that_was_given_up_for_its_descriptor_has_its_turn_again() {
    let cancel = Cancel::new().unwrap();
    let (full, silent, fill) = silent(&cancel);
    let refusing = refusing();
    let mut race = Race::new(&[silent, refusing], &Seats::new(None));
    assert!(matches!(race.start_next(&|| false), Ok(Started::Running)));
    assert!(race.give_up_oldest());
    assert!(!race.give_up_oldest(), "nothing else runs");
    assert_eq!(race.waiting, [refusing, silent]);
    for _ in &fill {
        full.accept().unwrap();
    }
    let stream = race
        .run(&Limits::default(), &cancel, &|| false)
        .expect("it answers now, and the other has refused");
    assert_eq!(stream.peer_addr().unwrap(), silent);
}

#[test]
fn each_round_of_giving_up_doubles_the_head_start() {
    let mut race = Race::new(&[refusing(), refusing()], &Seats::new(None));
    for (given_up, times) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (1000, 1024)] {
        race.given_up = given_up;
        assert_eq!(race.head_start(), HEAD_START * times, "{given_up}");
    }
}
