//! Checks the tables of `README.md` in this folder against the program. An option, a kind of failure or an exit status
//! without a test fails here, and so does a test that is named and does not exist.

use crate::support::{anything, fetchpool, repository_file};
use std::collections::BTreeSet;

/// The rows of the table under the heading `title`: the promise and its tests.
fn table(title: &str) -> Vec<(String, Vec<String>)> {
    let text = repository_file("tests/binary/README.md");
    let (_, section) = text
        .split_once(&format!("## {title}\n"))
        .unwrap_or_else(|| panic!("no table of {title}"));
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter_map(|line| {
        let (promise, tests) = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split_once(" | ")?;
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        Some((promise.to_owned(), tests.collect()))
    });
    // The first row has the names of the columns.
    rows.skip(1).collect()
}

fn promised(title: &str) -> BTreeSet<String> {
    table(title)
        .into_iter()
        .map(|(promise, _)| promise)
        .collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut named = 0;
    for title in [
        "Options",
        "Kinds of failure",
        "Exit statuses",
        "Other promises",
    ] {
        for (promise, tests) in table(title) {
            assert!(!tests.is_empty(), "{promise}: no test");
            for test in tests.iter().filter(|test| test.contains("::")) {
                let (module, name) = test.split_once("::").expect("it has one");
                let text = repository_file(&format!("tests/binary/{module}.rs"));
                let wanted = format!("#[test]\nfn {name}() {{");
                assert!(text.contains(&wanted), "{promise}: there is no test {test}");
                named += 1;
            }
        }
    }
    assert!(named > 80, "the tables are not read any more");
}

#[test]
fn every_option_and_exit_status_of_the_help_has_a_test() {
    let ended = fetchpool().arg("--help").stdout(anything()).run();
    let (mut options, mut statuses) = (BTreeSet::new(), BTreeSet::new());
    for line in ended.stdout().lines() {
        // A long option begins in column 6, and a status begins its line.
        if let Some(option) = line.get(6..).filter(|rest| rest.starts_with("--")) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
            options.insert(
                option
                    .chars()
                    .take_while(|c| is_part(*c))
                    .collect::<String>(),
            );
        }
        let number = line.split_whitespace().next().unwrap_or("");
        if line.starts_with("  ") && number.parse::<u8>().is_ok() {
            statuses.insert(number.to_owned());
        }
    }
    assert_eq!(options, promised("Options"));
    assert_eq!(statuses, promised("Exit statuses"));
}

#[test]
fn every_kind_of_the_schema_has_a_test() {
    let schema: serde_json::Value =
        serde_json::from_str(&repository_file("docs/record.schema.json")).expect("it is JSON");
    let kinds = find_kinds(&schema).expect("the schema has the closed list of kinds");
    assert_eq!(kinds, promised("Kinds of failure"));
}

/// The list in the schema that contains `internal`.
fn find_kinds(value: &serde_json::Value) -> Option<BTreeSet<String>> {
    use serde_json::Value;
    let kinds = |list: &Vec<Value>| -> Option<BTreeSet<String>> {
        let names = list.iter().map(|kind| kind.as_str().map(str::to_owned));
        let names: BTreeSet<String> = names.collect::<Option<_>>()?;
        names.contains("internal").then_some(names)
    };
    match value {
        Value::Array(list) => kinds(list).or_else(|| list.iter().find_map(find_kinds)),
        Value::Object(fields) => fields.values().find_map(find_kinds),
        _ => None,
    }
}
