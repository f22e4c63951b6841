//! Tables and objects as users write them, through the whole reader.

use super::*;

/// What a list becomes: a line, the URL or the failure, and the columns that are carried on.
pub(super) fn read_as(format: ListFormat, content: &str) -> Vec<(u64, String, String)> {
    let list = list(content.as_bytes());
    let mut options = options(&[file(list.path())], None);
    options.format = format;
    let count = options.count();
    let entries = entries(options);
    assert_eq!(count, Some(entries.len() as u64), "count of {content:?}");
    entries.into_iter().map(seen).collect()
}

pub(super) fn entries(options: Options) -> Vec<Entry> {
    let mut targets = Targets::open(options).unwrap();
    let mut entries = Vec::new();
    while targets.next_batch(&mut entries).unwrap() {}
    entries
}

fn seen(entry: Entry) -> (u64, String, String) {
    let (line, what, input) = match entry {
        Entry::Target(target) => {
            let input = target.row.and_then(|row| row.input);
            (target.line, target.url.to_string(), input)
        }
        Entry::Failed(record) => {
            let failure = record.error.expect("it failed");
            let what = format!("{}: {}", failure.kind().name(), failure.message());
            (record.line, what, record.input)
        }
        Entry::Skipped(record) => (record.line, format!("{:?}", record.dry_run), record.input),
    };
    (
        line,
        what,
        input.map_or(String::new(), |input| input.get().to_owned()),
    )
}

type Expected = &'static [(u64, &'static str, &'static str)];

fn assert_read(format: ListFormat, table: &[(&str, Expected)]) {
    for (content, expected) in table {
        let seen = read_as(format, content);
        let seen: Vec<_> = seen
            .iter()
            .map(|(line, what, input)| (*line, &**what, &**input))
            .collect();
        assert_eq!(seen.len(), expected.len(), "{content:?}: {seen:?}");
        for (seen, expected) in seen.iter().zip(*expected) {
            let fits =
                seen.0 == expected.0 && seen.1.starts_with(expected.1) && seen.2 == expected.2;
            assert!(fits, "{content:?}: {seen:?}, not {expected:?}");
        }
    }
}

