//! Flags that other programs have, and what to write instead.

use super::*;

#[test]
fn flags_of_other_tools_are_answered_with_what_to_write_instead() {
    for (line, instead) in [
        ("--thread 5", "write --jobs N"),
        ("--threads=5", "write --jobs N"),
        ("--concurrency 5", "write --jobs N"),
        (
            "-P 5",
            "write --jobs N for so many at once, -o DIR for where",
        ),
        (
            "-P5",
            "write --jobs N for so many at once, -o DIR for where",
        ),
        ("--parallel", "--jobs N says how many at once"),
        ("--retry 3", "write --retries N"),
        ("--tries=3", "write --retries N"),
        ("-L", "redirects are followed already"),
        ("--location", "redirects are followed already"),
        ("-O", "write -o DIR"),
        ("--cookie a=b", "write -b FILE (--cookies FILE)"),
        ("--load-cookies x", "write -b FILE (--cookies FILE)"),
        ("--cookie-jar x", "cookies are not saved"),
        ("--netrc-file x", "write --netrc, or --netrc=FILE"),
        ("--netrc-optional", "write --netrc"),
        ("--no-netrc", "only with --netrc"),
        ("-n", "write --netrc for users"),
        ("--location-trusted", "--netrc has users for every host"),
        ("--output x", "write -o DIR"),
        ("-s", "write -q (--quiet)"),
        ("-sS", "write -q (--quiet)"),
        ("--silent", "write -q (--quiet)"),
        ("--max-time 5", "write --timeout D"),
        ("-m 5", "write --timeout D"),
        ("-d x", "requests have no body"),
        ("--data x", "requests have no body"),
        (
            "--json",
            "write -f jsonl for records in JSON; requests have no body",
        ),
        ("--request POST", "write -X M"),
        ("--spider", "write --check"),
        ("--write-out %{http_code}", "write -f csv --fields LIST"),
        ("-w 1", "write --host-delay D for a wait"),
        ("--wait 1", "write --host-delay D"),
        (
            "--input-file urls.txt",
            "lists and URLs are given without an option",
        ),
        ("--include", "write -f jsonl --record-header NAME"),
        ("--fail", "--accept SET takes others"),
        ("-x http://p", "write --proxy URL"),
        ("-C -", "write -c (--continue)"),
        ("-N", "write --update FILE"),
        ("--warc-file x", "write --warc FILE"),
    ] {
        let told = usage_error(stop(line));
        let tips: Vec<&str> = told
            .lines()
            .filter_map(|line| line.strip_prefix("  tip: "))
            .collect();
        assert!(
            tips.len() == 1 && tips[0].contains(instead),
            "{line}: {told}"
        );
        let usage = "\n\nUsage: fetchpool [OPTIONS] [LIST]...\n";
        assert!(told.contains(usage), "{line}: {told}");
    }
    // An unknown flag gets no tip, and a typo the option that was meant.
    for (flag, meant) in [
        ("--zzz", None),
        ("--hander", Some("--header")),
        ("--tiemout", Some("--timeout")),
        ("--retires", Some("--retries")),
        ("--summery", Some("--summary")),
        ("--rated", Some("--rate")),
        ("--colour", Some("--color")),
        ("--limit", Some("--limit-rate")),
        ("--tread", None),
        ("--times", None),
    ] {
        let told = usage_error(stop(flag));
        let tip = meant.map(|meant| format!("  tip: a similar argument exists: '{meant}'"));
        let found = told.lines().find(|line| line.contains("tip:"));
        assert_eq!(found, tip.as_deref(), "{flag}: {told}");
    }
}

#[test]
fn every_row_of_foreign_flags_is_of_flags_that_are_not_here() {
    for arg in args::command().get_arguments() {
        let names = arg.get_long_and_visible_aliases().unwrap_or_default();
        let shorts = arg.get_short_and_visible_aliases().unwrap_or_default();
        let names = names
            .into_iter()
            .chain(arg.get_all_aliases().unwrap_or_default());
        for flag in names
            .map(|name| format!("--{name}"))
            .chain(shorts.iter().map(|c| format!("-{c}")))
        {
            assert_eq!(crate::cli::other_tools::instead(&flag), None, "{flag}");
        }
    }
}
