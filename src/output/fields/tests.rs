//! Which fields `--fields` chooses, and what it refuses.

use super::*;

/// The chosen names, or the message.
fn chosen(names: &str, format: Format, with_body: bool, dry_run: bool) -> Result<String, String> {
    let fields = Fields::new(Some(names), format, with_body, dry_run)?;
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    Ok(names.join(","))
}

#[test]
fn fields_come_in_the_order_in_which_they_are_asked_for() {
    use Format::{Csv, Jsonl, Tsv};
    for (names, format, expected) in [
        ("url", Jsonl, "url"),
        ("status,url,error", Jsonl, "status,url,error"),
        (" url , hops ", Jsonl, "url,hops"),
        ("error,url", Csv, "error_kind,error_message,error_phase,url"),
        ("url,error_kind", Tsv, "url,error_kind"),
        ("warc,headers,input", Csv, "warc,headers,input"),
    ] {
        assert_eq!(
            chosen(names, format, false, false).as_deref(),
            Ok(expected),
            "{names}"
        );
    }
    let with_options = "dry_run,body_base64,url,body";
    assert_eq!(
        chosen(with_options, Jsonl, true, true).as_deref(),
        Ok(with_options)
    );
    assert_eq!(
        chosen("url,dry_run", Csv, false, true).as_deref(),
        Ok("url,dry_run")
    );
}

#[test]
fn without_names_all_are_there_and_those_of_options_last() {
    let all = |format, with_body, dry_run| {
        let fields = Fields::new(None, format, with_body, dry_run).unwrap();
        let names: Vec<_> = fields.iter().map(|field| field.name).collect();
        names.join(",")
    };
    let behind = "method,remote_ip,reused,dns_ms,connect_ms,tls_ms,etag,last_modified,unchanged,resumed_from,sha256,\
                  hops,headers,input,warc";
    let plain = all(Format::Jsonl, false, false);
    assert!(plain.ends_with(&format!(",file,error,{behind}")), "{plain}");
    assert_eq!(
        all(Format::Jsonl, true, true),
        format!("{plain},body,body_base64,dry_run")
    );
    let table = all(Format::Csv, false, false);
    let flattened = plain.replace(",error,", ",error_kind,error_message,error_phase,");
    assert_eq!(table, flattened);
    assert_eq!(all(Format::Tsv, true, true), format!("{table},dry_run"));
    assert!(Fields::new(None, Format::Text, false, true).is_ok());
}

#[test]
fn wrong_names_say_what_would_be_right() {
    use Format::{Csv, Jsonl, Text, Tsv};
    for (names, format, expected) in [
        ("url", Text, "text has no fields: add -f jsonl, csv or tsv"),
        ("url,status,url", Jsonl, "'url' is there twice"),
        ("error,error_kind", Csv, "'error_kind' is there twice"),
        ("error,error", Tsv, "'error_kind' is there twice"),
        (
            "body",
            Jsonl,
            "'body' is only there with --body and -f jsonl",
        ),
        (
            "body_base64",
            Csv,
            "'body_base64' is only there with --body and -f jsonl",
        ),
        ("url,dry_run", Csv, "'dry_run' is only there with --dry-run"),
        (
            "error_kind",
            Jsonl,
            "'error_kind' is a column of csv and tsv; in jsonl it is within error",
        ),
        (
            "urll",
            Jsonl,
            "'urll' is no field: write some of url, source, line, ok, status, ",
        ),
        ("URL", Csv, "'URL' is no field: write some of url, "),
        ("", Jsonl, "'' is no field: "),
        ("url,,status", Tsv, "'' is no field: "),
        ("url;ok", Tsv, "'url;ok' is no field: "),
        ("\u{1b}[2J", Jsonl, "'\\x1b[2J' is no field: "),
    ] {
        let error = chosen(names, format, false, false).expect_err(names);
        assert!(error.starts_with(expected), "{names}: {error}");
    }
    let tables = chosen("x", Csv, true, false).expect_err("x");
    assert!(
        tables.contains(" file, error, error_kind, error_message, error_phase, method, "),
        "{tables}"
    );
    assert!(!tables.contains("body"), "{tables}");
    let jsonl = chosen("x", Jsonl, true, true).expect_err("x");
    assert!(
        jsonl.ends_with(", error, method, remote_ip, reused, dns_ms, connect_ms, tls_ms, etag, last_modified, \
             unchanged, resumed_from, sha256, hops, headers, input, warc, body, body_base64, dry_run, separated by commas"),
        "{jsonl}"
    );
}
