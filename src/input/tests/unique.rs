//! Lists that have a URL more than once.

use super::*;

fn unique(lists: &[List], default_scheme: Option<Scheme>) -> Targets {
    let unique = true;
    Targets::open(Options {
        unique,
        ..options(lists, default_scheme)
    })
    .unwrap()
}

/// The lines of `content` that a run with `--unique` fetches.
fn left(content: &str, default_scheme: Option<Scheme>) -> Vec<u64> {
    let list = list(content.as_bytes());
    let mut targets = unique(&[file(list.path())], default_scheme);
    let lines: Vec<_> = drained(&mut targets)
        .iter()
        .map(|target| target.line)
        .collect();
    let skipped = targets.skipped();
    assert_eq!(
        skipped.repeated() as usize,
        content.lines().count() - lines.len()
    );
    assert_eq!(skipped.of_other_shards(), 0);
    lines
}

#[test]
fn a_url_is_met_again_however_it_is_written() {
    for again in [
        "http://example.com/a?q",
        "  http://example.com/a?q\t",
        "HTTP://EXAMPLE.COM:80/a?q",
        "http://example.com/b/../a?q",
        "http://example.com/a?q#there",
        "http://example.com/a?q#",
        "http:\\\\example.com\\a?q",
    ] {
        assert_eq!(
            left(&format!("http://example.com/a?q#here\n{again}\n"), None),
            [1],
            "{again}"
        );
    }
    for other in [
        "https://example.com/a?q",
        "http://example.com:81/a?q",
        "http://www.example.com/a?q",
        "http://example.com/A?q",
        "http://example.com/a",
        "http://example.com/a?",
        "http://example.com/a?q=",
        "http://example.com/a%3Fq",
        "http://user@example.com/a?q",
        "example.com/a?q",
    ] {
        assert_eq!(
            left(&format!("http://example.com/a?q\n{other}\n"), None),
            [1, 2],
            "{other}"
        );
    }
    let completed = "example.com\nhttp://example.com/\nhttps://example.com\n";
    assert_eq!(left(completed, Some(Scheme::Http)), [1, 3]);
}

#[test]
fn what_is_no_url_is_reported_each_time() {
    assert_eq!(
        left(
            "nonsense\nftp://a/\nnonsense\nftp://a/\nhttp://a/\nhttp://a\n",
            None
        ),
        [1, 2, 3, 4, 5]
    );
}

#[test]
fn all_lists_are_one() {
    let list = list(b"http://a/\nhttp://b/\nhttp://a/\n");
    let url = |text: &str| List::Url(text.to_owned());
    let mut targets = unique(
        &[
            url("http://b/"),
            file(list.path()),
            url("http://c/"),
            url("http://a"),
            file(list.path()),
        ],
        None,
    );
    let left: Vec<_> = drained(&mut targets)
        .iter()
        .map(|target| (target.line, target.written.to_string()))
        .collect();
    let expected = [(1, "http://b/"), (1, "http://a/"), (2, "http://c/")];
    assert_eq!(left, expected.map(|(line, text)| (line, text.to_owned())));
    assert_eq!(targets.skipped().repeated(), 6);
}

#[test]
fn a_long_run_of_repetitions_ends_with_the_list() {
    let list = list("http://a/\n".repeat(100_000).as_bytes());
    let mut targets = unique(&[file(list.path())], None);
    assert_eq!(drained(&mut targets).len(), 1);
    assert_eq!(targets.skipped().repeated(), 99_999);
}
