//! `--completions` and `--man`.

use super::*;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// The page that is printed instead of a run.
fn printed(line: &str) -> String {
    let Stop {
        text,
        to_stderr,
        exit,
    } = stop(line);
    assert_eq!((to_stderr, exit), (false, Exit::Success), "{line}");
    assert!(text.ends_with('\n'), "{line}");
    text
}

/// The names of all options, as they are typed.
fn options() -> Vec<String> {
    let command = args::command();
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    options
        .flat_map(|arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            let short = arg.get_short().map(|short| format!("-{short}"));
            long.into_iter().chain(short)
        })
        .collect()
}

#[test]
fn every_shell_completes_every_option() {
    for shell in SHELLS {
        let script = printed(&format!("--completions {shell}"));
        for option in options() {
            // fish has its own syntax.
            let said = match option.strip_prefix("--") {
                Some(long) if shell == "fish" => format!("-l {long}"),
                None if shell == "fish" => format!("-s {}", &option[1..]),
                _ => option.clone(),
            };
            assert!(script.contains(&said), "{shell} does not complete {option}");
        }
        assert!(
            script.contains("jsonl") && script.contains("fetchpool"),
            "{shell}"
        );
    }
}

#[test]
fn the_manual_page_has_all_that_the_help_has() {
    let page = printed("--man");
    assert!(
        page.starts_with(".ie"),
        "the preamble of roff: {}",
        &page[..80]
    );
    // Without the marks of roff.
    let plain = page
        .replace("\\fB", "")
        .replace("\\fI", "")
        .replace("\\fR", "")
        .replace("\\-", "-")
        .replace("\\&", "");
    for option in options() {
        assert!(plain.contains(&option), "{option} is missing");
    }
    let help = stop("--help").text;
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let said: std::collections::BTreeSet<_> = words(&plain).into_iter().collect();
    let missing: Vec<_> = words(&help)
        .into_iter()
        .filter(|word| {
            word.len() > 3 && word.chars().all(char::is_alphabetic) && !said.contains(word)
        })
        .collect();
    // The headings are in capitals.
    let headings = [
        "Usage",
        "Arguments",
        "Exit",
        "Examples",
        "Lists",
        "Tables",
        "Units",
        "Print",
        "Pool",
        "Retries",
        "Input",
        "Output",
        "Safety",
        "Help",
        "Request",
        "Timeouts",
    ];
    assert!(
        missing.iter().all(|word| headings.contains(&word.as_str())),
        "{missing:?}"
    );
    for status in ["0", "1", "2", "130", "143"] {
        let term = format!(".TP\n\\fB{status}\\fR\n");
        assert!(page.contains(&term), "exit status {status}");
    }
    assert!(!page.contains("\\fB "), "a word that is none");
    for section in [
        "NAME",
        "SYNOPSIS",
        "OPTIONS",
        "LISTS",
        "TABLES",
        "UNITS",
        "EXIT STATUS",
        "EXAMPLES",
        "VERSION",
    ] {
        let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
        assert!(
            heading.iter().any(|heading| page.contains(heading)),
            "{section}"
        );
    }
}

#[test]
fn a_page_is_printed_whatever_else_is_asked_for() {
    let at_a_terminal = |line: &str| parse_in(ALL, &[], line).unwrap_err().text;
    assert_eq!(
        at_a_terminal("--man"),
        printed("--man"),
        "without a LIST, and without colours"
    );
    assert_eq!(printed("--man -j 3 urls.txt --resume -"), printed("--man"));
    assert_eq!(
        at_a_terminal("--completions zsh"),
        printed("--completions zsh")
    );
    let told = usage_error(stop("--completions tcsh"));
    let expected = "fetchpool: invalid value 'tcsh' for '--completions <SHELL>'\n  [possible values: bash, elvish, fish, powershell, zsh]";
    assert!(told.starts_with(expected), "{told}");
}
