//! Hosts that must be reached first: which, when, and what becomes of the items that wait for them.

use super::super::contacts::SLOW;
use super::*;

const SLOW_MS: u64 = SLOW.as_millis() as u64;

fn ahead(ahead: usize) -> Options {
    Options {
        ahead,
        ..Options::default()
    }
}

impl Bench {
    /// Pushes items that need a contact with their host.
    fn push_unknown(&mut self, items: &[&'static str]) -> &mut Self {
        for item in items {
            let contact = Some(key(&item[..1]));
            self.schedule.push(arrival(item, contact));
        }
        self
    }

    /// Asks until nothing more may be done, and checks what was: `a1` is a start, `a?` a contact, `a!` a host that is down.
    #[track_caller]
    fn does(&mut self, workers: Workers, expected: &str) -> &mut Self {
        let mut done = Vec::new();
        loop {
            let now = self.time(self.now);
            done.push(match self.schedule.next(workers, now) {
                Next::Start(item) => item.to_owned(),
                Next::Reach(host) => {
                    let leader = self.schedule.leader(&host);
                    assert_eq!(leader.map(|item| &item[..1]), Some(&*host));
                    format!("{host}?")
                }
                Next::Down(item) => format!("{item}!"),
                Next::WaitUntil(at) => {
                    assert!(at > now, "it would be asked again at once");
                    break;
                }
                Next::Nothing => break,
            });
        }
        assert_eq!(done.join(" "), expected, "at {} ms", self.now);
        self
    }

    fn reached(&mut self, host: &str) -> &mut Self {
        let now = self.time(self.now);
        self.schedule.reached(&key(host), |_, _| {}, now);
        self
    }

    #[track_caller]
    fn unreached(&mut self, host: &str, expected: &[&str]) -> &mut Self {
        let now = self.time(self.now);
        assert_eq!(self.schedule.unreached(&key(host), now), expected);
        self
    }

    fn heard_of(&mut self, host: &str, is_reached: bool) -> &mut Self {
        let now = self.time(self.now);
        self.schedule.heard_of(&key(host), is_reached, now);
        self
    }
}

const BUSY: Workers = Workers {
    are_free: false,
    queued: 0,
};

#[test]
fn a_host_is_asked_for_once_and_its_items_start_when_it_is_reached() {
    with(ahead(9))
        .push_unknown(&["a1", "b1", "a2", "a3"])
        .does(FREE, "a? b?")
        .push_unknown(&["a4"])
        .does(FREE, "")
        .reached("b")
        .does(FREE, "b1")
        .reached("a")
        .push_unknown(&["a5"])
        .does(FREE, "a1 a2 a3 a4 a5");
}

#[test]
fn items_of_a_host_that_is_not_reached_fail_together_and_the_next_asks_again() {
    with(ahead(9))
        .push_unknown(&["a1", "a2", "b1"])
        .does(FREE, "a? b?")
        .unreached("a", &["a1", "a2"])
        .push_unknown(&["a3"])
        .does(FREE, "a?");
}

#[test]
fn every_item_is_told_how_long_it_waited() {
    let mut bench = with(ahead(9));
    bench.push_unknown(&["a1"]).does(FREE, "a?");
    bench.at(7).push_unknown(&["a2"]).does(FREE, "");
    let now = bench.time(10);
    let waited = std::cell::RefCell::new(Vec::new());
    let mark = |item: &mut Arrival<&'static str>, span: Duration| {
        waited.borrow_mut().push((item.value, span.as_millis()));
    };
    bench.schedule.reached(&key("a"), mark, now);
    assert_eq!(waited.into_inner(), [("a1", 10), ("a2", 3)]);
}

#[test]
fn retries_at_a_host_that_recovers_and_is_lost_all_come_back() {
    let mut bench = with(Options {
        ahead: 9,
        ..retries()
    });
    let items = ["a1", "a2", "a3", "a4", "a5", "a6"];
    bench.push_unknown(&items).does(FREE, "a?").reached("a");
    bench.does(FREE, "a1 a2 a3 a4 a5 a6").hold("a", 10);
    for item in items {
        let refused = arrival(item, Some(key("a")));
        bench.replied("a", 0, Reply::Refused);
        let at = bench.time(10);
        bench.schedule.retry(refused, at, 1);
    }
    // One goes first, and finds that the host is gone: the others wait for one contact.
    bench.at(10).does(FREE, "a1").heard_of("a", false);
    bench.replied("a", 10, Reply::Served).does(FREE, "a?");
    bench.replied("a", 10, Reply::Served).does(FREE, "");
    bench.reached("a");
    let mut started = vec!["a1".to_owned()];
    for turn in 11..40 {
        bench.at(turn);
        while let Next::Start(item) = bench.next() {
            started.push(item.to_owned());
        }
        bench.replied("a", turn, Reply::Served);
    }
    started.sort_unstable();
    assert_eq!(started, items);
    assert_eq!(bench.schedule.waiting(), 0);
}

