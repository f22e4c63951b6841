//! What -v prints, and passwords, which are in no record and no message.

use crate::jsonl::rows;
use crate::routes::proxy;
use crate::support::{Authority, Server, anything, checked, dead_host, fetchpool, page};

#[test]
fn passwords_are_in_no_output_however_much_is_told() {
    let authority = Authority::new();
    let tls = authority.serve(false);
    let server = Server::start();
    let dead = dead_host();
    let (proxy, _) = proxy(String::new());
    let proxy_option = proxy.url("").replace("http://", "http://pat:hunter2@");
    // base64 of ann:hunter2 and of pat:hunter2
    let secrets = ["hunter2", "YW5uOmh1bnRlcjI=", "cGF0Omh1bnRlcjI="];
    let silent = move |what: &'static str| {
        checked(
            move |text| match secrets.iter().find(|secret| text.contains(**secret)) {
                Some(secret) => Err(format!("{what} shows {secret}")),
                None => Ok(()),
            },
        )
    };
    for verbosity in ["-q", "-v", "-vv"] {
        for format in ["text", "jsonl", "csv"] {
            for arguments in [
                &["-u", "ann:hunter2"][..],
                &["-H", "Authorization: Basic YW5uOmh1bnRlcjI="],
                &["--proxy", &proxy_option],
                &[
                    "-k",
                    "-u",
                    "ann:hunter2",
                    "--retries",
                    "1",
                    "--retry-delay",
                    "1ms",
                ],
            ] {
                fetchpool()
                    .args(arguments)
                    .args([verbosity, "-f", format, "--summary"])
                    .args([
                        server.url("/size/1"),
                        server.url("/redirect/1"),
                        server.url("/status/401"),
                    ])
                    .args([dead.url("/"), tls.url("/").replace("http:", "https:")])
                    .status_0_or_1()
                    .stdout(silent("stdout"))
                    .stderr(silent("stderr"))
                    .run();
            }
        }
    }
}

#[test]
fn a_password_in_a_url_is_in_no_message() {
    let server = Server::start();
    let dead = dead_host();
    let secret = |url: String| url.replace("http://", "http://ann:hunter2@");
    for url in [
        secret(server.url("/redirect/2")),
        secret(dead.url("/")),
        secret(server.url("/status/401")),
    ] {
        for verbosity in ["-v", "-vv"] {
            let ended = fetchpool()
                .arg(&url)
                .args([verbosity, "-f", "jsonl", "--summary"])
                .status_0_or_1()
                .stdout(anything())
                .stderr(checked(|text| {
                    match text.contains("hunter2") || text.contains("YW5uOmh1bnRlcjI=") {
                        true => Err("the password is shown".to_owned()),
                        false => Ok(()),
                    }
                }))
                .run();
            let row = &rows(ended.stdout())[0];
            assert_eq!(row["url"], url, "as the user wrote it");
            for field in ["final_url", "error", "file"] {
                assert!(
                    !row[field].to_string().contains("hunter2"),
                    "{field} of {row}"
                );
            }
        }
    }
}

#[test]
fn what_the_client_does_is_told_on_stderr_and_never_on_stdout() {
    let server = Server::start();
    let [url, moved] = [server.url("/size/1"), server.url("/redirect/1")];
    for verbosity in ["-v", "-vv", "-vvv"] {
        fetchpool()
            .args([verbosity, "-j", "1", &url, &moved])
            .stdout(format!("{}\n{}\n", page(&url, 1), page(&moved, 7)))
            .stderr(anything())
            .run();
    }
    // -q only concerns the bar and the summary; without -v nothing is printed.
    fetchpool().arg(&url).stdout(page(&url, 1) + "\n").run();
}

#[test]
fn verbose_tells_what_the_client_does() {
    let server = Server::start();
    let url = server.url("/redirect/1");
    for verbosity in ["-v", "-vv"] {
        let ended = fetchpool()
            .args([verbosity, "--retries", "1", &url])
            .stdout(page(&url, 7) + "\n")
            .stderr(anything())
            .run();
        assert!(
            ended.stderr().contains("/redirect/"),
            "{:?}",
            ended.stderr()
        );
    }
}

#[test]
fn no_message_repeats_a_password_that_was_typed_in_the_wrong_place() {
    let server = Server::start();
    let good = server.url("/size/1");
    for (arguments, shown) in [
        (&["https//user:hunter2@h/x"][..], "'...@h/x'"),
        (&["https:/user:hunter2@h/x"], "'...@h/x'"),
        (&["user:hunter2@h/x"], "'...@h/x'"),
        (&["user:hunter2/@h/x"], "'...@h/x'"),
        (&["user:hunter2@h.example/\u{1b}"], "'...@h.example/\\x1b'"),
        (&["http//hunter2@h/x"], "'...@h/x'"),
        (&["https//user:it's hunter2@h/x"], "'...@h/x'"),
        (&["--cacert", "it's https//user:hunter2@h"], "'...@h'"),
        (&["https//user:hunter2%40h/"], "'...@h/'"),
        (&["user:hunter2"], "'user:...'"),
        (&["Authorization: Bearer hunter2"], "'Authorization:...'"),
        (
            &["--head=Authorization: Basic hunter2"],
            "'Authorization:...'",
        ),
        (&["-j", "user:hunter2"], "'user:...'"),
        (&["-", "--resume", "http//user:hunter2@h/x", "/"], "'/'"),
        (&["-o", "/dev/null/https://user:hunter2@h"], "...@h"),
        (
            &["--cacert", "https://user:hunter2@h/ca.pem"],
            "'...@h/ca.pem'",
        ),
        (
            &["--cert", "https://user:hunter2@h/c", "--key", "k"],
            "'...@h/c'",
        ),
        (&["-H", "Authorization Basic hunter2"], "--header"),
        (&["--proxy", "ftp://user:hunter2@p"], "--proxy"),
        (&["-u", "user:hunter2\n"], "--user"),
        (&["--resolve", "user:hunter2@h"], "...@h"),
        (&["-f", "user:hunter2@h"], "...@h"),
    ] {
        fetchpool()
            .arg(&good)
            .args(arguments.iter().copied())
            .status(2)
            .stderr(checked(move |text| {
                let lines = text.lines().filter(|line| !line.is_empty());
                if text.contains("hunter2") || !text.contains(shown) || text.contains('\u{1b}') {
                    return Err(format!("{shown}: {:?}", lines.collect::<Vec<_>>()));
                }
                Ok(())
            }))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}
