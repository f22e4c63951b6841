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
        retries: true,
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
