//! The documents must agree with the program.

use crate::support::{VERSION, anything, fetchpool, repository_file};
use std::path::{Path, PathBuf};

/// The exit statuses that the tables of the README and of the help must list.
const EXITS: [&str; 4] = ["0", "1", "2", "129 / 130 / 143"];

/// The text between `<!-- NAME -->` and `<!-- /NAME -->` of the README.
fn marked(name: &str) -> String {
    let readme = repository_file("README.md");
    let (_, rest) = readme
        .split_once(&format!("<!-- {name} -->\n"))
        .expect("the mark is there");
    let (text, _) = rest
        .split_once(&format!("<!-- /{name} -->"))
        .expect("the end mark is there");
    text.to_owned()
}

/// The lines of the first fenced block of a text.
fn fenced(text: &str) -> &str {
    let (_, rest) = text.split_once("```").expect("a fence");
    let (_, rest) = rest.split_once('\n').expect("a line after the fence");
    rest.split_once("```").expect("the fence is closed").0
}

#[test]
fn the_readme_shows_the_help_as_it_is() {
    let help = fetchpool().arg("--help").stdout(anything()).run();
    assert_eq!(
        fenced(&marked("help")),
        help.stdout(),
        "copy the output of --help into README.md"
    );
}

#[test]
fn the_quick_start_is_two_commands_that_can_work() {
    let start = marked("quick start");
    let commands: Vec<&str> = fenced(&start)
        .lines()
        .filter(|line| !line.is_empty())
        .collect();
    let [run, test] = commands[..] else {
        panic!("two commands and no more: {commands:?}");
    };
    assert_eq!(run, "cargo run --locked --release -- urls.txt -j 5");
    assert!(test.starts_with("cargo test --locked"), "{test}");
    assert!(start.contains("cargo run --locked --release --example offline"));
    repository_file("examples/offline.rs");
    let minimum = env!("CARGO_PKG_RUST_VERSION");
    assert!(
        start.contains(&format!("a Rust toolchain ({minimum} or newer)")),
        "{start}"
    );
}

#[test]
fn the_list_of_the_quick_start_is_that_of_the_python_documentation() {
    let list = repository_file("urls.txt");
    let (comments, urls): (Vec<&str>, Vec<&str>) =
        list.lines().partition(|line| line.starts_with('#'));
    let wanted = [
        "http://www.foxnews.com/",
        "http://www.cnn.com/",
        "http://europe.wsj.com/",
        "http://www.bbc.co.uk/",
        "http://nonexistant-subdomain.python.org/",
    ];
    assert_eq!(urls, wanted);
    assert_eq!(comments.len(), 1);
}

#[test]
fn the_exit_statuses_of_the_readme_are_all_of_them() {
    let table = marked("exit");
    let statuses: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    assert_eq!(statuses, EXITS);
    let help = fetchpool().arg("--help").stdout(anything()).run();
    for (table, row) in [(table.as_str(), "| 0 | "), (help.stdout(), "    0  ")] {
        let row = table.lines().find(|line| line.starts_with(row));
        let tells_of_readers = row.is_some_and(|row| row.contains("closed the pipe"));
        assert!(tells_of_readers, "a closed pipe is status 0: {row:?}");
    }
    for status in EXITS.iter().flat_map(|cell| cell.split(" / ")) {
        let row = |line: &str| line.split_whitespace().next() == Some(status);
        assert!(
            help.stdout().lines().any(row),
            "--help has no row for exit status {status}"
        );
    }
}

#[test]
fn the_changelog_begins_with_the_version_of_the_manifest() {
    let changelog = repository_file("CHANGELOG.md");
    let heading = changelog
        .lines()
        .find(|line| line.starts_with("## "))
        .expect("a heading");
    let version = heading.trim_start_matches("## [").split(']').next();
    assert_eq!(version, Some(VERSION), "{heading}");
}

