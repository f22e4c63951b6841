//! The results of a soak in Markdown, and its curve as a picture.

use std::fmt::Write as _;
use std::time::Duration;

use crate::plan::Fault;
use crate::watch::{Curve, FIGURES, Figure, Sample};
use crate::{JOBS, Settings, Tally};

/// The number of samples in the printed curve.
const ROWS: usize = 12;

pub(crate) fn print(settings: &Settings, tally: &Tally, curve: &Curve, took: Duration) {
    let urls = settings.urls;
    let seconds = took.as_secs_f64();
    println!(
        "{urls} URLs at -j {JOBS} in {seconds:.0} s, {:.0} a second\n",
        urls as f64 / seconds
    );
    println!("| fault | URLs | came to |\n|---|---:|---|");
    for fault in Fault::ALL {
        for ((_, kind), count) in tally.iter().filter(|((of, _), _)| *of == fault) {
            println!("| {fault:?} | {count} | `{kind}` |");
        }
    }
    println!(
        "\n| seconds | URLs done | memory, MiB | descriptors | threads |\n|---:|---:|---:|---:|---:|"
    );
    let step = curve.samples.len().div_ceil(ROWS).max(1);
    for sample in curve.samples.iter().step_by(step) {
        row(sample);
    }
    row(&curve.at_rest);
    println!("\n| | second quarter | last quarter |\n|---|---:|---:|");
    for (name, figure) in FIGURES {
        let [before, after] = [1, 3].map(|quarter| curve.median(quarter, figure));
        println!("| {name} | {before} | {after} |");
    }
}

fn row(sample: &Sample) {
    let Sample {
        at,
        done,
        memory,
        descriptors,
        threads,
    } = sample;
    let (seconds, mebibytes) = (at.as_secs_f64(), *memory as f64 / 1024.0);
    println!("| {seconds:.1} | {done} | {mebibytes:.1} | {descriptors} | {threads} |");
}

/// The plot's sides.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;

const COLORS: [&str; FIGURES.len()] = ["#1f77b4", "#2ca02c", "#d62728"];

/// Memory, descriptors and threads over time, each scaled from zero to its maximum.
pub(crate) fn svg(curve: &Curve) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        HEIGHT * FIGURES.len() as f64
    );
    for (number, (name, figure)) in FIGURES.into_iter().enumerate() {
        let top = HEIGHT * number as f64;
        let most = curve.samples.iter().map(figure).max().unwrap_or(1).max(1);
        let _ = writeln!(
            text,
            "<text x=\"8\" y=\"{}\">{name}: {most} at most</text>\n<polyline fill=\"none\" stroke=\"{}\" points=\"{}\"/>",
            top + 16.0,
            COLORS[number],
            points(curve, figure, most, top)
        );
    }
    text + "</svg>\n"
}

fn points(curve: &Curve, figure: Figure, most: u64, top: f64) -> String {
    let end = curve.at_rest.at.as_secs_f64().max(f64::MIN_POSITIVE);
    let usable = HEIGHT - 30.0;
    let point = |sample: &Sample| {
        let x = WIDTH * sample.at.as_secs_f64() / end;
        let y = top + HEIGHT - 5.0 - usable * figure(sample) as f64 / most as f64;
        format!("{x:.1},{y:.1}")
    };
    // More points than pixels would not be visible.
    let step = curve.samples.len().div_ceil(WIDTH as usize).max(1);
    let samples = curve.samples.iter().step_by(step);
    let points: Vec<String> = samples.chain([&curve.at_rest]).map(point).collect();
    points.join(" ")
}
