//! The options of the run: which targets, how many at once, and for how long.

use super::value::Value;
use crate::cli::units::{duration, rate, whole};
use crate::input::Shard;
use crate::schedule::PerSecond;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Pool")]
pub(in crate::cli) struct PoolArgs {
    /// Worker threads, 1 to 10000
    #[arg(short, long, value_name = "N", default_value = "5", aliases = ["workers", "max-workers"])]
    #[arg(long_help = "Worker threads, 1 to 10000; also --workers and --max-workers")]
    #[arg(value_parser = Value(whole::<1, 10_000>))]
    pub(in crate::cli) jobs: u32,
    /// Requests at once to one host:port
    #[arg(long, value_name = "N", value_parser = Value(whole::<1, 10_000>))]
    #[arg(
        long_help = "Requests at once to one host:port; those to other hosts, up to 4096 lines on (1024 with --ordered), are not held up. The host is that of the list's URL: a redirect's next host is not counted"
    )]
    pub(in crate::cli) per_host: Option<u32>,
    /// Least time between two starts to one host
    #[arg(long, value_name = "D", value_parser = Value(duration), hide_short_help = true)]
    #[arg(long_help = "Least time between two starts to one host:port, that of the list's URL")]
    pub(in crate::cli) host_delay: Option<Duration>,
    /// Starts a second in all
    #[arg(long, value_name = "N", value_parser = Value(rate), hide_short_help = true)]
    #[arg(long_help = "Starts a second, to all hosts together; 0.5 is one every two seconds")]
    pub(in crate::cli) rate: Option<PerSecond>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Timeouts (0 = none)")]
pub(in crate::cli) struct TimeoutArgs {
    /// One whole attempt; 0 = none
    #[arg(short, long, value_name = "D", default_value = "60s", value_parser = Value(duration))]
    #[arg(
        long_help = "One whole attempt: DNS, connect, TLS, redirects and body; the clock starts when a worker \
        takes the job"
    )]
    pub(in crate::cli) timeout: Duration,
    /// DNS, connect and TLS, within the above
    #[arg(long, value_name = "D", value_parser = Value(duration), hide_short_help = true)]
    pub(in crate::cli) connect_timeout: Option<Duration>,
    /// Longest silence while waiting for bytes
    #[arg(long, value_name = "D", value_parser = Value(duration), hide_short_help = true)]
    pub(in crate::cli) stall_timeout: Option<Duration>,
    /// The whole run; what is in flight then is cut
    #[arg(long, value_name = "D", value_parser = Value(duration))]
    #[arg(
        long_help = "The whole run: then nothing new starts, what is in flight is cut, and the exit status is 1"
    )]
    pub(in crate::cli) deadline: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(in crate::cli) struct RetryArgs {
    /// More attempts after a passing failure
    #[arg(long, value_name = "N", default_value = "0", value_parser = Value(whole::<0, 1000>))]
    #[arg(
        long_help = "Further attempts after a failure that may pass: dns, connect, timeout, body, and the statuses 408, \
        425, 429, 500, 502, 503 and 504"
    )]
    pub(in crate::cli) retries: u32,
    /// The wait before the first of them
    #[arg(long, value_name = "D", default_value = "1s", value_parser = Value(retry_delay), hide_short_help = true)]
    #[arg(
        long_help = "The wait before the first of them, which doubles, with jitter, up to 60s; holds no worker. A \
        Retry-After of up to 5 min is obeyed for all URLs of its host, and behind a 429 or 503 RateLimit and \
        X-RateLimit-Reset are; then one request goes first, and others follow as it succeeds"
    )]
    pub(in crate::cli) retry_delay: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(in crate::cli) struct InputArgs {
    /// For URLs without one: https or http
    #[arg(long, value_name = "S", hide_possible_values = true)]
    #[arg(long_help = "Complete a URL without a scheme with https or http; without this it fails")]
    pub(in crate::cli) default_scheme: Option<SchemeArg>,
    /// Skip a URL seen before
    #[arg(long, hide_short_help = true)]
    #[arg(
        long_help = "Skip a URL that the lists had before; they are compared as a browser reads them, without the #fragment"
    )]
    pub(in crate::cli) unique: bool,
    /// Skip what an earlier run's jsonl has as ok
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(
        long_help = "Skip the URLs that FILE, the jsonl of an earlier run, has as ok; a torn line in it is passed over, \
        and without FILE nothing is skipped. The last of the examples goes on after a crash"
    )]
    pub(in crate::cli) resume: Option<PathBuf>,
    /// Only the K-th of N parts, cut by host
    #[arg(long, value_name = "K/N", value_parser = Value(str::parse::<Shard>), hide_short_help = true)]
    #[arg(
        long_help = "Only the K-th of N parts of the lists, cut by host with a hash that never changes, for N runs to \
        share them"
    )]
    pub(in crate::cli) shard: Option<Shard>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SchemeArg {
    Https,
    Http,
}

/// No wait before a retry is longer, so none can begin with more.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(60);

fn retry_delay(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|delay| {
        if delay > LONGEST_RETRY_DELAY {
            return Err("too long: no wait before a retry is over 60s".to_owned());
        }
        Ok(delay)
    })
}
