//! The schedule against a naive one, over random runs on a simulated clock.
//!
//! A run has random limits, hosts, service times, failures, retries and pauses, a list that arrives bit by bit, callers that
//! wake up late, and wrong calls. The naive schedule must allow each answer; if no host has refused a request, it allows
//! only one. In the end the log of starts must keep every promise by itself.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Arrival, HostKey, Next, Reply, Schedule};
use super::naive::Naive;
use super::plan::{Plan, Stray, plan};

#[derive(Clone, Copy, Debug)]
struct Start {
    job: usize,
    at: Instant,
    /// What the run demanded.
    not_before: Instant,
}

struct Running {
    job: usize,
    started: Instant,
    attempt: usize,
    ends: Instant,
}

/// One run of a plan.
struct Run<'a> {
    plan: &'a Plan,
    keys: Vec<HostKey>,
    schedule: Schedule<usize>,
    naive: Naive,
    now: Instant,
    pushed: usize,
    /// When the next job can be read from the list.
    readable: Instant,
    running: Vec<Running>,
    starts: Vec<Start>,
    /// By job: how many attempts have begun, and when the next may.
    begun: Vec<usize>,
    earliest: Vec<Instant>,
    /// By host.
    held: Vec<Instant>,
    /// By host: when it was last paused, how many items of it have started since, and how many of those ended.
    paused: Vec<Option<(Instant, usize, usize)>>,
    retries: usize,
    /// How often nothing started at the time that the caller was told to wait for.
    vain: usize,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let now = Instant::now();
        Run {
            plan,
            keys: (0..8).map(|n| HostKey::from(format!("host-{n}"))).collect(),
            schedule: Schedule::new(plan.options.clone()),
            naive: Naive::new(&plan.options),
            now,
            pushed: 0,
            readable: now + plan.jobs[0].gap,
            running: Vec::new(),
            starts: Vec::new(),
            begun: vec![0; plan.jobs.len()],
            earliest: vec![now; plan.jobs.len()],
            held: vec![now; 8],
            paused: vec![None; 8],
            retries: 0,
            vain: 0,
        }
    }

    fn finish(mut self) -> Self {
        let mut told = None;
        for turn in 0.. {
            assert!(turn < 10_000, "the run does not end");
            let was_told_now = told.is_some_and(|at| at <= self.now);
            let before = (self.starts.len(), self.pushed, self.running.len());
            self.stray(turn);
            self.end_what_is_over();
            self.read();
            let undisturbed = !self.plan.strays.contains_key(&turn)
                && before == (self.starts.len(), self.pushed, self.running.len());
            told = self.start_all(was_told_now && undisturbed);
            self.check();
            let Some(wakes) = self.next_event(told) else {
                break;
            };
            let late = self.plan.late[turn % self.plan.late.len()];
            self.now = self.now.max(wakes + late);
        }
        self
    }

    fn stray(&mut self, turn: usize) {
        match self.plan.strays.get(&turn) {
            None => {}
            Some(Stray::Finished) => {
                let idle = |host: &usize| {
                    self.running
                        .iter()
                        .all(|run| self.plan.jobs[run.job].host != *host)
                };
                if let Some(host) = (0..self.keys.len()).find(idle) {
                    let (key, now) = (&self.keys[host], self.now);
                    self.schedule.finished(key, now, Reply::Served, now);
                }
            }
            Some(Stray::Hold(host, span)) => self.hold(*host, *span),
        }
    }

    fn hold(&mut self, host: usize, span: Duration) {
        let until = self.now + span;
        self.schedule.pause_host(&self.keys[host], until, self.now);
        self.naive.hold(host, until);
        self.naive.refused[host] = true;
        if until > self.now {
            self.paused[host] = Some((self.now, 0, 0));
        }
        self.held[host] = self.held[host].max(until);
    }

    fn end_what_is_over(&mut self) {
        let now = self.now;
        let over: Vec<_> = self.running.extract_if(.., |run| run.ends <= now).collect();
        for run in over {
            let job = &self.plan.jobs[run.job];
            let attempt = &job.attempts[run.attempt];
            let is_last = run.attempt + 1 == job.attempts.len();
            let reply = match attempt.holds {
                None if is_last => Reply::Served,
                None if attempt.again_after.as_millis() & 1 == 0 => Reply::None,
                _ => Reply::Refused,
            };
            self.naive.refused[job.host] |= reply == Reply::Refused;
            let key = &self.keys[job.host];
            self.schedule.finished(key, run.started, reply, now);
            let is_idle = !self
                .running
                .iter()
                .any(|run| self.plan.jobs[run.job].host == job.host);
            if let Some((since, _, ended)) = &mut self.paused[job.host] {
                *ended += usize::from(run.started > *since);
                if is_idle && *ended > 0 {
                    // The schedule may have forgotten the pause.
                    self.paused[job.host] = None;
                }
            }
            *self.naive.running.get_mut(&job.host).expect("it runs") -= 1;
            if let Some(span) = attempt.holds {
                self.hold(job.host, span);
            }
            if run.attempt + 1 < job.attempts.len() {
                let at = now + attempt.again_after;
                let item = self.item(run.job);
                let attempts = u32::try_from(run.attempt + 1).expect("a few");
                self.schedule.retry(item, at, attempts);
                self.naive.later.push((at, run.job));
                self.earliest[run.job] = at;
                self.retries += 1;
            }
        }
    }

    fn item(&self, job: usize) -> Arrival<usize> {
        let host = HostKey::clone(&self.keys[self.plan.jobs[job].host]);
        Arrival::new(job, host, None)
    }

    fn read(&mut self) {
        while self.pushed < self.plan.jobs.len()
            && self.readable <= self.now
            && self.schedule.room() > 0
        {
            self.schedule.push(self.item(self.pushed));
            self.naive.line.push(self.pushed);
            self.pushed += 1;
            if let Some(next) = self.plan.jobs.get(self.pushed) {
                self.readable += next.gap;
            }
        }
    }

    /// Asks while a worker is free. Returns the time to wait for.
    fn start_all(&mut self, woken: bool) -> Option<Instant> {
        let before = self.starts.len();
        while self.running.len() < self.plan.workers {
            let answer = self.schedule.next(super::FREE, self.now);
            let started = match answer {
                Next::Start(job) => Some(job),
                _ => None,
            };
            let expected = self.naive.next(&self.plan.jobs, started, self.now);
            match (answer, expected) {
                (Next::Start(job), Ok(expected)) if job == expected => self.start(job),
                (Next::WaitUntil(at), Err(Some(earliest))) if self.now < at && at <= earliest => {
                    self.vain += usize::from(woken && self.starts.len() == before);
                    return Some(at);
                }
                // The schedule sees only now that a retry is due at a full host.
                (Next::WaitUntil(at), Err(None)) if self.now < at => {
                    let is_sought = |job: &usize| self.naive.refused[self.plan.jobs[*job].host];
                    let waits =
                        !self.naive.later.is_empty() || self.naive.line.iter().any(is_sought);
                    assert!(waits, "it waits for no reason");
                    self.vain += usize::from(woken && self.starts.len() == before);
                    return Some(at);
                }
                (Next::Nothing, Err(None)) => {
                    self.vain += usize::from(woken && self.starts.len() == before);
                    return None;
                }
                (answer, expected) => {
                    panic!("{answer:?} instead of {expected:?} at {:?}", self.now)
                }
            }
        }
        None
    }

    fn start(&mut self, job: usize) {
        let attempt = self.begun[job];
        self.begun[job] += 1;
        let of = &self.plan.jobs[job];
        if let Some((_, started, ended)) = &mut self.paused[of.host] {
            *started += 1;
            // One item starts first, and each end allows at most two more.
            assert!(*started <= 1 + 2 * *ended, "too many after a pause");
        }
        self.running.push(Running {
            job,
            started: self.now,
            attempt,
            ends: self.now + of.attempts[attempt].takes,
        });
        self.starts.push(Start {
            job,
            at: self.now,
            not_before: self.earliest[job].max(self.held[of.host]),
        });
        let at_once = self
            .running
            .iter()
            .filter(|run| self.plan.jobs[run.job].host == of.host);
        let most = self.plan.options.per_host.unwrap_or(usize::MAX);
        assert!(at_once.count() <= most, "too many at once");
    }

    fn check(&self) {
        self.schedule.assert_consistent(self.running.len());
        let waiting = self.naive.line.len() + self.naive.later.len();
        assert_eq!(self.schedule.waiting(), waiting);
        // Retries are beside the window.
        let most = self.plan.options.window + self.plan.workers + self.retries;
        assert!(
            waiting + self.running.len() <= most,
            "more is held than window, workers and retries"
        );
        let (active, _) = self.schedule.hosts.known();
        assert!(
            active <= waiting + self.running.len(),
            "{active} active hosts"
        );
    }

    /// When something happens next; `None` if the run is over.
    fn next_event(&self, told: Option<Instant>) -> Option<Instant> {
        let more = self.pushed < self.plan.jobs.len();
        let read = (more && self.schedule.room() > 0).then_some(self.readable);
        let ends = self.running.iter().map(|run| run.ends);
        let next = ends.chain(told).chain(read).min();
        let over = !more && self.schedule.waiting() == 0;
        assert!(
            next.is_some() || over,
            "stuck with {} waiting",
            self.schedule.waiting()
        );
        next
    }

    /// Checks the log of starts without the naive schedule.
    fn assert_promises_kept(&self) {
        for (job, begun) in self.plan.jobs.iter().zip(&self.begun) {
            assert_eq!(*begun, job.attempts.len(), "lost, or given twice");
        }
        for start in &self.starts {
            assert!(start.not_before <= start.at, "too early: {start:?}");
        }
        let apart = self.plan.options.host_delay;
        for host in 0..self.keys.len() {
            let of_host = self
                .starts
                .iter()
                .filter(|start| self.plan.jobs[start.job].host == host);
            let times: Vec<_> = of_host.map(|start| start.at).collect();
            assert!(
                times.windows(2).all(|two| two[0] + apart <= two[1]),
                "too close"
            );
        }
        if let Some(most) = self.plan.options.rate {
            let second = Duration::from_secs(1);
            for (i, first) in self.starts.iter().enumerate() {
                let within = self.starts[i..]
                    .iter()
                    .take_while(|start| start.at < first.at + second);
                assert!(
                    within.count() <= most.most_in_a_second(),
                    "too many in a second"
                );
            }
        }
        // Only a retry at a host that is full or paused may wake the caller in vain.
        assert!(self.vain <= self.retries, "{} wake-ups in vain", self.vain);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_run_keeps_every_promise_and_wastes_no_worker(plan in plan()) {
        Run::new(&plan).finish().assert_promises_kept();
    }
}
