//! A schedule that is slow and simple: a list that is searched each time. Jobs and hosts are numbers.

use std::collections::HashMap;
use std::time::Instant;

use super::super::Options;
use super::super::rate::Rate;
use super::plan::Job;

pub(super) struct Naive {
    options: Options,
    rate: Option<Rate>,
    /// In the order of arrival.
    pub(super) line: Vec<usize>,
    /// In the order of the retries.
    pub(super) later: Vec<(Instant, usize)>,
    pub(super) running: HashMap<usize, usize>,
    not_before: HashMap<usize, Instant>,
    /// By host: whether it has refused a request, so that fewer may start than the limits allow.
    pub(super) refused: [bool; 8],
}

impl Naive {
    pub(super) fn new(options: &Options) -> Self {
        Naive {
            rate: options.rate.map(Rate::new),
            options: options.clone(),
            line: Vec::new(),
            later: Vec::new(),
            running: HashMap::new(),
            not_before: HashMap::new(),
            refused: [false; 8],
        }
    }

    /// What starts, or else the earliest time at which anything may start. If the host of `started` has refused a request,
    /// `started` is the answer, if it may start.
    pub(super) fn next(
        &mut self,
        jobs: &[Job],
        started: Option<usize>,
        now: Instant,
    ) -> Result<usize, Option<Instant>> {
        let mut due: Vec<_> = self.later.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        self.line.extend(due.into_iter().map(|(_, job)| job));
        // Retries at a host that has refused go first.
        let refused = started.filter(|job| self.refused[jobs[*job].host]);
        let first = self.line.iter().position(|job| {
            let host = jobs[*job].host;
            let is_it = refused.map_or(!self.refused[host], |started| started == *job);
            is_it && self.may_start_at(host, now) == Some(now)
        });
        if let Some(first) = first {
            let job = self.line.remove(first);
            self.started(jobs[job].host, now);
            return Ok(job);
        }
        let in_line = self.line.iter().map(|job| (now, *job));
        let all = in_line.chain(self.later.iter().copied());
        Err(all
            .filter(|(_, job)| !self.refused[jobs[*job].host])
            .filter_map(|(at, job)| self.may_start_at(jobs[job].host, at))
            .min())
    }

    /// The earliest start from `at` on, if no item must end first.
    fn may_start_at(&self, host: usize, at: Instant) -> Option<Instant> {
        let running = self.running.get(&host).copied().unwrap_or(0);
        if self.options.per_host.is_some_and(|most| running >= most) {
            return None;
        }
        let at = self
            .not_before
            .get(&host)
            .map_or(at, |until| at.max(*until));
        Some(self.rate.as_ref().map_or(at, |rate| rate.next_start(at)))
    }

    fn started(&mut self, host: usize, now: Instant) {
        *self.running.entry(host).or_default() += 1;
        self.hold(host, now + self.options.host_delay);
        if let Some(rate) = &mut self.rate {
            rate.started(now);
        }
    }

    pub(super) fn hold(&mut self, host: usize, until: Instant) {
        let known = self.not_before.entry(host).or_insert(until);
        *known = until.max(*known);
    }
}
