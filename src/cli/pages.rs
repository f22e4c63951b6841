//! The manual page and the completions of shells, made of the same table as the help.
//!
//! Neither depends on the terminal or on when it is made.

use super::args::command;
use super::exit::Exit;
use super::help::{EXAMPLES, LISTS, UNITS, in_full};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

/// The completions for `shell`, to be sourced by it or put where it looks for them.
pub(super) fn completions(shell: Shell) -> String {
    let mut command = command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    text(script)
}

/// The manual page, in roff.
pub(super) fn man() -> String {
    let command = in_full(command());
    let name = command.get_name().to_owned();
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let man = Man::new(command);
    let mut page = Vec::new();
    let written = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| call(&name, &about).to_writer(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| rest().to_writer(&mut page))
        .and_then(|()| man.render_version_section(&mut page));
    written.expect("writing to memory does not fail");
    text(page)
}

/// How the program is called. All options in one line, as is the custom, would be a page of them.
fn call(name: &str, about: &str) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    page.text([
        bold(name),
        roman(" ["),
        italic("OPTIONS"),
        roman("] ["),
        italic("LIST"),
        roman("]..."),
    ]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(format!("{about}."))]);
    page
}

/// How the lines of a section are set.
type Layout = fn(&mut Roff, &str);

/// What the help has behind the options.
fn rest() -> Roff {
    let mut page = Roff::new();
    let exit = format!("Exit status:\n{}", Exit::table());
    let sections: [(&str, Layout); 4] = [
        (LISTS, paragraphs),
        (UNITS, meanings),
        (&exit, meanings),
        (EXAMPLES, verbatim),
    ];
    for (section, layout) in sections {
        let (title, lines) = section.split_once(":\n").unwrap_or((section, ""));
        page.control("SH", [title.to_uppercase().as_str()]);
        layout(&mut page, lines);
    }
    page
}

fn paragraphs(page: &mut Roff, lines: &str) {
    for line in lines.lines() {
        match line.trim() {
            "" => page.control("PP", []),
            line => page.text([roman(line)]),
        };
    }
}

/// Lines of a word and what it means; a line without a word goes on with the meaning.
fn meanings(page: &mut Roff, lines: &str) {
    for line in lines.lines().map(str::trim) {
        let meaning = match line.split_once("  ") {
            Some((word, meaning)) => {
                page.control("TP", []);
                page.text([bold(word)]);
                meaning.trim()
            }
            None => line,
        };
        page.text([roman(meaning)]);
    }
}

fn verbatim(page: &mut Roff, lines: &str) {
    page.control("nf", []);
    for line in lines.lines() {
        page.text([roman(line.trim())]);
    }
    page.control("fi", []);
}

fn text(made: Vec<u8>) -> String {
    String::from_utf8(made).expect("it is made of the options' texts, which are UTF-8")
}
