//! `--cookies`, and the cookies that servers set with redirects.

use crate::jsonl::rows;
use crate::sites::Sites;
use crate::support::{Server, anything, checked, containing, fetchpool, page, read_archive};

const FILE: &str = "# Netscape HTTP Cookie File\n\
    a.test\tFALSE\t/\tFALSE\t0\tid\tfile\n\
    .b.test\tTRUE\t/p\tFALSE\t0\tid\tb\n\
    #HttpOnly_a.test\tFALSE\t/\tTRUE\t0\tsafe\thttps\n\
    a.test\tFALSE\t/\tFALSE\t1000000000\told\tx\n";

#[test]
fn cookies_of_the_file_go_to_the_hosts_and_paths_that_they_are_for() {
    let sites = Sites::start(&[
        ("a.test /", "302 x.b.test /p/q", &[]),
        ("x.b.test /p/q", "302 x.b.test /", &[]),
        ("x.b.test /", "302 b.test.c.test /p", &[]),
        ("b.test.c.test /p", "200", &[]),
    ]);
    let url = sites.url("a.test", "/");
    let run = |arguments: &[&str], expected: [&str; 4]| {
        sites
            .fetchpool()
            .file("cookies", FILE)
            .args(arguments)
            .arg(&url)
            .stdout(page(&url, 1) + "\n")
            .run();
        assert_eq!(sites.seen(), expected, "{arguments:?}");
    };
    let [second, third, fourth] = ["x.b.test /p/q with id=b", "x.b.test /", "b.test.c.test /p"];
    run(&[], ["a.test /", "x.b.test /p/q", third, fourth]);
    run(
        &["-b", "cookies"],
        ["a.test / with id=file", second, third, fourth],
    );
    // A header of the user's own replaces them where it is sent.
    run(
        &["-bcookies", "-H", "cookie: own=1"],
        ["a.test /", second, third, fourth],
    );
    run(
        &["--cookies=cookies", "-H", "Cookie: o=1"],
        ["a.test / with o=1", second, third, fourth],
    );
    run(
        &["-bcookies", "-H", "Cookie:"],
        ["a.test /", "x.b.test /p/q", third, fourth],
    );
}

#[test]
fn a_cookie_that_a_redirect_sets_is_sent_within_that_attempt_and_then_forgotten() {
    let sites = Sites::start(&[
        (
            "a.test /",
            "302 a.test /p/q",
            &["Set-Cookie: id=1", "Set-Cookie: n=2; Path=/p"],
        ),
        (
            "a.test /p/q",
            "302 a.test /r",
            &["Set-Cookie: id=; Max-Age=0; Path=/"],
        ),
        ("a.test /r", "503", &["Set-Cookie: last=3"]),
    ]);
    let url = sites.url("a.test", "/");
    let attempt = [
        "a.test / with id=file",
        "a.test /p/q with n=2; id=1",
        "a.test /r",
    ];
    sites
        .fetchpool()
        .file("cookies", FILE)
        .args([
            "-b",
            "cookies",
            "--retries",
            "1",
            "--retry-delay",
            "1ms",
            "-j1",
            &url,
            &url,
        ])
        .status(1)
        .stdout(anything())
        .run();
    // The other URL has begun before the retry.
    let seen = sites.seen();
    assert_eq!(seen.len(), 12);
    for attempts in seen.chunks(3) {
        assert_eq!(attempts, attempt);
    }
}

#[test]
fn no_server_sets_a_cookie_for_others() {
    let sites = Sites::start(&[
        (
            "a.co.uk /",
            "302 b.co.uk /",
            &[
                "Set-Cookie: own=1",
                "Set-Cookie: suffix=1; Domain=co.uk",
                "Set-Cookie: other=1; Domain=b.co.uk",
                "Set-Cookie: __Host-x=1; Path=/",
                "Set-Cookie: secure=1; Secure",
            ],
        ),
        ("b.co.uk /", "302 x.a.co.uk /", &[]),
        (
            "x.a.co.uk /",
            "302 a.co.uk /x",
            &["Set-Cookie: parent=1; Domain=a.co.uk"],
        ),
        ("a.co.uk /x", "200", &["Set-Cookie: late=1"]),
    ]);
    let url = sites.url("a.co.uk", "/");
    sites
        .fetchpool()
        .arg(&url)
        .stdout(page(&url, 1) + "\n")
        .run();
    let expected = [
        "a.co.uk /",
        "b.co.uk /",
        "x.a.co.uk /",
        "a.co.uk /x with own=1; parent=1",
    ];
    assert_eq!(sites.seen(), expected);
}