#[test]
fn retries_fill_no_window() {
    let mut bench = with(Options {
        window: 2,
        ..retries()
    });
    for item in ["a1", "a2", "a3"] {
        bench.retry(item, 10);
    }
    assert_eq!((bench.schedule.room(), bench.schedule.waiting()), (2, 3));
}

#[test]
fn a_host_is_known_for_a_minute_after_its_last_start() {
    with(ahead(9))
        .push_unknown(&["a1"])
        .does(FREE, "a?")
        .reached("a")
        .does(FREE, "a1")
        .at(30_000)
        .push_unknown(&["a2"])
        .does(FREE, "a2")
        .at(89_999)
        .push_unknown(&["a3"])
        .does(FREE, "a3")
        .at(149_999)
        .push_unknown(&["a4"])
        .does(FREE, "a?");
}

#[test]
fn a_host_that_a_worker_cannot_connect_to_is_not_known_any_more() {
    with(ahead(9))
        .push_unknown(&["a1", "a2"])
        .does(FREE, "a?")
        .reached("a")
        .does(FREE, "a1 a2")
        .heard_of("a", false)
        .push_unknown(&["a3"])
        .does(FREE, "a?");
}

#[test]
fn items_that_waited_start_in_their_order_and_not_host_by_host() {
    let mut bench = with(ahead(9));
    bench.push_unknown(&["a1", "b1", "c1", "a2", "b2", "a3"]);
    bench.does(FREE, "a? b? c?").reached("a").does(FREE, "a1");
    bench.reached("b").does(FREE, "b1");
    // The contact with `c` began before the others arrived, until it is slow.
    bench.at(SLOW_MS - 1).does(FREE, "");
    bench.at(SLOW_MS).does(FREE, "a2 b2 a3");
}

#[test]
fn contacts_are_a_little_ahead_of_the_workers() {
    let mut bench = with(ahead(2));
    bench.push_unknown(&["a1", "b1", "c1", "d1"]);
    bench.does(BUSY, "a? b?").reached("a").does(BUSY, "");
    bench.does(FREE, "a1 c?");
    let queue = Workers {
        are_free: true,
        queued: 2,
    };
    bench.reached("b").reached("c").does(queue, "b1 c1");
    bench.does(FREE, "d?");
}

#[test]
fn hosts_that_do_not_answer_delay_no_others_for_long() {
    with(ahead(2))
        .push_unknown(&["a1", "b1", "c1", "d1", "e1"])
        .does(FREE, "a? b?")
        .at(SLOW_MS - 1)
        .does(FREE, "")
        .at(SLOW_MS)
        .does(FREE, "c? d?")
        .reached("c")
        .does(FREE, "c1 e?");
}

#[test]
fn items_that_wait_for_a_slow_host_fill_no_window() {
    let mut bench = with(Options {
        window: 4,
        ..ahead(9)
    });
    let items = ["a1", "a2", "a3", "a4", "a5"];
    for (pushed, item) in items.iter().enumerate() {
        // The leader fills no window, and the host may still answer.
        assert_eq!(bench.schedule.room(), 4 - pushed.saturating_sub(1));
        bench
            .push_unknown(&[item])
            .does(FREE, if pushed == 0 { "a?" } else { "" });
    }
    assert_eq!(bench.schedule.room(), 0);
    bench.at(SLOW_MS).does(FREE, "");
    assert_eq!(bench.schedule.room(), 4);
    bench.push_unknown(&["a6", "b1"]).does(FREE, "b?");
    assert_eq!((bench.schedule.room(), bench.schedule.waiting()), (4, 7));
    bench.unreached("a", &["a1", "a2", "a3", "a4", "a5", "a6"]);
    bench.push_unknown(&["b2"]).does(FREE, "").reached("b");
    assert_eq!((bench.schedule.room(), bench.schedule.waiting()), (3, 2));
}

