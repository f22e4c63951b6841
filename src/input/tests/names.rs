//! The names that rows give to their files.

use super::*;

/// The names of a list's rows, or why they have none.
fn names(format: ListFormat, template: Option<&str>, content: &str) -> Vec<String> {
    let list = list(content.as_bytes());
    let options = Options {
        format,
        saves: true,
        name: template.map(|template| template.parse().unwrap()),
        ..options(&[file(list.path())], None)
    };
    let name = |entry| match entry {
        Entry::Target(target) => {
            let name = target.row.and_then(|row| row.name);
            name.map_or_else(|| "by URL".to_owned(), String::from)
        }
        Entry::Failed(record) => record.error.expect("it failed").to_string(),
        Entry::Skipped(record) => panic!("{record:?}"),
    };
    rows::entries(options).into_iter().map(name).collect()
}

fn assert_names(format: ListFormat, template: Option<&str>, content: &str, expected: &[&str]) {
    let names = names(format, template, content);
    assert_eq!(names.len(), expected.len(), "{names:?}");
    for (name, expected) in names.iter().zip(expected) {
        assert!(name.ends_with(expected), "{name}, not {expected}");
    }
}

#[test]
fn lines_are_named_by_a_template() {
    let template = Some("{line:03}-{host}{ext}");
    let expected = ["001-a.html", "003-b.png"];
    assert_names(
        ListFormat::Lines,
        template,
        "http://a/\n\nhttp://b/x.png\n",
        &expected,
    );
    let expected = [
        "index.html",
        "line 2, --name: 'index.html': an earlier row has this name",
    ];
    assert_names(
        ListFormat::Lines,
        Some("{stem}{ext}"),
        "http://a/\nhttp://a/\n",
        &expected,
    );
}

#[test]
fn a_column_goes_before_the_template() {
    let table = "url,id,name\nhttp://a/x.png,7,\nhttp://a/,8,d/e.txt\nhttp://a/,9,../x\nhttp://a/,../y,\n\
        http://a/,7,\nhttp://a/,0,d\nhttp://b/,,\n";
    let expected = [
        "7.png",
        "d/e.txt",
        "line 4, column 'name': '../x' is not a safe name: it has a component of dots",
        "line 5, --name: '../y.html' is not a safe name: it has a component of dots",
        "7.html",
        "line 7, column 'name': 'd': an earlier row has a directory of this name",
        ".html",
    ];
    assert_names(ListFormat::Csv, Some("{id}{ext}"), table, &expected);
}

#[test]
fn rows_without_a_name_are_named_by_their_url() {
    let table = "url,name\nhttps://a/b.html,\nhttps://a/b.html,\nhttps://c/,a/b.html\nhttps://c/,a\nhttps://c/,x\nhttps://c/,x\n";
    let expected = [
        "by URL",
        "by URL",
        "line 4, column 'name': 'a/b.html': it is the file of an earlier row that its URL names",
        "line 5, column 'name': 'a': an earlier row has a directory of this name",
        "x",
        "line 7, column 'name': 'x': an earlier row has this name",
    ];
    assert_names(ListFormat::Csv, None, table, &expected);
}

#[test]
fn keys_of_objects_are_columns() {
    let list = "{\"url\":\"http://a/\",\"id\":7}\n{\"url\":\"http://a/\",\"id\":\"a\\u0062\"}\n{\"url\":\"http://a/\"}\n\
        {\"url\":\"http://a/\",\"id\":[1]}\n{\"url\":\"http://a/\",\"id\":null}\n\
        {\"url\":\"http://a/\",\"ok\":true,\"attempts\":1,\"name\":\"n\",\"input\":{\"id\":8}}\n";
    let missing = "the row has no text for '{id}'";
    let expected = ["7.html", "ab.html", missing, missing, missing, "8.html"];
    assert_names(ListFormat::Jsonl, Some("{id}{ext}"), list, &expected);
}

#[test]
fn a_repetition_takes_no_name_and_no_wrong_row_makes_one() {
    let list = list(b"url,name\nhttp://a/,x\nhttp://a/,x\nhttp://b/,../y\nhttp://b/,y\n");
    let options = Options {
        format: ListFormat::Csv,
        saves: true,
        unique: true,
        ..options(&[file(list.path())], None)
    };
    let entries = rows::entries(options);
    let is_target = entries
        .iter()
        .map(|entry| matches!(entry, Entry::Target(_)));
    assert_eq!(is_target.collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn names_do_not_matter_where_nothing_is_saved() {
    let list = list(b"url,name\nhttp://a/,../x\nhttp://a/,../x\n");
    let options = Options {
        format: ListFormat::Csv,
        ..options(&[file(list.path())], None)
    };
    for entry in rows::entries(options) {
        assert!(
            matches!(entry, Entry::Target(Target { row: None, .. })),
            "{entry:?}"
        );
    }
}

#[test]
fn capitals_are_one_where_the_file_system_ignores_them() {
    let list = list(b"url,name\nhttp://a/,x\nhttp://a/,X\n");
    for (case, failed) in [(Case::Kept, 0), (Case::Ignored, 1)] {
        let mut targets = Targets::open(Options {
            format: ListFormat::Csv,
            saves: true,
            ..options(&[file(list.path())], None)
        })
        .unwrap();
        targets.set_case(case);
        let found = drained(&mut targets);
        assert_eq!(
            found.iter().filter(|entry| entry.url.is_err()).count(),
            failed
        );
    }
}

#[test]
fn a_repetition_of_what_an_earlier_run_has_is_no_clash() {
    let list = list(b"url,name\nhttp://a/,x\nhttp://a/,x\nhttp://b/,x\n");
    let journal = super::list(b"{\"url\":\"http://a/\",\"ok\":true}\n");
    let options = Options {
        format: ListFormat::Csv,
        saves: true,
        unique: true,
        resume: Some(journal.path().to_owned()),
        ..options(&[file(list.path())], None)
    };
    let entries = rows::entries(options);
    let [Entry::Failed(record)] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert_eq!((&*record.url, record.line), ("http://b/", 4));
}
