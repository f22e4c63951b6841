//! The manual page and the completions of shells, from the same texts as the help.

use super::args::command;
use super::exit::Exit;
use super::help::{EXAMPLES, LISTS, TABLES, UNITS, in_full};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

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
        .and_then(|()| synopsis(&name, &about).to_writer(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| sections().to_writer(&mut page))
        .and_then(|()| man.render_version_section(&mut page));
    written.expect("writing to memory does not fail");
    text(page)
}

/// The synopsis, which would fill a page if it listed all options.
fn synopsis(name: &str, about: &str) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold(name), roman(" [OPTIONS] [LIST]...")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(format!("{about}."))]);
    page
}

type Layout = fn(&mut Roff, &str);

/// The sections after the options in the help.
fn sections() -> Roff {
    let mut page = Roff::new();
    let exit = format!("Exit status:\n{}", Exit::table());
    let texts = [LISTS, TABLES, UNITS, &exit, EXAMPLES];
    let layouts = [paragraphs as Layout, meanings, meanings, meanings, verbatim];
    for (section, layout) in texts.into_iter().zip(layouts) {
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

/// Lines of a term and its meaning; a line without a term continues the meaning.
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