/// A link must also work inside the package.
#[test]
fn every_link_of_a_document_leads_to_a_file_of_the_package() {
    let manifest = repository_file("Cargo.toml");
    let excluded = manifest
        .lines()
        .find_map(|line| line.strip_prefix("exclude = "));
    let excluded: Vec<String> =
        serde_json::from_str(excluded.expect("some are")).expect("a list as in JSON");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["", "docs"].map(|place| std::fs::read_dir(root.join(place)).expect("it is there"));
    let mut checked = 0;
    for page in pages
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("it is text");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
        {
            if link.is_empty() || link.contains(':') {
                continue;
            }
            let to = page.with_file_name(link).canonicalize();
            let to = to.unwrap_or_else(|error| panic!("{}: {link}: {error}", page.display()));
            let below = to.strip_prefix(root).expect("it is in the repository");
            let name = format!("/{}", below.display());
            let is_packaged = !excluded.iter().any(|left_out| name.starts_with(left_out));
            assert!(
                is_packaged,
                "{}: {link} is not in the package",
                page.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 15, "{checked} links");
}

#[test]
fn both_licences_are_there() {
    assert!(repository_file("LICENSE-MIT").contains("Permission is hereby granted"));
    assert!(repository_file("LICENSE-APACHE").contains("Version 2.0, January 2004"));
}

/// The picture is drawn by `docs/picture/draw`, which `.ci/lab/picture` runs; `.ci/lab/recipes` runs the recipes.
#[test]
fn the_picture_of_the_readme_is_small_and_shows_a_run_of_urls_txt() {
    let readme = repository_file("README.md");
    let (_, rest) = readme
        .split_once("](docs/picture/")
        .expect("README.md shows a picture");
    let name = rest.split(')').next().expect("its name ends");
    let picture = repository_file(&format!("docs/picture/{name}"));
    assert!(picture.len() < 40 * 1024, "{} bytes", picture.len());
    let list = repository_file("urls.txt");
    let urls = list.lines().filter(|line| !line.starts_with('#'));
    for shown in urls.chain(["fetchpool urls.txt -j 5"]) {
        assert!(
            picture.contains(shown),
            "the picture does not show {shown:?}"
        );
    }
}

#[test]
fn every_option_that_the_recipes_and_the_changelog_name_is_there() {
    let help = fetchpool().arg("--help").stdout(anything()).run();
    let texts = marked("recipes") + &marked("more recipes") + &repository_file("CHANGELOG.md");
    let mut checked = 0;
    for option in texts
        .split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
        .filter(|word| word.starts_with("--") && word.len() > 2)
    {
        // Two options of jq, and two that --help does not list.
        if ["--unbuffered", "--completions", "--man"].contains(&option) {
            continue;
        }
        assert!(help.stdout().contains(option), "there is no {option}");
        checked += 1;
    }
    assert!(checked > 15, "the search finds no options any more");
}

/// ARCHITECTURE.md lists the modules of `src/`. Each may import only modules below it.
#[test]
fn imports_point_down_the_list_of_modules() {
    let plan = repository_file("ARCHITECTURE.md");
    let modules: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/")?.split('`').next())
        .map(|module| module.trim_end_matches('/').trim_end_matches(".rs"))
        .collect();
    let place = |name: &str| modules.iter().position(|module| *module == name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).expect("it was found there");
        let first = inside
            .iter()
            .next()
            .expect("it has a name")
            .to_string_lossy();
        let module = first.trim_end_matches(".rs");
        let here =
            place(module).unwrap_or_else(|| panic!("ARCHITECTURE.md has no module {module}"));
        for other in crates_named(&std::fs::read_to_string(&file).expect("sources are UTF-8")) {
            let there = place(&other).unwrap_or_else(|| panic!("{inside:?} names {other}"));
            assert!(there >= here, "{inside:?} looks up to {other}");
            checked += 1;
        }
    }
    assert!(checked > 10, "the search finds no imports any more");
}

/// Every path in ARCHITECTURE.md must exist, in the repository, in `src/` or below it, and every `Type::function` must
/// exist.
#[test]
fn what_the_architecture_page_names_is_there() {
    let plan = repository_file("ARCHITECTURE.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rust_files(&root.join("src"));
    let sources: Vec<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("sources are UTF-8"))
        .collect();
    let mut checked = 0;
    for name in plan.split('`').skip(1).step_by(2) {
        let is_there = if let Some((_, function)) = name.split_once("::") {
            let (plain, generic) = (format!("fn {function}("), format!("fn {function}<"));
            let has = |code: &String| code.contains(&plain) || code.contains(&generic);
            sources.iter().any(has)
        } else if name.ends_with(".rs") || name.contains('/') {
            let is_below = files.iter().any(|file| file.ends_with(name));
            is_below || root.join(name).exists() || root.join("src/fetch").join(name).exists()
        } else {
            continue;
        };
        assert!(is_there, "ARCHITECTURE.md names {name}");
        checked += 1;
    }
    assert!(checked > 60, "{checked} names");
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("src/ can be read") {
        let path = entry.expect("src/ can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The name after each `crate::` outside of comments.
fn crates_named(code: &str) -> Vec<String> {
    let name = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect()
    };
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1).map(name))
        .collect()
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut left = vec![root.join("src"), root.join("tests")];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory).expect("it is there") {
            let path = entry.expect("it can be read").path();
            match path.extension() {
                Some(extension) if extension == "rs" => {
                    sources += &std::fs::read_to_string(&path).expect("it is text");
                }
                _ if path.is_dir() => left.push(path),
                _ => {}
            }
        }
    }
    let page = repository_file("docs/SECURITY.md");
    // A name in backquotes with at least three underscores.
    let is_name = |text: &&str| {
        text.matches('_').count() > 2 && text.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
    };
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 30, "{named:?}");
    let sources: Vec<&str> = sources.split_whitespace().collect();
    let sources = sources.join(" ");
    for name in named {
        assert!(
            sources.contains(&format!("#[test] fn {name}(")),
            "docs/SECURITY.md names the test {name}, which is not there"
        );
    }
}