#[test]
fn a_contact_and_its_first_item_are_one_start() {
    let rate = Options {
        rate: Some(PerSecond::whole(10)),
        ..ahead(9)
    };
    let mut bench = with(rate);
    bench.push_unknown(&["a1", "b1", "a2"]).does(FREE, "a?");
    bench.reached("a").does(FREE, "a1");
    bench.at(99).does(FREE, "").at(100).does(FREE, "b?");
    bench.reached("b").does(FREE, "b1").at(200).does(FREE, "a2");
}

#[test]
fn the_delay_of_a_host_holds_from_the_first_request_on() {
    let mut bench = with(Options {
        ahead: 9,
        ..host_delay(10)
    });
    bench.push_unknown(&["a1", "a2"]).does(FREE, "a?");
    bench.at(3).reached("a").does(FREE, "a1");
    // The request of the leader came after its contact.
    bench.at(12).does(FREE, "").at(13).does(FREE, "a2");
}

#[test]
fn a_contact_counts_as_one_request_of_its_host() {
    let mut bench = with(Options {
        ahead: 9,
        ..per_host(1)
    });
    bench.push_unknown(&["a1", "a2", "a3"]).does(FREE, "a?");
    bench
        .reached("a")
        .does(FREE, "a1")
        .end("a")
        .does(FREE, "a2");
    // The worker finds that the host is gone: what waited for it fails with the next contact.
    bench.heard_of("a", false).end("a").does(FREE, "a?");
    bench.push_unknown(&["a4"]).does(FREE, "");
    bench.unreached("a", &["a3", "a4"]);
    bench.schedule.assert_consistent(0);
}

#[test]
fn items_that_were_held_back_fail_with_their_host() {
    let mut bench = with(Options {
        ahead: 9,
        ..per_host(2)
    });
    bench.push_unknown(&["a1", "a2", "a3", "a4"]);
    bench.does(FREE, "a?").reached("a").does(FREE, "a1 a2");
    bench.heard_of("a", false);
    bench.end("a").does(FREE, "a?").end("a").does(FREE, "");
    bench.unreached("a", &["a3", "a4"]);
    bench.schedule.assert_consistent(0);
}

#[test]
fn a_host_that_fails_too_often_in_a_row_is_down() {
    let mut bench = with(Options {
        host_failures: Some(2),
        ..ahead(9)
    });
    bench.push_unknown(&["a1", "a2", "b1"]).does(FREE, "a? b?");
    // Two items and one failure, which an answer makes good.
    bench.unreached("a", &["a1", "a2"]).push_unknown(&["a3"]);
    bench.does(FREE, "a?").reached("a").does(FREE, "a3");
    bench.heard_of("a", true).heard_of("a", false);
    bench.push_unknown(&["a4"]).does(FREE, "a?");
    // A host that takes connections and fails in TLS fails all the same.
    bench.reached("a").does(FREE, "a4").heard_of("a", false);
    bench
        .push_unknown(&["a5", "b2", "a6"])
        .does(FREE, "a5! a6!");
    bench.reached("b").does(FREE, "b1 b2");
    assert_eq!(bench.schedule.waiting(), 0);
}

#[test]
fn a_drain_tells_what_was_begun_from_what_was_not() {
    let mut bench = with(ahead(2));
    bench.push_unknown(&["a1", "a2", "b1", "c1"]);
    bench.does(BUSY, "a? b?").reached("b");
    let mut begun = bench.schedule.drain_contacts();
    begun.sort_unstable();
    assert_eq!(begun, ["a1", "a2", "b1"]);
    assert_eq!(bench.schedule.drain(bench.time(0)), ["c1"]);
    assert_eq!(
        (bench.schedule.waiting(), bench.schedule.reaching()),
        (0, 0)
    );
}

#[test]
fn what_is_remembered_of_hosts_does_not_pile_up() {
    let mut contacts = Contacts::<()>::new(None);
    let start = Instant::now();
    for n in 0..100_000 {
        let now = start + Duration::from_millis(n * 60);
        contacts.answered(&key(&n.to_string()), now);
        contacts.begin(key("dead"), n, (), now);
        contacts.failed(&key("dead"));
    }
    assert!(contacts.remembered() <= 2048, "{}", contacts.remembered());
}