#[test]
fn a_check_and_an_update_send_them_too() {
    let sites = Sites::start(&[
        ("a.test /", "302 a.test /x", &["Set-Cookie: id=1"]),
        ("a.test /x", "405", &[]),
        ("a.test /x", "200", &["ETag: \"e\""]),
        ("a.test /x", "304", &["ETag: \"e\""]),
    ]);
    let url = sites.url("a.test", "/");
    // GET begins anew, with what the redirects of HEAD have set.
    let check = [
        "a.test /",
        "a.test /x with id=1",
        "a.test / with id=1",
        "a.test /x with id=1",
    ];
    let run = sites
        .fetchpool()
        .args(["--check", "-f", "jsonl", &url])
        .stdout(anything());
    let journal = run.run().stdout().to_owned();
    assert_eq!(sites.seen(), check);
    assert_eq!(rows(&journal)[0]["method"], "GET");
    let mut row = rows(&journal)[0].clone();
    row["bytes"] = 1.into();
    let ended = sites
        .fetchpool()
        .file("journal", serde_json::to_string(&row).unwrap() + "\n")
        .args(["--update", "journal", "-f", "jsonl", &url])
        .stdout(anything())
        .run();
    assert_eq!(rows(ended.stdout())[0]["unchanged"], true);
    assert_eq!(sites.seen(), ["a.test /", "a.test /x with id=1"]);
}

#[test]
fn an_archive_has_no_cookie_of_a_request() {
    let sites = Sites::start(&[
        ("a.test /", "302 a.test /x", &["Set-Cookie: n=set"]),
        ("a.test /x", "200", &[]),
    ]);
    let url = sites.url("a.test", "/");
    let place = tempfile::tempdir().unwrap();
    sites
        .fetchpool()
        .inside(place.path())
        .file("cookies", FILE)
        .file("netrc", "machine a.test login ann password hunter2")
        .args(["-b", "cookies", "--netrc=netrc", "--warc", "out.warc", &url])
        .stdout(page(&url, 1) + "\n")
        .run();
    assert_eq!(
        sites.seen()[1],
        "a.test /x as ann:hunter2 with id=file; n=set"
    );
    let records = read_archive(&place.path().join("out.warc"));
    let archive: Vec<u8> = records
        .iter()
        .flat_map(|record| record.block.clone())
        .collect();
    let archive = String::from_utf8(archive).unwrap();
    assert!(
        archive.contains("Set-Cookie: n=set") && archive.contains("GET /x"),
        "{archive}"
    );
    for secret in ["Authorization", "\nCookie", "id=file"] {
        assert!(!archive.contains(secret), "{secret}: {archive}");
    }
}

#[test]
fn a_wrong_file_of_cookies_is_status_2_that_names_file_and_line_and_no_value() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (content, line) in [
        ("hunter2=1\n", 1),
        ("# x\n\na.test FALSE / FALSE 0 id hunter2\n", 3),
        ("a.test\tFALSE\t/\tFALSE\tsoon\tid\thunter2", 1),
        ("a.test\tFALSE\t/\tFALSE\t0\tid\thunter2\u{1}", 1),
    ] {
        for dry in [&[][..], &["--dry-run"]] {
            fetchpool()
                .file("jar", content)
                .args(["--cookies", "jar", &url])
                .args(dry)
                .status(2)
                .stderr(checked(move |text| {
                    let begin = format!("fetchpool: --cookies jar, line {line}: ");
                    match text.starts_with(&begin) && !text.contains("hunter2") {
                        true => Ok(()),
                        false => Err(format!("wanted {begin:?}, and no value")),
                    }
                }))
                .run();
        }
    }
    for (argument, told) in [
        ("missing", "--cookies missing: no such file"),
        (
            "id=1",
            "--cookies takes a file: for a cookie itself write -H",
        ),
        (".", "--cookies .: is a directory"),
        ("-", "--cookies -: give a Netscape cookie file"),
        ("long", "--cookies long: it is over 16 MiB"),
    ] {
        fetchpool()
            .file("long", "#".repeat((16 << 20) + 1))
            .args(["-b", argument, &url])
            .status(2)
            .stderr(containing(["fetchpool: ", told]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}
