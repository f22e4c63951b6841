//! The table: medians over turns, whether goals were reached, and a line of Markdown for each.
//!
//! A ratio is the median of the ratios of all turns, not the ratio of two medians, so that a disturbance of the
//! machine affects both sides of a ratio.

use crate::load::Kind;
use crate::peer::Peer;
use crate::turn::{Pair, Sample};
use crate::work::{Goal, Row};

/// The head of the table.
pub(crate) const HEAD: &str = "\
| work | pages | beside | wall | CPU | peak memory | connections | switches a request | goals |
|---|--:|---|---|---|---|---|---|---|";

/// A line of the table, and its goals.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) reached: usize,
    pub(crate) goals: usize,
    /// The median of the ratios of wall times.
    pub(crate) wall: f64,
}

/// The line of fetchpool beside `peer`, which is shown as `name`.
pub(crate) fn line(row: &Row, peer: Peer, name: String, goals: &[Goal], pairs: &[Pair]) -> Line {
    let verdicts: Vec<_> = goals.iter().map(|goal| verdict(*goal, pairs)).collect();
    // The times of a list and of a shorter one cannot be compared.
    let is_memory_alone = matches!(peer, Peer::Fetchpool { share, .. } if share > 1);
    let time = |of: fn(&Sample) -> Option<f64>| match is_memory_alone {
        true => String::new(),
        false => cell(pairs, of, seconds),
    };
    let cells = [
        row.name.to_owned(),
        pages(row, peer),
        name,
        time(|sample| Some(sample.wall)),
        time(|sample| sample.cpu),
        cell(pairs, |sample| sample.memory, |mb| format!("{mb:.1} MB")),
        counts(pairs, |sample| sample.connections, 0),
        counts(pairs, |sample| sample.switches, 2),
        verdicts
            .iter()
            .map(|(_, told)| told.as_str())
            .collect::<Vec<_>>()
            .join("; "),
    ];
    Line {
        text: format!("| {} |", cells.join(" | ")),
        reached: verdicts.iter().filter(|(reached, _)| *reached).count(),
        goals: goals.len(),
        wall: ratio(pairs, |sample| Some(sample.wall)).unwrap_or(f64::NAN),
    }
}

fn pages(row: &Row, peer: Peer) -> String {
    let share = peer.share(row.kind, row.full_pages);
    match row.kind {
        Kind::Version => String::new(),
        _ if share > 1 => format!("{}, theirs {}", row.pages, (row.pages / share).max(1)),
        _ => row.pages.to_string(),
    }
}

/// The ratio of ours to theirs, and both figures.
fn cell(
    pairs: &[Pair],
    of: impl Fn(&Sample) -> Option<f64> + Copy,
    show: impl Fn(f64) -> String,
) -> String {
    let ours = median(pairs.iter().filter_map(|pair| of(&pair.ours)));
    let theirs = median(pairs.iter().filter_map(|pair| of(&pair.theirs)));
    match (ratio(pairs, of), ours, theirs) {
        (Some(ratio), Some(ours), Some(theirs)) => {
            format!("**{ratio:.2}** ({} : {})", show(ours), show(theirs))
        }
        (_, Some(ours), _) => show(ours),
        _ => String::new(),
    }
}

/// Both figures, without a ratio.
fn counts(pairs: &[Pair], of: impl Fn(&Sample) -> Option<f64>, digits: usize) -> String {
    let show = |side: Option<f64>| side.map(|count| format!("{count:.digits$}"));
    let ours = show(median(pairs.iter().filter_map(|pair| of(&pair.ours))));
    let theirs = show(median(pairs.iter().filter_map(|pair| of(&pair.theirs))));
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => format!("{ours} : {theirs}"),
        (ours, _) => ours.unwrap_or_default(),
    }
}

fn seconds(figure: f64) -> String {
    match figure {
        _ if figure < 0.1 => format!("{:.1} ms", figure * 1e3),
        _ => format!("{figure:.2} s"),
    }
}

fn verdict(goal: Goal, pairs: &[Pair]) -> (bool, String) {
    let ours =
        |of: fn(&Sample) -> Option<f64>| median(pairs.iter().filter_map(|pair| of(&pair.ours)));
    let over = |of: fn(&Sample) -> Option<f64>| {
        let difference = |pair: &Pair| Some(of(&pair.ours)? - of(&pair.theirs)?);
        median(pairs.iter().filter_map(difference))
    };
    let milliseconds = |sample: &Sample| Some(sample.wall * 1e3);
    let (limit, found, of) = match goal {
        Goal::Wall(most) => (most, ratio(pairs, |sample| Some(sample.wall)), "wall"),
        Goal::Cpu(most) => (most, ratio(pairs, |sample| sample.cpu), "CPU"),
        Goal::WallOver(most) => (most, over(milliseconds), "ms more"),
        Goal::OwnWall(most) => (most, ours(milliseconds), "ms"),
        Goal::OwnMemory(most) => (most, ours(|sample| sample.memory), "MB"),
        Goal::MemoryOver(most) => (most, over(|sample| sample.memory), "MB more"),
        Goal::OwnSwitches(most) => (most, ours(|sample| sample.switches), "switches"),
    };
    let reached = found.is_some_and(|found| found <= limit);
    let found = found.map_or("nothing".to_owned(), |found| format!("{found:.2}"));
    let answer = if reached { "yes" } else { "**no**" };
    (reached, format!("{of} goal {limit:.2}: {found}, {answer}"))
}

fn ratio(pairs: &[Pair], of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let ratio = |pair: &Pair| Some(of(&pair.ours)? / of(&pair.theirs)?);
    median(pairs.iter().filter_map(ratio))
}

/// For an even number, the mean of the middle two.
fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    let lower = figures[(figures.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}
