//! The work: one [`Row`] for each kind of work, with the programs beside fetchpool and fetchpool's goals.
//!
//! Goals are limits; the table says yes or no beside each figure. This module runs nothing.

use crate::load::{Kind, Site};
use crate::peer::Peer;

/// A goal of fetchpool. Ratios are fetchpool's figure divided by the other's, so that less is better.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most this ratio of wall times.
    Wall(f64),
    /// At most this ratio of CPU times.
    Cpu(f64),
    /// At most this many ms more than the other.
    WallOver(f64),
    /// At most this many ms, whatever the other takes.
    OwnWall(f64),
    /// At most this many MB, whatever the other takes.
    OwnMemory(f64),
    /// At most this many MB more than the other.
    MemoryOver(f64),
    /// At most this many context switches a request, whatever the other takes.
    OwnSwitches(f64),
}

/// One kind of work.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) site: Site,
    pub(crate) kind: Kind,
    pub(crate) pages: usize,
    /// The `pages` of the full form.
    pub(crate) full_pages: usize,
    pub(crate) jobs: usize,
    /// The number of turns.
    turns: usize,
    pub(crate) rivals: Vec<(Peer, Vec<Goal>)>,
    /// Whether the small form fails if curl is faster.
    pub(crate) guarded: bool,
}

impl Row {
    fn new(name: &'static str, site: Site, pages: usize, jobs: usize) -> Self {
        Self {
            name,
            site,
            kind: Kind::Fetch,
            pages,
            full_pages: pages,
            jobs,
            turns: 7,
            rivals: Vec::new(),
            guarded: false,
        }
    }

    fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    fn turns(self, turns: usize) -> Self {
        Self { turns, ..self }
    }

    fn guarded(self) -> Self {
        Self {
            guarded: true,
            ..self
        }
    }

    fn beside(mut self, peer: Peer, goals: &[Goal]) -> Self {
        self.rivals.push((peer, goals.to_vec()));
        self
    }

    fn beside_all(self, peers: &[Peer]) -> Self {
        peers.iter().fold(self, |row, peer| row.beside(*peer, &[]))
    }

    /// The number of turns, which is larger where the row can fail the bench.
    pub(crate) fn turns_beside(&self, peer: Peer) -> usize {
        if self.guarded && peer == Peer::Curl {
            self.turns.max(7)
        } else {
            self.turns
        }
    }

    /// A tenth of the work, but at least two large bodies; one page stays one. A row with hundreds of workers keeps all
    /// of its work: with a tenth, each worker would get four pages, and the row would measure how fast threads start.
    fn small(self) -> Self {
        let least = if self.pages > 1 { 2 } else { self.pages };
        let share = if self.jobs >= 500 { 1 } else { 10 };
        Self {
            pages: (self.pages / share).max(least),
            turns: match self.turns {
                _ if self.site.dead_share().is_some() => 1,
                8.. => 15,
                _ => 3,
            },
            ..self
        }
    }
}

/// All rows, in the order of the table.
pub(crate) fn rows(small: bool) -> Vec<Row> {
    let rows = kept_alive().into_iter().chain(many_hosts());
    let rows = rows.chain(bodies_and_tls()).chain(waiting_and_starting());
    let rows = rows.chain(long_lists()).chain(dead_hosts_and_names());
    if small {
        rows.map(Row::small).collect()
    } else {
        rows.collect()
    }
}

fn kept_alive() -> Vec<Row> {
    use Goal::{Cpu, OwnMemory, OwnSwitches, Wall};
    use Peer::{Aria2, Bare, Curl, Fetchpool, NewestCurl, Python, Wget2, Wrk, Xargs};
    let row = |name, jobs| Row::new(name, Site::Plain, 20_000, jobs).guarded();
    vec![
        row("kept-alive, -j 5", 5)
            .beside_all(&[Curl, NewestCurl])
            .beside(Wget2, &[Wall(0.90)])
            .beside_all(&[Aria2, Xargs, Python, Wrk, Bare]),
        row("kept-alive, -j 50", 50)
            .beside(Curl, &[Wall(0.65), Cpu(0.70), OwnSwitches(1.3)])
            .beside(NewestCurl, &[Wall(0.68), Cpu(0.70)])
            .beside(Wget2, &[Wall(0.85)])
            .beside_all(&[Aria2, Xargs])
            .beside(Python, &[Wall(0.06)])
            .beside(Wrk, &[Wall(1.6)])
            .beside(Bare, &[]),
        row("kept-alive, -j 500", 500)
            .beside(
                Fetchpool { jobs: 50, share: 1 },
                &[Wall(1.2), OwnMemory(48.0)],
            )
            .beside_all(&[Curl, Wget2, Aria2, Xargs, Python, Wrk, Bare]),
    ]
}

