//! Templates, unsafe names and clashes.

use super::*;

#[cfg(unix)]
fn name(template: &str, line: u64, url: &str) -> Result<String, String> {
    let template: NameTemplate = template.parse().unwrap();
    let value = |column: &str| (column != "none").then(|| format!("<{column}>").into());
    template.name(line, &Url::parse(url).unwrap(), value)
}

// Windows allows fewer names.
#[cfg(unix)]
#[test]
fn templates_are_filled_in() {
    for (template, url, expected) in [
        ("x", "http://a/", "x"),
        ("{line}", "http://a/", "7"),
        ("{line:08}.html", "http://a/", "00000007.html"),
        ("{host}", "http://A.example.:81/", "a.example"),
        ("{id}{ext}", "http://a/b/c.tar.gz?x=.y#.z", "<id>.gz"),
        ("{stem}", "http://a/b/c.tar.gz", "c.tar"),
        ("{stem}|{ext}", "http://a/b/", "index|.html"),
        ("{stem}|{ext}", "http://a", "index|.html"),
        ("{stem}|{ext}", "http://a/b", "b|"),
        ("{stem}|{ext}", "http://a/.profile", ".profile|"),
        ("{stem}|{ext}", "http://a/b.", "b.|"),
        ("{stem}{ext}", "http://a/b%C3%BC%20c.pdf", "b\u{fc} c.pdf"),
        ("{stem}", "http://a/b%2Fc", "b%2Fc"),
        ("{stem}", "http://a/b%ff%00", "b%ff%00"),
        ("{{{id}}}", "http://a/", "{<id>}"),
        ("{{id}}", "http://a/", "{id}"),
        ("{a b}/{a:b}", "http://a/", "<a b>/<a:b>"),
    ] {
        assert_eq!(
            name(template, 7, url).as_deref(),
            Ok(expected),
            "{template} {url}"
        );
    }
    assert_eq!(name("{id}-{none}", 7, "http://a/"), Err("none".to_owned()));
}

#[test]
fn wrong_templates_say_what_would_be_right() {
    for (template, expected) in [
        ("", "empty: write {line}"),
        ("{}", "'{}' is empty"),
        ("{id", "a '{' stands alone"),
        ("id}", "a '}' stands alone"),
        ("{{id}", "a '}' stands alone"),
        ("{a{b}", "a '{' stands alone"),
        ("{line:8}", "'{line:8}': write {line:08}"),
        ("{line:00}", "'{line:00}': write"),
        ("{line:021}", "'{line:021}': write"),
        ("{line:}", "'{line:}': write"),
        ("../{id}", "no name is safe: it has a component of dots"),
        ("{id}/", "no name is safe: a component is empty"),
        ("/{id}", "no name is safe: it begins with /"),
        ("a\\b", "no name is safe: it has a backslash"),
        ("a\nb", "no name is safe: it has a control character"),
    ] {
        let error = template.parse::<NameTemplate>().expect_err(template);
        assert!(error.starts_with(expected), "{template}: {error}");
    }
}

// Windows allows fewer names.
#[cfg(unix)]
#[test]
fn only_names_that_stay_below_the_directory_are_safe() {
    let long = "x".repeat(255);
    let deep = format!("{}x", "12345678/".repeat(113));
    for name in [
        "a", "a/b", ".a", "a b.c", "a..b", "...", "\u{fc}", &long, &deep,
    ] {
        assert_eq!(check(name), Ok(()), "{name}");
    }
    let (longer, deeper) = (format!("a/{long}x"), format!("{deep}{}", "y/y".repeat(50)));
    for (name, expected) in [
        ("", "a component is empty"),
        ("/a", "it begins with /"),
        ("a/", "a component is empty"),
        ("a//b", "a component is empty"),
        (".", "it has a component of dots"),
        ("a/./b", "it has a component of dots"),
        ("../a", "it has a component of dots"),
        ("a/..", "it has a component of dots"),
        (".fetchpool", ".fetchpool is"),
        ("a/.FetchPool/b", ".fetchpool is"),
        ("a\\b", "it has a backslash"),
        ("a\tb", "it has a control character"),
        ("a\u{85}b", "it has a control character"),
        (&longer, "a component is longer than 255 bytes"),
        (&deeper, "it is longer than 1024 bytes"),
    ] {
        let why = check(name).expect_err(name);
        assert!(why.starts_with(expected), "{name}: {why}");
    }
}

#[test]
fn no_two_rows_have_one_file() {
    let taken_in_order = |case, steps: &[&str]| {
        let mut taken = Taken::default();
        taken.set_case(case);
        let mut results = Vec::new();
        for step in steps {
            let result = match Url::parse(step) {
                Ok(url) => taken.take_url(&url),
                Err(_) => taken.take_name(step),
            };
            results.push(result.is_ok());
        }
        results
    };
    let url = "https://a/b.html";
    for (steps, last) in [
        (&["x", "x"][..], false),
        (&["x", "X"], true),
        (&["x/y", "x"], false),
        (&["x", "x/y"], false),
        (&["x/y", "x/z"], true),
        (&["x/y", "x/y/z/q"], false),
        (&[url, "a/b.html"], false),
        (&["a/b.html", url], false),
        (&["a", url], false),
        (&[url, "a"], false),
        (&[url, "a/b.html/c"], false),
        (&["a/b.html/c", url], false),
        (&[url, url], true),
        (&[url, "https://a/b.html#x"], true),
        // A name that was refused takes nothing.
        (&["x", "x/y", "x/z/q", "y"], true),
    ] {
        let results = taken_in_order(Case::Kept, steps);
        assert_eq!(results.last(), Some(&last), "{steps:?}");
        assert!(results[0], "{steps:?}");
    }
    assert_eq!(taken_in_order(Case::Ignored, &["x", "X"]), [true, false]);
    assert_eq!(
        taken_in_order(Case::Ignored, &["\u{dc}/a", "\u{fc}"]),
        [true, false]
    );
}
