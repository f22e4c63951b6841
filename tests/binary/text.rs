//! The lines of `text`, byte for byte as in the Python documentation's example, in the order of completion.

use crate::support::{Server, containing, dead_host, fetchpool, lines, page};

#[test]
fn lines_are_those_of_the_python_example() {
    let server = Server::start();
    let [good, missing] = [server.url("/size/1256"), server.url("/status/404")];
    let nowhere = "http://nowhere.invalid/";
    // The name fails as soon as it is looked up, whatever the worker does.
    fetchpool()
        .list("urls.txt", format!("{good}\n{missing}\n{nowhere}\n"))
        .args(["-j", "1", "--ordered"])
        .status(1)
        .stdout(format!(
            "'{good}' page is 1256 bytes\n\
             '{missing}' generated an exception: http_status: 404 Not Found\n\
             '{nowhere}' generated an exception: dns: no address for nowhere.invalid\n"
        ))
        .run();
}

#[test]
fn records_come_in_the_order_of_completion_each_as_soon_as_it_is_there() {
    let server = Server::start();
    let gate = server.gate("slow");
    let [slow, fast] = [server.url("/gate/slow"), server.url("/size/7")];
    let mut run = fetchpool()
        .list("urls.txt", format!("{slow}\n{fast}\n"))
        .args(["-j", "2"])
        .stdout(format!("{}\n{}\n", page(&fast, 7), page(&slow, 4)))
        .start();
    gate.wait_for_arrivals(1);
    assert_eq!(
        run.read_line(),
        page(&fast, 7),
        "while the first of the list is still in flight"
    );
    gate.open();
    run.finish();
}

#[test]
fn as_many_are_in_flight_as_there_are_workers_and_no_more() {
    for (arguments, workers) in [
        (&[][..], 5),
        (&["-j", "3"], 3),
        (&["--jobs=1"], 1),
        (&["--workers", "4"], 4),
        (&["--max-workers", "2"], 2),
    ] {
        let server = Server::start();
        let gate = server.gate("all");
        let urls: Vec<String> = (0..12)
            .map(|n| server.url("/gate/all") + &format!("?{n}"))
            .collect();
        let run = fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args(arguments)
            .stdout(lines(urls.iter().map(|url| page(url, 4))))
            .start();
        gate.wait_for_arrivals(workers);
        gate.open();
        run.finish();
        assert_eq!(server.most_at_once(), workers, "{arguments:?}");
    }
}

#[test]
fn the_url_stands_as_the_user_wrote_it() {
    let server = Server::start();
    let address = server.address();
    let written = [
        format!("HTTP://{address}/size/10"),
        format!("http://{address}/./a/../size/20#part"),
        format!("http://{address}/size/30?q=a b&c=ä"),
        format!("http:\\\\{address}\\size\\40"),
    ];
    fetchpool()
        .list("urls.txt", written.join("\n"))
        .args(["-j", "1"])
        // A backslash is doubled, as Python's %r does.
        .stdout(format!(
            "{}\n{}\n{}\n{}\n",
            page(&written[0], 10),
            page(&written[1], 20),
            page(&written[2], 30),
            page(&written[3].replace('\\', "\\\\"), 40)
        ))
        .run();
    let wanted = [
        "/size/10",
        "/size/20",
        "/size/30?q=a%20b&c=%C3%A4",
        "/size/40",
    ];
    assert_eq!(server.paths(), wanted, "what the server was asked for");
}

#[test]
fn control_characters_of_a_list_never_reach_the_terminal() {
    let dead = dead_host();
    let url = dead.url("/\u{1b}[2J\u{7f}\u{9b}31m\u{202e}");
    let ended = fetchpool()
        .list("urls.txt", format!("{url}\n"))
        .status(1)
        .stdout(containing([dead.url("/\\x1b[2J\\x7f\\x9b31m\\u202e'")]))
        .run();
    let rest = ended.stdout().trim_end_matches('\n');
    assert!(!rest.contains(char::is_control), "{rest:?}");
}