fn many_hosts() -> Vec<Row> {
    use Goal::{Cpu, Wall};
    use Peer::{Aria2, Curl, NewestCurl, Python, Wget2, Xargs};
    let row = |name, jobs| Row::new(name, Site::Hosts, 20_000, jobs).guarded();
    vec![
        row("500 hosts, -j 50", 50)
            .beside(Curl, &[Wall(0.45), Cpu(0.45)])
            .beside(NewestCurl, &[])
            .beside_all(&[Wget2, Aria2, Xargs, Python]),
        row("500 hosts, -j 500", 500)
            .beside(Curl, &[Wall(0.75)])
            .beside(NewestCurl, &[Wall(0.70)])
            .beside_all(&[Wget2, Aria2, Python]),
    ]
}

fn bodies_and_tls() -> Vec<Row> {
    use Goal::{Cpu, Wall};
    use Peer::{Aria2, Curl, NewestCurl, Python, Wget2, Wrk, Xargs};
    vec![
        Row::new("100 MB bodies, -j 5", Site::Large, 20, 5)
            .beside(Curl, &[Wall(0.75), Cpu(1.0)])
            .beside(NewestCurl, &[])
            .beside_all(&[Wget2, Xargs, Python]),
        Row::new("fresh TLS, -j 50", Site::FreshTls, 2_000, 50)
            .beside(Curl, &[Wall(0.9)])
            .beside(NewestCurl, &[])
            .beside_all(&[Wget2, Aria2, Xargs, Python]),
        Row::new("kept-alive TLS, -j 50", Site::KeptTls, 20_000, 50)
            .beside(Curl, &[Wall(0.65)])
            .beside_all(&[Wget2, Aria2, Python, Wrk]),
    ]
}

fn waiting_and_starting() -> Vec<Row> {
    use Goal::{Wall, WallOver};
    use Peer::{Aria2, Curl, Ideal, NewestCurl, Python, True, Wget2, Xargs};
    vec![
        Row::new("100 ms server, -j 50", Site::Slow, 1_000, 50)
            .beside(Ideal, &[Wall(1.03)])
            .beside_all(&[Curl, Wget2, Aria2, Xargs, Python]),
        Row::new("one URL", Site::Plain, 1, 5)
            .turns(50)
            .beside(Curl, &[Wall(0.7)])
            .beside(NewestCurl, &[Wall(0.7)])
            .beside_all(&[Wget2, Aria2, Python]),
        Row::new("--version", Site::Plain, 1, 5)
            .kind(Kind::Version)
            .turns(50)
            .beside(True, &[WallOver(3.0)]),
    ]
}

/// Hosts that do not answer, and names.
fn dead_hosts_and_names() -> Vec<Row> {
    use Goal::{OwnWall, Wall};
    use Peer::{Curl, Ideal};
    let row = |name, site, pages, jobs| Row::new(name, site, pages, jobs).turns(3);
    vec![
        row(
            "100 of 1,000 hosts drop SYN, -j 5",
            Site::DroppedSyns,
            1_000,
            5,
        )
        .turns(1)
        .beside(Curl, &[Wall(0.07)])
        .beside(Ideal, &[Wall(1.2)]),
        row(
            "1,000 of 10,000 names are silent, -j 50",
            Site::SilentNames,
            10_000,
            50,
        )
        .beside(Ideal, &[OwnWall(15_000.0)]),
        row(
            "150 of 3,150 names of a zone are silent, -j 500",
            Site::SilentNamesInZone,
            3_150,
            500,
        )
        .beside(Ideal, &[]),
        row(
            "a dead host has half of 20,000 lines, -j 5",
            Site::OneDeadHost,
            20_000,
            5,
        )
        .beside(Ideal, &[OwnWall(15_000.0)]),
        row(
            "20,000 names, 200 ms each, -j 500",
            Site::Names(200),
            20_000,
            500,
        )
        .beside(Ideal, &[OwnWall(6_667.0)]),
        row("20,000 hosts, -j 500", Site::Addresses, 20_000, 500).beside(Ideal, &[]),
    ]
}

fn long_lists() -> Vec<Row> {
    use Goal::{MemoryOver, OwnWall, Wall};
    use Peer::{Curl, Fetchpool, NewestCurl, Refetch, Wget2};
    let shorter = Fetchpool {
        jobs: 50,
        share: 1_000,
    };
    vec![
        Row::new("first record of a long list", Site::Plain, 1_000_000, 50)
            .kind(Kind::FirstRecord)
            .turns(3)
            .beside(Curl, &[OwnWall(50.0)]),
        Row::new("a long list", Site::Plain, 1_000_000, 50)
            .turns(3)
            .beside(shorter, &[MemoryOver(4.0)]),
        Row::new("saving, -j 50", Site::Plain, 20_000, 50)
            .kind(Kind::Save)
            .beside(Curl, &[Wall(0.7)])
            .beside(NewestCurl, &[Wall(0.85)])
            .beside(Wget2, &[]),
        Row::new("updating, -j 50", Site::Plain, 20_000, 50)
            .kind(Kind::Update)
            .beside(Refetch, &[Wall(0.8)]),
        Row::new("archiving, -j 50", Site::Distinct, 20_000, 50)
            .kind(Kind::Archive)
            .beside(Curl, &[Wall(0.7)]),
    ]
}
