//! The options of the run: targets, parallelism, limits of time, retries.

use super::value::plain;
use crate::cli::units::{duration, rate, size, whole};
use crate::input::{ListFormat, ListShard, Scheme};
use crate::schedule::PerSecond;
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Pool")]
pub(in crate::cli) struct PoolArgs {
    /// Worker threads, 1 to 10000
    #[arg(short, long, value_name = "N", default_value = "5", aliases = ["workers", "max-workers"])]
    #[arg(long_help = "Worker threads, 1 to 10000; also --workers and --max-workers")]
    #[arg(value_parser = plain(whole::<1, 10_000>))]
    pub(in crate::cli) jobs: u32,
    /// Requests at once to one host:port
    #[arg(long, value_name = "N", value_parser = plain(whole::<1, 10_000>))]
    #[arg(
        long_help = "Requests at once to one host:port. Other hosts go on, up to 4096 lines ahead (1024 with \
        --ordered). The host is that of the URL in the list; hosts of redirects are not counted"
    )]
    pub(in crate::cli) per_host: Option<u32>,
    #[arg(long, value_name = "D", value_parser = plain(duration))]
    #[arg(help = "Shortest time between two starts to one host:port, that of the URL in the list")]
    pub(in crate::cli) host_delay: Option<Duration>,
    #[arg(long, value_name = "N", value_parser = plain(whole::<1, 1_000_000>))]
    #[arg(
        help = "After N failures in a row to reach a host (dns, connect, tls, timeout), its other URLs fail as \
        host_down without being tried; --resume tries them again"
    )]
    pub(in crate::cli) host_failures: Option<u32>,
    #[arg(long, value_name = "N", value_parser = plain(rate))]
    #[arg(help = "Requests started a second, to all hosts together; 0.5 is one every two seconds")]
    pub(in crate::cli) rate: Option<PerSecond>,
    /// Bytes of bodies a second, in all
    #[arg(long, value_name = "SIZE", value_parser = plain(size))]
    #[arg(
        long_help = "Bytes of bodies a second, of all requests together, as they come over the network; 0 = no limit"
    )]
    pub(in crate::cli) limit_rate: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Timeouts (0 = none)")]
pub(in crate::cli) struct TimeoutArgs {
    /// Limit of one attempt; 0 = none
    #[arg(short, long, value_name = "D", default_value = "60s", value_parser = plain(duration))]
    #[arg(
        long_help = "Limit of one attempt: DNS, connect, TLS, redirects and body; the clock runs while the host is \
        being reached and while a worker has the URL, not while the URL is queued"
    )]
    pub(in crate::cli) timeout: Duration,
    /// Limit of DNS, connect and TLS, within --timeout
    #[arg(long, value_name = "D", value_parser = plain(duration))]
    pub(in crate::cli) connect_timeout: Option<Duration>,
    /// Longest time without a byte
    #[arg(long, value_name = "D", value_parser = plain(duration))]
    pub(in crate::cli) stall_timeout: Option<Duration>,
    /// Limit of the whole run, which is then cut
    #[arg(long, value_name = "D", value_parser = plain(duration))]
    #[arg(
        long_help = "Limit of the whole run: then nothing starts, running requests are cut, and the exit status is 1"
    )]
    pub(in crate::cli) deadline: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Retries")]
pub(in crate::cli) struct RetryArgs {
    /// Retries of a temporary failure
    #[arg(long, value_name = "N", default_value = "0", value_parser = plain(whole::<0, 1000>))]
    #[arg(
        long_help = "Further attempts after a temporary failure: dns, connect, timeout, body, and the statuses 408, \
        425, 429, 500, 502, 503 and 504"
    )]
    pub(in crate::cli) retries: u32,
    /// Delay before the first retry
    #[arg(long, value_name = "D", default_value = "1s", value_parser = plain(retry_delay))]
    #[arg(
        long_help = "Delay before the first retry; it doubles up to 60s, with jitter, and blocks no worker. A \
        Retry-After of up to 5 min pauses its whole host, as do RateLimit and X-RateLimit-Reset with a 429 or 503; \
        after the pause one request goes first, and others follow when it succeeds"
    )]
    pub(in crate::cli) retry_delay: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(in crate::cli) struct InputArgs {
    /// Lists are lines, csv, tsv or jsonl; auto: by ending
    #[arg(short, long, value_name = "F")]
    #[arg(default_value = "auto", hide_default_value = true)]
    #[arg(
        long_help = "How lists are written: lines, csv, tsv or jsonl. A csv or tsv begins with a line that names its \
        columns, a jsonl has an object a line; see Tables below. auto goes by the ending of the file: .csv, .tsv, .jsonl \
        and .ndjson, also before .gz; everything else, and standard input, is lines [default: auto]"
    )]
    pub(in crate::cli) input: ListFormat,
    /// Scheme of URLs without one: https or http
    #[arg(long, value_name = "S")]
    #[arg(long_help = "Scheme of URLs without one: https or http; without this option they fail")]
    pub(in crate::cli) default_scheme: Option<Scheme>,
    /// Skip repeated URLs
    #[arg(long)]
    #[arg(
        long_help = "Skip repeated URLs; they are compared as a browser reads them, without the #fragment"
    )]
    pub(in crate::cli) unique: bool,
    /// Skip what an earlier run's jsonl has as ok
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(
        long_help = "Skip the URLs that FILE, the jsonl of an earlier run, has as ok. An incomplete line is ignored, \
        and so is a FILE that does not exist. The last example continues a run after a crash"
    )]
    pub(in crate::cli) resume: Option<PathBuf>,
    /// Fetch only what has changed since FILE recorded it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(
        long_help = "Fetch again only what has changed since FILE, the jsonl of an earlier run, recorded it: its etag \
        and last_modified are sent back, and a page that the server calls unmodified is ok and unchanged. With -o, a file \
        that is gone is fetched"
    )]
    pub(in crate::cli) update: Option<PathBuf>,
    /// Fetch only the K-th of N parts, by host
    #[arg(long, value_name = "K/N", value_parser = plain(str::parse::<ListShard>))]
    #[arg(
        long_help = "Fetch only the K-th of N parts of the lists, so that N runs share them. A hash that never \
        changes assigns each host to one part"
    )]
    pub(in crate::cli) shard: Option<ListShard>,
    /// Fetch nothing, print what would be fetched
    #[arg(long)]
    #[arg(
        long_help = "Fetch nothing: print a record for each URL that would be fetched or skipped, with the name of its \
        file, and one for each that would fail before. The status is 1 if any would fail"
    )]
    pub(in crate::cli) dry_run: bool,
}

/// The longest delay before any retry.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(60);

fn retry_delay(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|delay| {
        if delay > LONGEST_RETRY_DELAY {
            return Err("too long: no wait before a retry is over 60s".to_owned());
        }
        Ok(delay)
    })
}
