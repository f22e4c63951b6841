//! Items that come back.

use super::*;

#[test]
fn a_retry_holds_no_worker_and_keeps_the_run_alive() {
    let mut bench = with(retries());
    bench
        .push(&["a1", "b1"])
        .starts(&["a1", "b1"], Nothing)
        .end("a")
        .retry("a1", 30)
        .starts(&[], Wait(30));
    assert_eq!(bench.schedule.waiting(), 1);
    bench.at(30).starts(&["a1"], Nothing);
    assert_eq!(bench.schedule.waiting(), 0);
}

#[test]
fn a_retry_of_a_full_host_waits_for_its_turn() {
    let full = Options {
        retries: ONE_RETRY,
        ..per_host(1)
    };
    with(full)
        .push(&["a1", "a2"])
        .starts(&["a1"], Nothing)
        .end("a")
        .retry("a1", 10)
        .starts(&["a2"], Wait(10))
        .at(10)
        .starts(&[], Nothing)
        .end("a")
        .starts(&["a1"], Nothing);
}

#[test]
fn a_retry_lines_up_behind_those_who_are_there_when_its_time_comes() {
    let mut bench = with(per_host(1));
    bench.push(&["a1", "a2", "a3"]).starts(&["a1"], Nothing);
    bench.end("a").retry("a1", 5).starts(&["a2"], Wait(5));
    bench.at(5).end("a").starts(&["a3"], Nothing);
    bench.push(&["a4"]).end("a").starts(&["a1"], Nothing);
    bench.end("a").starts(&["a4"], Nothing);
}

#[test]
fn retries_of_one_moment_come_back_in_the_order_in_which_they_went() {
    with(retries())
        .retry("c1", 5)
        .retry("a1", 5)
        .retry("b1", 4)
        .at(5)
        .starts(&["b1", "c1", "a1"], Nothing);
}

#[test]
fn a_retry_of_a_held_host_waits_for_the_longer_of_both() {
    let mut bench = with(retries());
    bench.retry("a1", 10).hold("a", 40);
    bench.at(10).starts(&[], Wait(40));
    bench.at(40).starts(&["a1"], Nothing);
}

#[test]
fn after_a_pause_one_goes_first_and_each_that_is_served_lets_two_more_go() {
    let mut bench = with(retries());
    bench.push(&["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"]);
    bench.starts(
        &["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"],
        Nothing,
    );
    bench.at(1);
    for item in ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"] {
        bench.replied("a", 0, Reply::Refused).hold("a", 10);
        bench.retry(item, 10);
    }
    bench.push(&["b1", "ax", "ay"]).starts(&["b1"], Wait(10));
    // A request from before the pause does not count.
    bench
        .at(9)
        .replied("a", 0, Reply::Served)
        .at(10)
        .starts(&["a1"], Nothing);
    bench.replied("a", 10, Reply::Served);
    bench.starts(&["a2", "a3"], Nothing);
    bench.replied("a", 10, Reply::Served);
    bench.starts(&["a4", "a5"], Nothing);
    // A reply without a verdict lets one more start.
    bench.replied("a", 10, Reply::None).starts(&["a6"], Nothing);
    bench.replied("a", 10, Reply::Served);
    bench.starts(&["a7", "a8"], Nothing);
    bench.replied("a", 10, Reply::Served);
    // Those that were never tried come last.
    bench.starts(&["ax", "ay"], Nothing);
}

#[test]
fn a_first_request_that_is_lost_lets_another_go_first() {
    let mut bench = with(retries());
    bench.hold("a", 10).push(&["a1", "a2", "a3"]).at(10);
    bench.starts(&["a1"], Nothing);
    bench
        .at(11)
        .replied("a", 10, Reply::None)
        .retry("a1", 20)
        .starts(&["a2"], Wait(20));
    bench
        .at(12)
        .replied("a", 11, Reply::None)
        .retry("a2", 25)
        .starts(&["a3"], Wait(20));
    bench.at(19).replied("a", 12, Reply::None).at(25);
    // The host is still known, although none of its items ran or waited.
    bench.starts(&["a1"], Nothing);
    bench.replied("a", 25, Reply::Served);
    bench.starts(&["a2"], Nothing);
}

#[test]
fn those_tried_most_often_go_first_after_a_pause() {
    let mut bench = with(retries());
    bench.push(&["a0", "a1"]).hold("a", 10);
    bench
        .retry_after("a2", 1, 10)
        .retry_after("a3", 3, 10)
        .retry_after("a4", 0, 10)
        .retry_after("a5", 2, 10)
        .retry_after("a6", 3, 10);
    bench.at(10);
    for item in ["a3", "a6", "a5", "a2", "a0", "a1", "a4"] {
        assert_eq!(bench.next(), Next::Start(item));
        bench.replied("a", 10, Reply::None);
    }
}

#[test]
fn each_refusal_without_a_wait_halves_how_many_run_at_once() {
    let mut bench = with(retries());
    let items = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"];
    bench.push(&items).starts(&items, Nothing);
    // 4 of the 8 may run, and 7 do.
    bench.replied("a", 0, Reply::Refused).push(&["ax", "ay"]);
    bench.starts(&[], Nothing);
    for _ in 0..3 {
        bench.replied("a", 0, Reply::None).starts(&[], Nothing);
    }
    bench.replied("a", 0, Reply::None).starts(&["ax"], Nothing);
    // 2 may run, and 3 do.
    bench.replied("a", 0, Reply::Refused).starts(&[], Nothing);
    // 3 may run, and 2 do.
    bench
        .replied("a", 0, Reply::Served)
        .starts(&["ay"], Nothing);
}

#[test]
fn a_refusal_halves_how_many_run_and_not_how_many_may() {
    let mut bench = with(retries());
    bench.push(&["a1", "a2"]).starts(&["a1", "a2"], Nothing);
    bench.replied("a", 0, Reply::Refused);
    // After many successes the limit is high, but two run.
    bench.push(&["a3"]).replied("a", 0, Reply::Served);
    bench.starts(&["a3"], Nothing);
    for _ in 0..20 {
        bench.push(&["ax"]).starts(&["ax"], Nothing);
        bench.replied("a", 0, Reply::Served);
    }
    bench.push(&["a4"]).starts(&["a4"], Nothing);
    bench.replied("a", 0, Reply::Refused).push(&["a5"]);
    bench.starts(&[], Nothing);
}

#[test]
fn a_host_that_recovered_and_has_nothing_to_do_is_forgotten() {
    let mut bench = with(retries());
    bench.hold("a", 10).push(&["a1"]).at(10);
    bench
        .starts(&["a1"], Nothing)
        .replied("a", 10, Reply::Served);
    assert_eq!(bench.schedule.hosts.known(), (0, 0));
    bench.push(&["a2", "a3", "a4"]);
    bench.starts(&["a2", "a3", "a4"], Nothing);
}

#[test]
fn a_host_that_recovers_is_held_to_its_other_limits() {
    let mut bench = with(Options {
        retries: ONE_RETRY,
        host_delay: Duration::from_millis(5),
        ..per_host(2)
    });
    bench.hold("a", 10).push(&["a1", "a2", "a3", "a4"]).at(10);
    bench.starts(&["a1"], Nothing).at(12);
    bench.replied("a", 10, Reply::Served).starts(&[], Wait(15));
    bench.at(15).starts(&["a2"], Wait(20));
    bench.at(20).starts(&["a3"], Nothing);
}
