//! Descriptors, memory and threads that run short. If the run can go on, no URL fails; if not, a message names what was
//! short, and nothing that was written is lost.

use crate::records::{assert_saved, by_url, kinds, one_each, rows};
use crate::support::{Server, anything, can_become_a_user, fetchpool, killed_by};
use rustix::process::Signal;

fn urls(server: &Server, count: usize) -> Vec<String> {
    (0..count)
        .map(|n| server.url(&format!("/size/3000?{n}")))
        .collect()
}

#[test]
fn forty_descriptors_are_enough_for_two_hundred_workers() {
    let server = Server::start();
    let urls = urls(&server, 1000);
    let ended = fetchpool()
        .after("ulimit -n 40")
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "200", "-f", "jsonl"])
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    one_each(&rows, &urls);
    assert_eq!(kinds(&rows).keys().collect::<Vec<_>>(), ["ok"]);
}

#[test]
fn and_for_the_bodies_that_they_save() {
    let server = Server::start();
    let urls = urls(&server, 1000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ended = fetchpool()
        .inside(directory.path())
        .after("ulimit -n 40")
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "200", "-f", "jsonl", "-o", "pages"])
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    one_each(&rows, &urls);
    assert_saved(directory.path(), &rows);
}

/// Address spaces in KiB, from one that just fits the program to one that fits two hundred workers.
const SPACES: [u32; 14] = [
    16_000, 18_000, 20_000, 25_000, 30_000, 40_000, 60_000, 100_000, 150_000, 200_000, 220_000,
    230_000, 240_000, 400_000,
];

#[test]
fn memory_that_runs_short_ends_the_run_in_words_and_loses_no_line() {
    let server = Server::start();
    let urls = urls(&server, 300);
    let mut seen = Vec::new();
    for space in SPACES {
        let limited = || {
            fetchpool()
                .after("ulimit -v $SPACE")
                .env("SPACE", space.to_string())
                // Otherwise the memory that the C library reserves for each thread would depend on the machine.
                .env("MALLOC_ARENA_MAX", "1")
                .status_among(&[0, 2, ABORTED, 127, CRASHED])
                .stderr(anything())
                .stdout(anything())
        };
        let begins = limited().arg("--version").run();
        if begins.status != 0 {
            println!("{space} KiB: the program does not even start");
            continue;
        }
        let ended = limited()
            .list("urls.txt", urls.join("\n"))
            .args(["-j", "200", "-f", "jsonl"])
            .run();
        let rows = rows(ended.stdout());
        by_url(&rows, &urls);
        let counts = kinds(&rows);
        println!(
            "{space} KiB: {} {counts:?} {}",
            ended.status,
            ended.stderr()
        );
        let in_words = match ended.status {
            0 => rows.len() == urls.len() && counts.len() == 1,
            2 => ended.stderr().contains("could not be "),
            // After a failed allocation the standard library prints a message and aborts.
            ABORTED => ended.stderr().contains("memory"),
            _ => false,
        };
        assert!(in_words, "{space} KiB: {} {}", ended.status, ended.stderr());
        seen.push(ended.status);
    }
    assert!(seen.contains(&2), "no limit was short: {seen:?}");
    assert_eq!(seen.last(), Some(&0), "no limit was enough: {seen:?}");
}

const ABORTED: i32 = killed_by(Signal::ABORT);
const CRASHED: i32 = killed_by(Signal::SEGV);

#[test]
fn threads_that_run_short_end_the_run_before_it_begins_and_the_message_says_how_many_there_are() {
    if !can_become_a_user() {
        return;
    }
    let server = Server::start();
    let urls = urls(&server, 100);
    for threads in 1..=15 {
        // The list stays open, so that the list reader lives as long as the other threads.
        let ended = fetchpool()
            .with_threads_at_most(threads)
            .live_stdin()
            .args(["-j", "20", "-f", "jsonl"])
            .status(2)
            .stderr(anything())
            .start()
            .finish_with_stdin_open();
        let message = ended.stderr();
        assert!(message.contains("could not be "), "{threads}: {message}");
        // The coordinator, signals, standard output, the list, connections; then the workers, one fewer for a list reader
        // that has ended.
        if threads > 6 {
            let advice = format!("at most {} worker", threads - 6);
            assert!(message.contains(&advice), "{threads}: {message}");
        }
    }
    assert_eq!(server.paths(), [""; 0], "something was fetched");
    let ended = fetchpool()
        .with_threads_at_most(25)
        .stdin(urls.join("\n"))
        .args(["-j", "20", "-f", "jsonl"])
        .stdout(anything())
        .run();
    one_each(&rows(ended.stdout()), &urls);
}

#[test]
fn no_more_threads_are_started_than_a_short_list_has_urls() {
    if !can_become_a_user() {
        return;
    }
    let server = Server::start();
    let urls = urls(&server, 3);
    let ended = fetchpool()
        .with_threads_at_most(8)
        .args(["-j", "10000", "-f", "jsonl"])
        .args(&urls)
        .stdout(anything())
        .run();
    one_each(&rows(ended.stdout()), &urls);
}
