//! The bar when a few large bodies are what is left: which, how far, how fast.

use crate::continued::{TAG, directory};
use crate::support::origin::{Origin, content_range, cut, first_asked};
use crate::support::{Pty, Server, Stdio, Talk, anything, fetchpool, lines, page};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

const MIB: usize = 1 << 20;

/// Answers each request by `reply`, which gets its number, the connection, and a function that waits until the sender is
/// dropped.
fn halting(reply: impl Fn(usize, Talk, &dyn Fn()) + Send + Sync + 'static) -> (Origin, Sender<()>) {
    let (half, dropped) = channel();
    let dropped = Mutex::new(dropped);
    let wait = move || assert!(dropped.lock().unwrap().recv().is_err(), "nothing is sent");
    (
        Origin::start(move |number, talk| reply(number, talk, &wait)),
        half,
    )
}

/// Sends a head and a body of which the second half waits.
fn send_halves(talk: &mut Talk, head: &str, size: usize, wait: &dyn Fn()) {
    let half = vec![b'x'; size / 2];
    talk.send(&[format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), &half].concat());
    wait();
    talk.send(&half);
}

/// A server of bodies that stop at the half: `/N/NAME` has N MiB and a length, `/0/NAME` has 2 MiB and none.
fn halves() -> (Origin, Sender<()>) {
    halting(|_, mut talk, wait| {
        let size = talk.path().split('/').nth(1).expect("a size");
        match size.parse::<usize>().expect("a size") * MIB {
            0 => send_halves(&mut talk, "200 OK", 2 * MIB, wait),
            size => {
                let head = format!("200 OK\r\nContent-Length: {size}");
                send_halves(&mut talk, &head, size, wait);
            }
        }
    })
}

#[test]
fn a_large_body_that_is_left_is_shown_in_bytes() {
    let (pages, (server, half)) = (Server::start(), halves());
    let (large, small) = (server.url("/100/big.iso"), pages.url("/size/7"));
    let terminal = Pty::open(24, 100);
    let run = fetchpool()
        .list("urls.txt", format!("{large}\n{small}\n"))
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(lines([page(&large, 100 * MIB), page(&small, 7)]))
        .start();
    terminal.wait_for("  big.iso  50.00 MiB of 100.00 MiB  50%  stalled");
    let screen = terminal.screen();
    assert!(screen.starts_with("1/2 "), "{screen}");
    assert_eq!(screen.trim().lines().count(), 1, "{screen}");
    drop(half);
    run.finish();
    let (rows, _) = terminal.finish();
    assert!(!rows.iter().any(|row| row.contains("of 100")), "{rows:#?}");
}

#[test]
fn several_large_bodies_are_shown_in_all() {
    for (paths, shown) in [
        (
            &["/4/first", "/8/last"][..],
            "  last  +1 more  6.00 MiB of 12.00 MiB  50%  stalled",
        ),
        (
            &["/4/first", "/8/last", "/0/endless"],
            "0/3  endless  +2 more  7.00 MiB  stalled",
        ),
    ] {
        let (server, half) = halves();
        let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
        let terminal = Pty::open(24, 70);
        let run = fetchpool()
            .list("urls.txt", urls.join("\n"))
            .stderr_to(Stdio::File(terminal.stream()))
            .stdout(anything())
            .start();
        terminal.wait_for(shown);
        drop(half);
        run.finish();
        terminal.finish();
    }
}

#[test]
fn a_body_that_goes_on_begins_where_it_was_cut() {
    let (server, half) = halting(|number, mut talk, wait| match number {
        0 => cut(talk, "200 OK", &[TAG], 4 * MIB, &vec![b'x'; MIB]),
        _ => {
            let from = first_asked(&talk).expect("the rest is asked for");
            let (left, range) = (4 * MIB - from, content_range(from, 4 * MIB));
            let head = format!("206 Partial Content\r\nContent-Length: {left}\r\n{TAG}\r\n{range}");
            send_halves(&mut talk, &head, left, wait);
        }
    });
    let (directory, terminal) = (directory(), Pty::open(24, 100));
    let run = fetchpool()
        .inside(directory.path())
        .args(["-o", "pages", "--retries", "1", "--retry-delay", "0"])
        .arg(server.url("/big.iso"))
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(anything())
        .start();
    terminal.wait_for("  big.iso  2.50 MiB of 4.00 MiB  62%  ");
    drop(half);
    run.finish();
    terminal.finish();
}