#[test]
fn tables_are_read_as_promised() {
    assert_read(
        ListFormat::Csv,
        &[
            ("", &[]),
            ("\n\n", &[]),
            ("url\n", &[]),
            ("url\nhttp://a/\n", &[(2, "http://a/", "")]),
            (
                "\u{feff}url,id\r\nhttp://a/,7\r\n",
                &[(2, "http://a/", r#"{"id":"7"}"#)],
            ),
            (
                "id,url,note\n\n1, http://a/ ,\"x\ny\"\n ,\t,\n2,http://b/,\"say \"\"hi\"\"\"\n",
                &[
                    (3, "http://a/", r#"{"id":"1","note":"x\ny"}"#),
                    (6, "http://b/", r#"{"id":"2","note":"say \"hi\""}"#),
                ],
            ),
            (
                "url,id\n#http://a/,1\n # x,2\nhttp://b/,\n",
                &[(4, "http://b/", r#"{"id":""}"#)],
            ),
            (
                "url,id\n# a comment\nhttp://b/,3\n",
                &[(3, "http://b/", r#"{"id":"3"}"#)],
            ),
            (",url\n0,http://a/\n", &[(2, "http://a/", r#"{"":"0"}"#)]),
            (
                "url,URL\nhttp://a/,b\n",
                &[(2, "http://a/", r#"{"URL":"b"}"#)],
            ),
            (
                "url,headers\nhttp://a/,x\n",
                &[(2, "http://a/", r#"{"headers":"x"}"#)],
            ),
            (
                "url,id\nhttp://a/\nhttp://b/,1,2\nhttp://c/,3\n",
                &[
                    (
                        2,
                        "invalid_row: line 2: the row has 1 cell, the header 2",
                        "",
                    ),
                    (
                        3,
                        "invalid_row: line 3: the row has 3 cells, the header 2",
                        "",
                    ),
                    (4, "http://c/", r#"{"id":"3"}"#),
                ],
            ),
            (
                "url,id\n,1\nnonsense,2\nftp://a/,3\n",
                &[
                    (
                        2,
                        "invalid_row: line 2, column 'url': empty",
                        r#"{"id":"1"}"#,
                    ),
                    (
                        3,
                        "invalid_url: line 3, column 'url': no scheme",
                        r#"{"id":"2"}"#,
                    ),
                    (
                        4,
                        "unsupported_scheme: line 4, column 'url': ",
                        r#"{"id":"3"}"#,
                    ),
                ],
            ),
            (
                "url,id\nhttp://a/,\"1\nhttp://b/,2\n",
                &[
                    (
                        2,
                        "invalid_row: line 2: the quote that opens the cell of column 'id' is not closed",
                        "",
                    ),
                    (3, "http://b/", r#"{"id":"2"}"#),
                ],
            ),
            (
                "url,id\nhttp://a/,\"1\" x\nhttp://b/,2\n",
                &[
                    (
                        2,
                        "invalid_row: line 2: the cell of column 'id' goes on behind its closing quote",
                        "",
                    ),
                    (3, "http://b/", r#"{"id":"2"}"#),
                ],
            ),
            (
                "id,timeout,url\n5,abc,http://a/\n",
                &[(
                    2,
                    "invalid_row: line 2, column 'timeout': 'abc' is not a duration: write",
                    r#"{"id":"5"}"#,
                )],
            ),
        ],
    );
    assert_read(
        ListFormat::Tsv,
        &[(
            "id\turl\n\"a\tb\"\thttp://a/?x,y\n",
            &[(2, "http://a/?x,y", r#"{"id":"a\tb"}"#)],
        )],
    );
}

#[test]
fn a_cell_that_is_not_utf_8_is_named() {
    let list =
        list(b"url,id,note\nhttp://a/,\xff,1\nhttp://b/,\xc3,\xa4\n\xe9,1,2\nhttp://c/,1,2\n");
    let mut options = options(&[file(list.path())], None);
    options.format = ListFormat::Csv;
    let seen: Vec<_> = entries(options)
        .into_iter()
        .map(|entry| seen(entry).1)
        .collect();
    for (seen, column) in seen.iter().zip(["id", "id", "url"]) {
        assert!(
            seen.contains(&format!("column '{column}': not UTF-8")),
            "{seen}"
        );
    }
    assert_eq!(seen[3], "http://c/");
}

#[test]
fn objects_are_read_as_promised() {
    assert_read(
        ListFormat::Jsonl,
        &[
            ("", &[]),
            (
                "\n \n{}\n{\"url\":null,\"id\":\" \"}\n# no\n{\"url\":\"# x\"}\n",
                &[],
            ),
            ("{\"url\":\"http://a/\"}", &[(1, "http://a/", "")]),
            (
                "\u{feff}{\"z\":1.50,\"url\":\"http:\\/\\/a/\",\"a\":{\"b\":[1,\t2]},\"n\":null}\r\n",
                &[(1, "http://a/", r#"{"z":1.50,"a":{"b":[1, 2]},"n":null}"#)],
            ),
            (
                "{\"url\":\"http://a/\",\"timeout\":1.5,\"size\":7,\"accept\":404,\"max_size\":null}",
                &[(1, "http://a/", "")],
            ),
            (
                "{\"url\":\"http://a/\",\"timeout\":true}\n{\"url\":5}\n{\"id\":1}\n",
                &[
                    (
                        1,
                        "invalid_row: line 1, column 'timeout': 'true' is not a string or a number",
                        "",
                    ),
                    (
                        2,
                        "invalid_row: line 2, column 'url': '5' is not a string",
                        "",
                    ),
                    (3, "invalid_row: line 3, column 'url': empty", r#"{"id":1}"#),
                ],
            ),
            (
                "http://a/\n[\n{\"url\":\n{\"url\":\"http://a/\",\"url\":\"http://b/\"}\n",
                &[
                    (
                        1,
                        "invalid_row: line 1: not a JSON object: write one a line",
                        "",
                    ),
                    (
                        2,
                        "invalid_row: line 2: not a JSON object: write one a line (jq",
                        "",
                    ),
                    (
                        3,
                        "invalid_row: line 3: not JSON: EOF while parsing a value at column 7",
                        "",
                    ),
                    (4, "invalid_row: line 4, column 'url': there are two", ""),
                ],
            ),
            (
                "{\"url\":\"http://a/\",\"headers\":[1]}\n{\"url\":\"http://a/\",\"headers\":{\"A\":1}}\n\
            {\"url\":\"http://a/\",\"headers\":{\"A\":\"1\",\"a\":\"2\"}}\n{\"url\":\"http://a/\",\"headers\":{\"Te\":\"secret\"}}\n",
                &[
                    (
                        1,
                        "invalid_row: line 1, column 'headers': not an object of strings",
                        "",
                    ),
                    (
                        2,
                        "invalid_row: line 2, column 'headers': the value of 'A' is not a string",
                        "",
                    ),
                    (
                        3,
                        "invalid_row: line 3, column 'headers': 'a' is there twice",
                        "",
                    ),
                    (
                        4,
                        "invalid_row: line 4, column 'headers': Te cannot be set",
                        "",
                    ),
                ],
            ),
            // Records of an earlier run.
            (
                "{\"url\":\"http://a/\",\"ok\":false,\"attempts\":1,\"method\":\"x\",\"size\":\"?\",\"input\":{\"id\":7}}\n\
            {\"url\":\"http://b/\",\"ok\":true,\"attempts\":1,\"input\":null}\n{\"url\":\"\",\"ok\":true,\"attempts\":1,\"input\":{\"id\":7}}\n",
                &[
                    (1, "http://a/", r#"{"id":7}"#),
                    (2, "http://b/", ""),
                    (3, "invalid_row: line 3, column 'url': empty", r#"{"id":7}"#),
                ],
            ),
            (
                "{\"url\":\"http://a/\",\"ok\":false}",
                &[(1, "http://a/", r#"{"ok":false}"#)],
            ),
        ],
    );
}

#[test]
fn a_row_over_a_mebibyte_fails_and_the_list_goes_on() {
    let long = "x".repeat(1 << 20);
    for (format, content) in [
        (
            ListFormat::Csv,
            format!("url,id\nhttp://a/,{long}\nhttp://b/,1\n"),
        ),
        (
            ListFormat::Jsonl,
            format!(
                "{{}}\n{{\"url\":\"http://a/\",\"id\":\"{long}\"}}\n{{\"url\":\"http://b/\"}}\n"
            ),
        ),
    ] {
        let seen = read_as(format, &content);
        assert_eq!(
            (seen[0].0, &*seen[0].1),
            (2, "invalid_row: line 2: the row is over 1 MiB")
        );
        assert_eq!((seen[1].0, &*seen[1].1), (3, "http://b/"));
    }
}

#[test]
fn filters_hold_for_rows_and_a_dry_run_tells_of_them() {
    let table = "url,timeout\nhttp://a/,x\nhttp://a/,1\nhttp://a/#y,2\nhttp://b/,3\n";
    let (list, past) = (
        list(table.as_bytes()),
        list(b"{\"url\":\"http://b/\",\"ok\":true}\n"),
    );
    let with = |dry_run| {
        let options = Options {
            format: ListFormat::Csv,
            unique: true,
            resume: Some(past.path().to_owned()),
            dry_run,
            ..options(&[file(list.path())], None)
        };
        let seen = entries(options).into_iter().map(seen);
        seen.map(|(line, what, _)| (line, what)).collect::<Vec<_>>()
    };
    let lines: Vec<_> = with(false).into_iter().map(|(line, _)| line).collect();
    assert_eq!(
        lines,
        [2, 3],
        "the wrong row does not make the next a repetition"
    );
    let all = with(true);
    assert_eq!(
        all[2..],
        [
            (4, "Some(SkipRepeated)".to_owned()),
            (5, "Some(SkipFetchedBefore)".to_owned())
        ]
    );
}

#[test]
fn each_row_falls_to_one_shard_and_wrong_rows_to_that_of_their_host() {
    let table =
        "url,timeout\nhttp://a/,x\nhttp://a/,1\nhttp://b/,1,2\n,3\nnonsense,4\nhttp://c/,5\n";
    let list = list(table.as_bytes());
    let mut lines = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let options = Options {
            format: ListFormat::Csv,
            shard: Some(shard.parse().unwrap()),
            ..options(&[file(list.path())], None)
        };
        let count = options.count();
        let found: Vec<_> = entries(options)
            .into_iter()
            .map(|entry| seen(entry).0)
            .collect();
        assert_eq!(count, Some(found.len() as u64));
        assert_eq!(found.contains(&2), found.contains(&3));
        lines.extend(found);
    }
    lines.sort_unstable();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_compressed_table_that_is_cut_short_gives_its_whole_rows() {
    let rows: String = (0..2000)
        .map(|n| format!("http://host/{n},{n}\n"))
        .collect();
    let mut bytes = foreign::gzip(format!("url,id\n{rows}").as_bytes());
    bytes.truncate(bytes.len() / 2);
    let list = list(&bytes);
    let mut targets = Targets::open(Options {
        format: ListFormat::Csv,
        ..options(&[file(list.path())], None)
    })
    .unwrap();
    let mut seen = Vec::new();
    let error = loop {
        match targets.next_batch(&mut seen) {
            Ok(more) => assert!(more, "the list is broken"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(seen.len() > 100);
    let line = format!("line {}: its compressed data is cut short", seen.len() + 2);
    assert!(error.ends_with(&line), "{error}");
}
