//! Turns: fetchpool and another program, one after the other, and their figures.
//!
//! The order changes with each turn, so that a change of the machine's speed affects both.

use crate::call;
use crate::child::{self, Outputs, Until};
use crate::load::{Kind, Lists, Load, Site};
use crate::peer::Peer;
use crate::server::{Servers, WAIT};
use crate::work::Row;
use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The figures of a run. Times are scaled to all pages of the row if a share of them was fetched. Unknown figures are
/// `None`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// In seconds.
    pub(crate) wall: f64,
    /// In seconds.
    pub(crate) cpu: Option<f64>,
    /// In MB.
    pub(crate) memory: Option<f64>,
    /// The server's count for the fetched pages.
    pub(crate) connections: Option<f64>,
    /// Context switches a request.
    pub(crate) switches: Option<f64>,
}

/// A run of fetchpool and a run of the other program beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Sample,
    pub(crate) theirs: Sample,
}

/// The state that runs share.
pub(crate) struct Bench {
    fetchpool: PathBuf,
    servers: Servers,
    dir: PathBuf,
    /// A signal has come. Runs return an error, so that all processes are ended on the way out.
    stopped: Arc<AtomicBool>,
    /// The loads that have been written, by the name of the row and the number of pages.
    written: HashMap<(&'static str, usize), Lists>,
}

impl Bench {
    /// Starts the servers, with files in `dir`.
    ///
    /// # Errors
    ///
    /// A server that cannot be started.
    pub(crate) fn new(fetchpool: PathBuf, dir: &Path) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stopped))?;
        }
        Ok(Self {
            fetchpool,
            stopped,
            servers: Servers::start(dir)?,
            dir: dir.to_owned(),
            written: HashMap::new(),
        })
    }

    /// Runs fetchpool and `peer` in turn.
    ///
    /// # Errors
    ///
    /// A program that cannot be run, or that did not fetch every page whole.
    pub(crate) fn turns(&mut self, row: &Row, peer: Peer) -> Result<Vec<Pair>> {
        let fetchpool = Peer::Fetchpool {
            jobs: row.jobs,
            share: 1,
        };
        let mut pairs = Vec::new();
        for turn in 0..row.turns_beside(peer) {
            let (ours, theirs);
            if turn % 2 == 0 {
                ours = self.sample(row, fetchpool)?;
                theirs = self.sample(row, peer)?;
            } else {
                theirs = self.sample(row, peer)?;
                ours = self.sample(row, fetchpool)?;
            }
            pairs.push(Pair { ours, theirs });
        }
        Ok(pairs)
    }

    fn sample(&mut self, row: &Row, peer: Peer) -> Result<Sample> {
        if peer == Peer::Ideal {
            return Ok(ideal(row));
        }
        let load = self.load(row, peer)?;
        let command = call::command(peer, &load, &self.fetchpool);
        let outputs = Outputs {
            stdout: self.dir.join("stdout"),
            stderr: self.dir.join("stderr"),
        };
        let until = match row.kind {
            Kind::FirstRecord => Until::FirstByte,
            _ => Until::End,
        };
        let before = self.servers.seen(row.site)?;
        let may_fail = row.site.dead_share().is_some();
        let spent = child::measure(
            &command,
            &peer.environment(&load),
            until,
            may_fail,
            &outputs,
        );
        ensure!(!self.stopped.load(Ordering::Relaxed), "stopped by a signal");
        let spent = spent?;
        let after = self.servers.seen(row.site)?;
        let seen = after.since(before);
        let fetched = peer
            .check(&load, &outputs.stdout, seen)
            .with_context(|| format!("{} did not do its work: {command:?}", peer.name()))?;
        let scale = if may_fail {
            1.0
        } else {
            row.pages as f64 / fetched as f64
        };
        // A run that is cut has only a wall time.
        let whole = |figure: f64| (row.kind != Kind::FirstRecord).then_some(figure);
        let fetches = row.kind != Kind::Version;
        let of_pages = |figure: f64| whole(figure).filter(|_| fetches);
        let wall = spent.wall.as_secs_f64();
        Ok(Sample {
            wall: match row.kind {
                Kind::FirstRecord => wall,
                _ => wall * scale,
            },
            cpu: whole(spent.cpu.as_secs_f64() * scale),
            memory: whole(spent.peak_kib as f64 * 1024.0 / 1e6),
            connections: of_pages(seen.connections as f64),
            switches: of_pages(spent.switches as f64 / fetched as f64),
        })
    }

    /// The load of `peer` in `row`. Writes its lists and removes saved files.
    fn load(&mut self, row: &Row, peer: Peer) -> Result<Load> {
        let pages = (row.pages / peer.share(row.kind, row.full_pages)).max(1);
        let saved = self.dir.join("saved");
        if saved.exists() {
            fs::remove_dir_all(&saved)?;
        }
        fs::create_dir(&saved)?;
        if !self.written.contains_key(&(row.name, pages)) {
            // Keeps the lists of one row at a time: the longest takes a hundred megabytes.
            self.written.retain(|(name, _), _| *name == row.name);
            let files = self.write_lists(row, pages, &saved)?;
            self.written.insert((row.name, pages), files);
        }
        let lists = self.written[&(row.name, pages)].clone();
        let name_server = match row.site.look_up() {
            Some(wait) => Some(self.servers.name_server(wait)?),
            None => None,
        };
        let jobs = match peer {
            Peer::Fetchpool { jobs, .. } => jobs,
            _ => row.jobs,
        };
        let mut load = Load {
            site: row.site,
            kind: peer.kind(row.kind),
            pages,
            jobs,
            lists,
            certificate: self.servers.certificate().to_owned(),
            name_server,
            saved,
            journal: self.dir.join("journal"),
        };
        if load.kind == Kind::Update {
            self.save_first(&mut load)?;
        }
        Ok(load)
    }

    /// Saves the pages that all updates of the row ask for again.
    fn save_first(&self, load: &mut Load) -> Result<()> {
        load.saved = self.dir.join("mirror");
        if load.saved.exists() {
            return Ok(());
        }
        let mut command: Vec<OsString> = vec![self.fetchpool.clone().into()];
        command.extend(["-q", "-f", "jsonl", "-o"].map(OsString::from));
        command.extend([load.saved.clone().into(), load.lists.list.clone().into()]);
        let outputs = Outputs {
            stdout: load.journal.clone(),
            stderr: self.dir.join("stderr"),
        };
        child::measure(&command, &[], Until::End, false, &outputs).map(drop)
    }

    fn write_lists(&self, row: &Row, pages: usize, saved: &Path) -> Result<Lists> {
        if row.site == Site::Distinct {
            self.servers.write_distinct(pages)?;
        }
        let urls = self.servers.urls(row.site, pages);
        let list = self.dir.join(format!("list-{pages}"));
        let config = self.dir.join(format!("config-{pages}"));
        let mut lines = BufWriter::new(File::create(&list)?);
        let mut pairs = BufWriter::new(File::create(&config)?);
        for (number, url) in urls.iter().enumerate() {
            writeln!(lines, "{url}")?;
            match row.kind {
                Kind::Save | Kind::Archive => {
                    let file = saved.join(number.to_string());
                    writeln!(pairs, "url = \"{url}\"\noutput = \"{}\"", file.display())?;
                }
                _ => writeln!(pairs, "url = \"{url}\"\noutput = \"/dev/null\"")?,
            }
        }
        lines.flush()?;
        pairs.flush()?;
        Ok(Lists {
            list,
            config,
            first_url: urls[0].clone(),
        })
    }
}

/// Nothing takes time but waiting for a server: every worker always does, or all hosts that do not answer are waited for
/// at once.
fn ideal(row: &Row) -> Sample {
    let rounds = u32::try_from(row.pages.div_ceil(row.jobs)).unwrap_or(u32::MAX);
    let wall = match row.site.patience() {
        // The hosts that do not answer are waited for, all at once.
        Some(patience) => patience,
        None => WAIT * rounds,
    };
    Sample {
        wall: wall.as_secs_f64(),
        cpu: None,
        memory: None,
        connections: None,
        switches: None,
    }
}
