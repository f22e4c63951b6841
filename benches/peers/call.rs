//! The command line of each program for a load.
//!
//! Each is called as its manual recommends for this work: quiet, without the user's configuration, with each page to
//! /dev/null where that is possible, and with HTTP/1.1, which all of them speak. Programs that can count the bytes of
//! a page do so, like fetchpool.

use crate::bare;
use crate::load::{Kind, Load};
use crate::peer::Peer;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The most that older curls allow; curl's pull request 18068 removed the limit.
const MOST_OF_CURL: usize = 300;

/// The command line of `peer` for `load`, the program first; for [`Peer::Ideal`] an empty one.
pub(crate) fn command(peer: Peer, load: &Load, fetchpool: &Path) -> Vec<OsString> {
    let mut line = Line::default();
    match peer {
        Peer::Ideal => {}
        Peer::True => line.add("true"),
        Peer::Fetchpool { .. } | Peer::Refetch => call_fetchpool(&mut line, load, fetchpool),
        Peer::Curl => call_curl(&mut line, load),
        Peer::NewestCurl => call_newest_curl(&mut line, load),
        Peer::Wget2 => call_wget2(&mut line, load),
        Peer::Aria2 => call_aria2(&mut line, load),
        Peer::Xargs => call_xargs(&mut line, load),
        Peer::Python => call_python(&mut line, load),
        Peer::Bare => call_bare(&mut line, load),
        Peer::Wrk => {
            line.add("wrk -t 1 -d 1 -c");
            line.number(load.jobs);
            line.add(&load.lists.first_url);
        }
    }
    line.0
}

fn call_fetchpool(line: &mut Line, load: &Load, fetchpool: &Path) {
    line.0.push(fetchpool.into());
    if load.kind == Kind::Version {
        line.add("--version");
        return;
    }
    line.add("-q -j");
    line.number(load.jobs);
    line.trust("--cacert", load);
    line.patience("-t", load);
    if let Some(server) = load.name_server {
        line.add(&format!("--dns-servers {server} -4"));
    }
    match load.kind {
        Kind::Save => line.file("-o", &load.saved),
        Kind::Update => {
            line.file("-o", &load.saved);
            line.file("--update", &load.journal);
        }
        Kind::Archive => line.file("--warc", &load.saved.join("archive.warc.gz")),
        _ => {}
    }
    line.0.push(load.lists.list.clone().into());
}

/// The configuration names the file of each page beside its URL.
fn call_curl(line: &mut Line, load: &Load) {
    line.add("curl -q -s -Z --no-progress-meter --http1.1 -w %{size_download}\\n --parallel-max");
    line.number(load.jobs.min(MOST_OF_CURL));
    line.trust("--cacert", load);
    line.patience("--max-time", load);
    line.file("-K", &load.lists.config);
}

fn call_newest_curl(line: &mut Line, load: &Load) {
    line.add("newest-curl");
    line.number(load.jobs);
    line.0.push(load.lists.list.clone().into());
    line.trust("--cacert", load);
    if matches!(load.kind, Kind::Save | Kind::Archive) {
        line.file("-o", &load.saved);
    }
}

fn call_wget2(line: &mut Line, load: &Load) {
    line.add("wget2 --no-config -q --no-robots --tries=1 --max-threads");
    line.number(load.jobs);
    match load.kind {
        Kind::Save => line.file("--no-host-directories -P", &load.saved),
        _ => line.add("-O /dev/null"),
    }
    line.trust("--ca-certificate", load);
    line.file("-i", &load.lists.list);
}

fn call_aria2(line: &mut Line, load: &Load) {
    line.add("aria2c --no-conf -q --dry-run --max-tries=1 -j");
    line.number(load.jobs);
    line.trust("--ca-certificate", load);
    line.file("-i", &load.lists.list);
}

fn call_xargs(line: &mut Line, load: &Load) {
    line.file("xargs -a", &load.lists.list);
    line.add("-n 1 -P");
    line.number(load.jobs);
    line.add("curl -q -s --http1.1 -o /dev/null -w %{size_download}\\n");
    line.trust("--cacert", load);
}

/// The environment names the trusted certificates.
fn call_python(line: &mut Line, load: &Load) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    line.file(python(), &here.join("benches/peers/example.py"));
    line.0.push(load.lists.list.clone().into());
    line.number(load.jobs);
}

/// This program, which runs bare.rs.
fn call_bare(line: &mut Line, load: &Load) {
    // An empty name makes the run fail with a message.
    line.0.extend(std::env::current_exe().map(OsString::from));
    line.add(bare::THREADS);
    line.number(load.jobs);
    line.number(load.pages);
    line.add(&load.lists.first_url);
}

/// The interpreter itself: `python3` may be a script that searches for one, which takes additional time.
fn python() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut asked = Command::new("python3");
        asked.args(["-c", "import sys; print(sys.executable)"]);
        let told = asked.output().ok().filter(|told| told.status.success());
        let path = told.and_then(|told| String::from_utf8(told.stdout).ok());
        path.map_or("python3".to_owned(), |path| path.trim().to_owned())
    })
}

/// A builder of command lines.
#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    /// Words, with spaces between them.
    fn add(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    fn number(&mut self, number: usize) {
        self.0.push(number.to_string().into());
    }

    fn file(&mut self, words: &str, path: &Path) {
        self.add(words);
        self.0.push(path.into());
    }

    /// Words and the longest wait in seconds, if the load has one.
    fn patience(&mut self, words: &str, load: &Load) {
        if let Some(patience) = load.site.patience() {
            self.add(words);
            self.number(patience.as_secs() as usize);
        }
    }

    /// Words and the certificate, if the load needs TLS.
    fn trust(&mut self, words: &str, load: &Load) {
        if load.is_tls() {
            self.file(words, &load.certificate);
        }
    }
}
