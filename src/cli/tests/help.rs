//! `-h`, `--help` and `--version`.

use super::*;

#[test]
fn short_help_is_one_screen_and_long_help_has_every_option() {
    let short = stop("-h");
    assert_eq!((short.to_stderr, short.exit), (false, Exit::Success));
    assert!(short.text.lines().count() <= 24, "{}", short.text);
    let too_wide = short.text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(
        too_wide, None,
        "on a terminal of 80 columns all options would take two lines"
    );
    let long = stop("--help");
    assert_eq!((long.to_stderr, long.exit), (false, Exit::Success));
    for arg in args::command()
        .get_arguments()
        .filter(|arg| !arg.is_positional())
    {
        let name = format!(
            "--{}",
            arg.get_long().expect("every option has a long name")
        );
        assert!(
            long.text.contains(&name),
            "{name} is missing in\n{}",
            long.text
        );
    }
    for part in [
        "--workers",
        "--max-workers",
        "Timeouts",
        "Exit status:\n    0  every URL",
        "Examples:",
        "1h30m",
    ] {
        assert!(
            long.text.contains(part),
            "{part} is missing in\n{}",
            long.text
        );
    }
    assert!(
        long.text
            .lines()
            .all(|line| line.chars().count() <= 100 && line.trim_end() == line),
        "{}",
        long.text
    );
}

#[test]
fn help_depends_on_nothing_but_where_it_goes() {
    let plain = stop("--help").text;
    for (line, env) in [
        ("--help", vec![("TERM", "dumb")]),
        ("-j 3 x --help", vec![]),
        ("--help -h", vec![]),
    ] {
        assert_eq!(
            parse_in(NONE, &env, line).unwrap_err().text,
            plain,
            "{line}"
        );
    }
    let stdout = Terminals {
        stdout: true,
        ..NONE
    };
    assert!(
        parse_in(stdout, &[], "--help")
            .unwrap_err()
            .text
            .contains("\x1b["),
        "headings stand out on a terminal"
    );
    assert!(
        !parse_in(stdout, &[("NO_COLOR", "1")], "--help")
            .unwrap_err()
            .text
            .contains('\x1b')
    );
}

#[test]
fn the_version_is_the_crates() {
    for line in ["-V", "--version"] {
        let Stop {
            text,
            to_stderr,
            exit,
        } = stop(line);
        assert_eq!(text, concat!("fetchpool ", env!("CARGO_PKG_VERSION"), "\n"));
        assert_eq!((to_stderr, exit), (false, Exit::Success));
    }
}

#[test]
fn the_grammar_is_sound() {
    args::command().debug_assert();
}
