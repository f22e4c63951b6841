//! Shows a failed run: all input and output, once.

use super::Fetchpool;
use super::run::Input;
use super::running::Ended;
use std::fmt::Write;

/// Streams and lists are shown up to this many bytes at each end.
const SHOWN: usize = 2048;

pub(super) fn report(run: &Fetchpool, ended: &Ended, complaints: &[String]) -> String {
    let mut text = String::from("\n");
    for complaint in complaints {
        let _ = writeln!(text, "WRONG: {complaint}");
    }
    let _ = writeln!(text, "command: fetchpool {}", arguments(run));
    let _ = writeln!(
        text,
        "ended: {} (wanted exit status {})",
        ended.how, run.status
    );
    let _ = writeln!(text, "wanted of stdout: {:?}", run.expect_stdout);
    let _ = writeln!(text, "wanted of stderr: {:?}", run.expect_stderr);
    if let Input::Bytes(bytes) = &run.stdin {
        block(&mut text, "stdin", bytes);
    }
    for (name, content) in files(run) {
        block(&mut text, &name, &content);
    }
    block(&mut text, "stdout", &ended.stdout);
    block(&mut text, "stderr", &ended.stderr);
    text
}

fn arguments(run: &Fetchpool) -> String {
    let quoted: Vec<String> = run
        .arguments
        .iter()
        .map(|argument| format!("{argument:?}"))
        .collect();
    quoted.join(" ")
}

fn files(run: &Fetchpool) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(run.place()) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, std::fs::read(entry.path()).ok()?))
        })
        .collect()
}

fn block(text: &mut String, name: &str, bytes: &[u8]) {
    let _ = writeln!(text, "---- {name} ({} bytes)", bytes.len());
    if bytes.len() <= 2 * SHOWN {
        text.push_str(&String::from_utf8_lossy(bytes));
    } else {
        text.push_str(&String::from_utf8_lossy(&bytes[..SHOWN]));
        text.push_str("\n[...]\n");
        text.push_str(&String::from_utf8_lossy(&bytes[bytes.len() - SHOWN..]));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
}
