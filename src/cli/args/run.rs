//! The options of the run: which targets, how many at once, and for how long.

use super::value::Value;
use crate::cli::units::{duration, whole};
use crate::input::Shard;
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
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
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
