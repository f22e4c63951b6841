//! One host: the cap, the spacing of starts, pauses, and what is remembered.

use super::*;

#[test]
fn a_full_host_does_not_hold_up_the_others() {
    with(per_host(1))
        .push(&["a1", "a2", "a3", "b1"])
        .starts(&["a1", "b1"], Nothing);
}

#[test]
fn a_full_host_goes_on_when_one_of_its_items_ends() {
    with(per_host(2))
        .push(&["a1", "a2", "a3", "a4"])
        .starts(&["a1", "a2"], Nothing)
        .end("a")
        .starts(&["a3"], Nothing)
        .end("a")
        .starts(&["a4"], Nothing);
}

#[test]
fn starts_to_one_host_keep_their_distance() {
    with(host_delay(10))
        .push(&["a1", "a2", "a3", "b1"])
        .starts(&["a1", "b1"], Wait(10))
        .at(9)
        .starts(&[], Wait(10))
        .at(14)
        .starts(&["a2"], Wait(24))
        .at(24)
        .starts(&["a3"], Nothing);
}

#[test]
fn the_distance_is_kept_by_a_host_that_had_nothing_left_to_do() {
    with(host_delay(10))
        .push(&["a1"])
        .starts(&["a1"], Nothing)
        .at(1)
        .end("a")
        .at(5)
        .push(&["a2"])
        .starts(&[], Wait(10))
        .at(10)
        .starts(&["a2"], Nothing);
}

#[test]
fn an_endless_distance_is_no_reason_to_panic() {
    let forever = Options {
        host_delay: Duration::MAX,
        ..Options::default()
    };
    let mut bench = with(forever);
    bench.push(&["a1", "a2"]);
    assert_eq!(bench.next(), Next::Start("a1"));
    assert!(matches!(bench.next(), Next::WaitUntil(_)));
}

#[test]
fn a_full_host_whose_distance_is_over_waits_for_an_end_and_for_no_timer() {
    let both = Options {
        per_host: Some(1),
        ..host_delay(10)
    };
    let mut bench = with(both);
    bench
        .push(&["a1", "a2"])
        .starts(&["a1"], Nothing)
        .at(20)
        .starts(&[], Nothing)
        .end("a")
        .starts(&["a2"], Nothing)
        .push(&["a3"])
        .at(25)
        .end("a")
        .starts(&[], Wait(30));
}

#[test]
fn a_ready_host_that_is_held_starts_nothing_before_its_time() {
    let mut bench = with(per_host(1));
    bench
        .push(&["a1", "a2", "b1"])
        .starts(&["a1", "b1"], Nothing)
        .end("a")
        .hold("a", 50)
        .starts(&[], Wait(50))
        .at(50)
        .starts(&["a2"], Nothing);
}

#[test]
fn a_hold_counts_for_who_arrives_later() {
    with(retries())
        .hold("a", 50)
        .push(&["a1", "b1"])
        .starts(&["b1"], Wait(50))
        .at(50)
        .starts(&["a1"], Nothing);
}

#[test]
fn a_shorter_hold_does_not_end_a_longer_one() {
    with(retries())
        .hold("a", 50)
        .hold("a", 20)
        .push(&["a1"])
        .starts(&[], Wait(50))
        .hold("a", 30)
        .at(30)
        .starts(&[], Wait(50));
}

#[test]
fn a_longer_hold_replaces_a_shorter_one() {
    let mut bench = with(retries());
    bench.push(&["a1"]).hold("a", 20).starts(&[], Wait(20));
    bench.hold("a", 50).starts(&[], Wait(50));
    bench.at(20).starts(&[], Wait(50));
    bench.at(50).starts(&["a1"], Nothing);
}

#[test]
fn a_hold_that_is_over_is_none() {
    with(retries())
        .push(&["a1"])
        .at(10)
        .hold("a", 10)
        .hold("b", 3)
        .starts(&["a1"], Nothing);
}

#[test]
fn ten_thousand_holds_of_one_host_leave_one_timer() {
    let mut bench = with(retries());
    bench.push(&["a1", "a2"]).hold("a", 1).starts(&[], Wait(1));
    for until in 2..10_000 {
        bench.hold("a", until);
        bench.hold("a", 20_000 - until);
    }
    assert_eq!(bench.schedule.hosts.timers(), 1);
    bench.starts(&[], Wait(19_998));
}

#[test]
fn the_end_of_a_host_that_runs_nothing_is_ignored() {
    with(per_host(1))
        .end("a")
        .push(&["a1", "a2"])
        .starts(&["a1"], Nothing)
        .end("b")
        .end("a")
        .end("a")
        .starts(&["a2"], Nothing);
}

#[test]
fn a_host_without_limits_upon_it_is_forgotten_when_it_is_idle() {
    let mut bench = with(per_host(1));
    bench.push(&["a1", "b1"]).starts(&["a1", "b1"], Nothing);
    assert_eq!(bench.schedule.hosts.known(), (2, 0));
    bench.end("a").end("b");
    assert_eq!(bench.schedule.hosts.known(), (0, 0));
}

#[test]
fn a_host_that_must_be_left_alone_is_remembered_when_it_is_idle() {
    let mut bench = with(host_delay(10));
    bench.push(&["a1", "b1"]).starts(&["a1", "b1"], Nothing);
    bench.at(9).end("a").at(10).end("b");
    assert_eq!(bench.schedule.hosts.known(), (0, 1));
}

#[test]
fn a_list_sorted_by_host_leaves_no_long_lines_behind() {
    // Two hundred hosts of a thousand items, with one item each that never ends.
    let mut schedule = Schedule::new(Options {
        window: 1000,
        ..per_host(1)
    });
    let now = Instant::now();
    for host in 0..200 {
        let host = key(&host.to_string());
        for item in 0..1000 {
            schedule.push(Arrival::new(item, HostKey::clone(&host), None));
        }
        for item in 0..1000 {
            assert_eq!(schedule.next(FREE, now), Next::Start(item));
            if item < 999 {
                schedule.finished(&host, now, Reply::Served, now);
            }
        }
    }
    schedule.assert_consistent(200);
}
