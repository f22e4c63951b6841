//! Netrc files, right and wrong.

use super::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// What is sent to `url`, as `user:password`.
fn sent(file: &str, url: &str, login: Option<&str>) -> Option<String> {
    let netrc = Netrc::parse(file.as_bytes()).unwrap_or_else(|e| panic!("{file:?}: {e}"));
    let url = Url::parse(url).unwrap();
    let value = netrc.authorization(&url, login.map(str::as_bytes))?;
    let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
    Some(String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap())
}

#[test]
fn files_as_curl_reads_them() {
    let two = "machine a.test login u password p\nmachine b.test login v password q";
    let again = "machine a.test login u password p machine a.test login v password q";
    for (file, url, expected) in [
        (two, "http://a.test/", Some("u:p")),
        (two, "https://b.test:8443/", Some("v:q")),
        (two, "http://c.a.test/", None),
        (two, "http://a.test./", None),
        ("", "http://a.test/", None),
        (again, "http://a.test/", Some("u:p")),
        (
            "\u{feff}MACHINE A.Test\r\n\tLogin u\r\n\tPASSWORD p\r\n",
            "http://a.test",
            Some("u:p"),
        ),
        (
            "machine\na.test\npassword\np\nlogin\nu",
            "http://a.test",
            Some("u:p"),
        ),
        ("machine a.test login u", "http://a.test", Some("u:")),
        ("machine a.test password p", "http://a.test", Some(":p")),
        (
            "machine a.test user u account x password p",
            "http://a.test",
            Some("u:p"),
        ),
        (
            "machine a.test machine b.test default login d password e",
            "http://a.test",
            Some("d:e"),
        ),
        ("default", "http://a.test", None),
        (
            "default login d password e machine a.test login u",
            "http://a.test",
            Some("d:e"),
        ),
        (
            "# x\nmachine a.test # y\n#login z\nlogin u password p#q",
            "http://a.test",
            Some("u:p#q"),
        ),
        (
            "machine a.test login \"a b\" password \"#\\\"\\\\\\x\"",
            "http://a.test",
            Some("a b:#\"\\x"),
        ),
        (
            "machine a.test login \"\" password p\\\"q",
            "http://a.test",
            Some(":p\\\"q"),
        ),
        (
            "macdef init\nmachine a.test login no\n \n\nmachine a.test login u",
            "http://a.test",
            Some("u:"),
        ),
        (
            "machine a.test login u macdef init\ncd /x\n\r\npassword p",
            "http://a.test",
            Some("u:p"),
        ),
        ("macdef init", "http://a.test", None),
        ("macdef init\nmachine a.test login u", "http://a.test", None),
        (
            "machine bücher.test login u",
            "http://xn--bcher-kva.test",
            Some("u:"),
        ),
        ("machine 127.0.0.1 login u", "http://0x7f.1", Some("u:")),
        ("machine [::1] login u", "http://[0::1]:80", Some("u:")),
        ("machine 0::1 login u", "http://[::1]", Some("u:")),
        (
            "machine a.test login jörg password p",
            "http://a.test",
            Some("jörg:p"),
        ),
    ] {
        assert_eq!(sent(file, url, None).as_deref(), expected, "{file:?} {url}");
    }
    for (login, expected) in [
        ("u", Some("u:p")),
        ("v", Some("v:q")),
        ("w", None),
        ("", None),
    ] {
        let sent = sent(again, "http://a.test", Some(login));
        assert_eq!(sent.as_deref(), expected, "{login}");
    }
}

#[test]
fn a_wrong_line_is_named_without_a_word_of_it() {
    for (file, line, expected) in [
        ("hunter2", 1, "expected machine"),
        (
            "machine a.test\nlogin u\npassword a hunter2\n",
            3,
            "expected machine",
        ),
        ("machine a.test\n\nport 8080", 3, "expected machine"),
        ("login hunter2", 1, "'machine HOST' must come before"),
        ("\nmachine", 2, "its value is missing"),
        (
            "machine a.test login u\npassword\n\n",
            2,
            "its value is missing",
        ),
        (
            "machine a.test password #hunter2",
            1,
            "a value that begins with #",
        ),
        (
            "machine a.test\npassword \"hunter2\n\"",
            2,
            "a double quote at the beginning",
        ),
        (
            "machine a.test password \"hunter2\\",
            1,
            "a double quote at the beginning",
        ),
        (
            "machine a.test password \"hunter2\"x",
            1,
            "a double quote inside",
        ),
        (
            "machine a.test password \"hunter2\\n\"",
            1,
            "a user and a password have no control",
        ),
        (
            "machine a.test login hunter2\0",
            1,
            "a user and a password have no control",
        ),
        (
            "machine a.test login u\nlogin hunter2",
            2,
            "this entry has a second",
        ),
        (
            "machine hunter2:8080",
            1,
            "what follows 'machine' is no host",
        ),
        (
            "machine http://hunter2/",
            1,
            "what follows 'machine' is no host",
        ),
        ("machine \"\"", 1, "what follows 'machine' is no host"),
    ] {
        let error = Netrc::parse(file.as_bytes()).expect_err(file).to_string();
        let expected = format!("line {line}: {expected}");
        assert!(error.starts_with(&expected), "{file:?}: {error}");
        assert!(!error.contains("hunter2"), "{file:?}: {error}");
    }
    let binary = Netrc::parse(b"machine \xff").unwrap_err().to_string();
    assert!(binary.starts_with("line 1: what follows"), "{binary}");
}

#[test]
fn nothing_is_shown() {
    let netrc = Netrc::parse(b"machine a.test login hunter2 password hunter2").unwrap();
    assert_eq!(format!("{netrc:?}"), "Netrc { .. }");
}
