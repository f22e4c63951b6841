//! `--netrc`: users and passwords by host.

use crate::sites::Sites;
use crate::support::{RawServer, Server, anything, checked, containing, fetchpool, page};

const NETRC: &str = "machine a.test login ann password one\n\
    machine b.test login bob password two\n\
    machine b.test login ben password three\n";

/// a.test redirects to b.test, that to c.test, and that back to a.test.
fn round() -> Sites {
    Sites::start(&[
        ("a.test /", "302 b.test /", &[]),
        ("b.test /", "302 c.test /", &[]),
        ("c.test /", "302 a.test /x", &[]),
        ("a.test /x", "200", &[]),
        ("b.test /x", "200", &[]),
    ])
}

#[test]
fn each_hop_gets_the_user_of_its_own_host() {
    let sites = round();
    let url = sites.url("a.test", "/");
    let run = |arguments: &[&str], expected: [&str; 4]| {
        sites
            .fetchpool()
            .file("netrc", NETRC)
            .file("headers", "Authorization: Basic eDp5\n")
            .args(arguments)
            .arg(&url)
            .stdout(page(&url, 1) + "\n")
            .run();
        assert_eq!(sites.seen(), expected, "{arguments:?}");
    };
    let [b, c] = ["b.test / as bob:two", "c.test /"];
    run(&[], ["a.test /", "b.test /", "c.test /", "a.test /x"]);
    run(
        &["--netrc=netrc"],
        ["a.test / as ann:one", b, c, "a.test /x as ann:one"],
    );
    run(
        &["--netrc=netrc", "-u", "me:own"],
        ["a.test / as me:own", b, c, "a.test /x as me:own"],
    );
    run(
        &["--netrc=netrc", "-H", "@headers"],
        ["a.test / as x:y", b, c, "a.test /x as x:y"],
    );
    run(
        &["--netrc=netrc", "-H", "Authorization:"],
        ["a.test /", "b.test /", "c.test /", "a.test /x"],
    );
}

#[test]
fn a_user_in_a_url_goes_before_and_without_a_password_has_that_of_the_file() {
    let sites = round();
    for (user, expected) in [
        ("ben:own", "b.test /x as ben:own"),
        ("ben", "b.test /x as ben:three"),
        ("eve", "b.test /x as eve:"),
        ("", "b.test /x as bob:two"),
    ] {
        let url = sites.url(&format!("{user}@b.test"), "/x");
        sites
            .fetchpool()
            .file("netrc", NETRC)
            .args(["--netrc=netrc", &url])
            .stdout(page(&url, 1) + "\n")
            .run();
        assert_eq!(sites.seen(), [expected]);
    }
}

#[test]
fn the_default_entry_goes_to_every_host_without_one_of_its_own() {
    let sites = round();
    let url = sites.url("a.test", "/");
    let netrc = "machine a.test login ann password one\ndefault login any password two\n";
    sites
        .fetchpool()
        .file("netrc", netrc)
        .args(["--netrc=netrc", &url])
        .stdout(page(&url, 1) + "\n")
        .run();
    let [b, c] = ["b.test / as any:two", "c.test / as any:two"];
    assert_eq!(
        sites.seen(),
        ["a.test / as ann:one", b, c, "a.test /x as ann:one"]
    );
}

#[test]
fn no_entry_is_used_for_a_proxy() {
    let proxy = RawServer::start(|mut talk| {
        assert!(
            !talk.head().contains("Proxy-Authorization"),
            "{}",
            talk.head()
        );
        let has_user = talk
            .head()
            .contains("\r\nAuthorization: Basic YW5uOm9uZQ==\r\n");
        assert!(has_user, "{}", talk.head());
        talk.reply("200 OK", &[], b"x");
    });
    let netrc = format!(
        "{NETRC}machine {} login p password q\n",
        proxy.address().ip()
    );
    fetchpool()
        .file("netrc", netrc)
        .args(["--netrc=netrc", "http://a.test/"])
        .args(["--proxy", &format!("http://{}", proxy.address())])
        .stdout(page("http://a.test/", 1) + "\n")
        .run();
}

#[test]
fn a_row_may_have_its_own_authorization() {
    let sites = round();
    let table = format!(
        "url,header.Authorization\n{0},\n{0},Bearer t\n",
        sites.url("b.test", "/x")
    );
    sites
        .fetchpool()
        .file("netrc", NETRC)
        .args(["--netrc=netrc", "-j1"])
        .list("list.csv", table)
        .stdout(anything())
        .run();
    assert_eq!(
        sites.seen(),
        ["b.test /x as bob:two", "b.test /x as Bearer t"]
    );
}

#[test]
fn without_a_file_it_is_the_one_at_home() {
    let sites = round();
    let url = sites.url("b.test", "/x");
    for (argument, name) in [("--netrc", ".netrc"), ("--netrc=~/mine", "mine")] {
        // The directory of a run is its home.
        sites
            .fetchpool()
            .file(name, NETRC)
            .args([argument, &url])
            .stdout(page(&url, 1) + "\n")
            .run();
        assert_eq!(sites.seen(), ["b.test /x as bob:two"]);
    }
}

#[test]
fn a_wrong_netrc_file_is_status_2_that_names_file_and_line_and_no_word() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (content, line) in [
        ("machine a.test login ann password two hunter2", 1),
        ("machine a.test\nlogin ann\npassword\n", 3),
        ("# x\nlogin hunter2", 2),
        ("machine a.test\npassword \"hunter2", 2),
        ("machine https://hunter2/", 1),
    ] {
        for dry in [&[][..], &["--dry-run"]] {
            fetchpool()
                .file("netrc", content)
                .args(["--netrc=netrc", &url])
                .args(dry)
                .status(2)
                .stderr(checked(move |text| {
                    let begin = format!("fetchpool: --netrc=netrc, line {line}: ");
                    match text.starts_with(&begin) && !text.contains("hunter2") {
                        true => Ok(()),
                        false => Err(format!("wanted {begin:?}, and no word of the file")),
                    }
                }))
                .run();
        }
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_netrc_file_for_a_list_is_status_2_and_no_line_of_it_is_shown() {
    for content in [
        "machine a.test login ann password hunter2\n",
        "# mine\n\nmachine a.test\nlogin ann\npassword hunter2\n",
        "default login ann password hunter2\n",
    ] {
        for arguments in [&["mine"][..], &["--netrc", "mine"], &["--dry-run", "mine"]] {
            fetchpool()
                .file("mine", content)
                .file(".netrc", "")
                .args(arguments)
                .status(2)
                .stderr(checked(|text| {
                    let is_named = text.contains("it is a netrc file; write --netrc=mine");
                    match is_named && !text.contains("hunter2") {
                        true => Ok(()),
                        false => Err("wanted the option, and no word of the file".to_owned()),
                    }
                }))
                .run();
        }
    }
}

#[test]
fn a_netrc_file_that_cannot_be_read_is_status_2() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (argument, told) in [
        ("--netrc", ".netrc: no such file"),
        ("--netrc=missing", "--netrc=missing: no such file"),
        ("--netrc=.", "--netrc=.: is a directory"),
        ("--netrc=long", "--netrc=long: it is over 1 MiB"),
        ("--netrc=-", "--netrc -: give a netrc file"),
    ] {
        fetchpool()
            .file("long", "#".repeat((1 << 20) + 1))
            .args([argument, &url])
            .status(2)
            .stderr(containing(["fetchpool: ", told]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}
