//! No message of a wrong call has a password in it.

use super::*;

#[test]
fn no_message_has_a_password_in_it() {
    for typed in [
        &["-u", "me:secret\n"][..],
        &["-ume:secret\x1b"],
        &["--user=me:secret\0"],
        &["--proxy", "ftp://me:secret@proxy"],
        &["--proxy=http://me:secret@proxy:port"],
        &["-u", "me:secret", "-j", "0"],
        &["--proxy", "http://me:secret@p", "-4", "-6"],
        &["-H", "Authorization: Basic secret\r\n"],
        &["-H", "Authorization Basic secret"],
        &["--header=Authorization: secret\0"],
        &["-A", "https//me:secret@h/\n"],
        &["--resolve", "http://me:secret@h:80:::1"],
        &["--resolve", "h:80:me:secret@::1"],
        &["--resume", "-", "-f", "http//me:secret@h"],
        &["-X", "GET https//me:secret@h"],
        &["-t", "5me:secret@h"],
        &["--max-size", "5me:secret@h"],
        &["--shard", "1/me:secret@h"],
        &["--cert", "https//me:secret@h/c.pem"],
        &["--key", "me:secret@h"],
        &["--https://me:secret@h/"],
        &["--color", "me:sec@secret@h"],
        &["https//ok", "--thread=me:secret@h"],
    ] {
        let told = usage_error(parse_all(NONE, &[], typed).unwrap_err());
        assert!(!told.contains("secret"), "{typed:?}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn no_message_has_a_password_in_it_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    for option in ["--user", "--proxy"] {
        let typed = [
            b"fetchpool".to_vec(),
            option.into(),
            b"me:secret\xe9".to_vec(),
        ];
        let told = usage_error(parse(typed.map(OsString::from_vec), NONE, &|_| None).unwrap_err());
        assert!(
            told.starts_with(&format!("fetchpool: invalid value for '{option} <")),
            "{told}"
        );
        assert!(
            told.contains("it is not UTF-8") && !told.contains("secret"),
            "{told}"
        );
    }
}
