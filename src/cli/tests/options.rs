//! The setting that each option gives.

use super::*;
use crate::fetch::Family;
use crate::schedule::retry::Retries;
use crate::schedule::{self, PerSecond};
use log::LevelFilter;

#[test]
fn the_defaults_are_the_promised_ones() {
    let settings = settings("");
    let defaults = fetch::Options::default();
    assert_eq!(settings.jobs, 5);
    assert_eq!(
        settings.input,
        input::Options {
            lists: vec![List::Stdin],
            ..input::Options::default()
        }
    );
    let retries = Retries {
        most: 0,
        first_delay: Duration::from_secs(1),
    };
    let schedule = schedule::Options {
        retries,
        ..schedule::Options::default()
    };
    assert_eq!((settings.schedule, settings.ordered), (schedule, false));
    // Without arguments the library's options have their defaults.
    assert_eq!(format!("{:?}", settings.fetch), format!("{defaults:?}"));
    assert_eq!(
        (settings.output_dir, settings.verbosity),
        (None, LevelFilter::Off)
    );
    assert_eq!(settings.format, Format::Text);
    assert_eq!(settings.deadline, None);
    assert_eq!(settings.fetch.timeout, Some(Duration::from_secs(60)));
    assert_eq!(
        (settings.fetch.connect_timeout, settings.fetch.stall_timeout),
        (None, None)
    );
    assert_eq!(settings.fetch.method, Method::GET);
    assert_eq!(settings.headers, []);
    assert_eq!(
        (settings.keeps_bodies, settings.max_fail),
        (false, MaxFail::default())
    );
    assert_eq!(
        (settings.fetch.max_redirects, settings.fetch.max_size),
        (10, None)
    );
}

#[test]
fn every_option_arrives() {
    let settings = settings(
        "-j 7 -t 1m --connect-timeout 5 --stall-timeout 500ms --deadline 1h30m -H A:b --header C; -A me -X OPTIONS \
         --max-redirects 0 --max-size 10M -f jsonl --default-scheme https --shard 2/3 --unique \
         --resume r.jsonl --update u.jsonl a.txt",
    );
    assert_eq!(settings.jobs, 7);
    assert_eq!(settings.input.default_scheme, Some(Scheme::Https));
    assert_eq!(settings.input.shard, Some("2/3".parse().unwrap()));
    assert!(settings.input.unique);
    assert_eq!(settings.input.resume, Some("r.jsonl".into()));
    assert_eq!(settings.update, Some("u.jsonl".into()));
    assert_eq!(settings.format, Format::Jsonl);
    assert_eq!(settings.deadline, Some(Duration::from_secs(5400)));
    let fetch = settings.fetch;
    assert_eq!(fetch.timeout, Some(Duration::from_secs(60)));
    assert_eq!(fetch.connect_timeout, Some(Duration::from_secs(5)));
    assert_eq!(fetch.stall_timeout, Some(Duration::from_millis(500)));
    assert_eq!(settings.headers, ["A:b", "C;"].map(header));
    assert_eq!(
        (fetch.user_agent.as_bytes(), fetch.method),
        (&b"me"[..], Method::OPTIONS)
    );
    assert_eq!((fetch.max_redirects, fetch.max_size), (0, Some(10 << 20)));
}

#[test]
fn every_option_of_the_schedule_arrives() {
    let line = "--per-host 2 --host-failures 7 --host-delay 1.5 --rate 100 --retries 3 --retry-delay 500ms --ordered";
    let expected = schedule::Options {
        per_host: Some(2),
        host_failures: Some(7),
        host_delay: Duration::from_millis(1500),
        rate: Some(PerSecond::whole(100)),
        retries: Retries {
            most: 3,
            first_delay: Duration::from_millis(500),
        },
        window: 0,
        ..schedule::Options::default()
    };
    let read = settings(line);
    assert_eq!((read.schedule, read.ordered), (expected, true));
    let zeros = settings("--host-delay 0 --retries 0 --retry-delay 0").schedule;
    assert_eq!(
        (zeros.host_delay, zeros.retries),
        (Duration::ZERO, Retries::default())
    );
    assert_eq!(
        settings("--retry-delay 1m").schedule.retries.first_delay,
        Duration::from_secs(60)
    );
}

#[test]
fn every_option_of_the_network_arrives() {
    let line = "-u me:pw --compressed --proxy socks5h://p:1 -4 --resolve a:80:127.0.0.1 --resolve b:81:::1 --deny-private --dns-servers 9.9.9.9,::1,[::1],[::1]:5,1.1.1.1:54 \
                -k --cacert ca.pem --cert c.pem --key k.pem";
    let fetch = settings(line).fetch;
    assert_eq!(fetch.credentials, Some("me:pw".parse().unwrap()));
    assert_eq!((fetch.compressed, fetch.deny_private), (true, true));
    assert_eq!(fetch.family, Family::V4);
    let rules = ["a:80:127.0.0.1", "b:81:::1"].map(|text| text.parse().unwrap());
    assert_eq!(fetch.resolve, rules);
    let servers = [
        "9.9.9.9:53",
        "[::1]:53",
        "[::1]:53",
        "[::1]:5",
        "1.1.1.1:54",
    ];
    assert_eq!(fetch.dns_servers, servers.map(|text| text.parse().unwrap()));
    assert!(fetch.proxies.any());
    assert!(fetch.tls.insecure);
    let files = [fetch.tls.cacert, fetch.tls.cert, fetch.tls.key];
    assert_eq!(
        files,
        ["ca.pem", "c.pem", "k.pem"].map(|file| Some(file.into()))
    );
    assert_eq!(settings("-6").fetch.family, Family::V6);
    let last = settings("-u a:b -u c:d --proxy x --proxy ''").fetch;
    assert_eq!(last.credentials, Some("c:d".parse().unwrap()));
    assert!(!last.proxies.any());
}

#[test]
fn proxies_are_those_of_the_environment_unless_one_is_given() {
    let env = [("all_proxy", "p:1")];
    for (line, any) in [
        ("-", true),
        ("--proxy q:2 -", true),
        ("--proxy '' -", false),
    ] {
        let read = parse_in(NONE, &env, line).unwrap();
        assert_eq!(read.fetch.proxies.any(), any, "{line}");
    }
    let told = usage_error(parse_in(NONE, &[("https_proxy", "ftp://p")], "-").unwrap_err());
    assert!(
        told.starts_with("fetchpool: https_proxy: a proxy is of http"),
        "{told}"
    );
}

#[test]
fn records_have_one_of_four_formats() {
    for (line, format) in [
        ("-f text", Format::Text),
        ("--format=jsonl", Format::Jsonl),
        ("-fcsv", Format::Csv),
        ("-f tsv", Format::Tsv),
        ("-f csv -f text", Format::Text),
    ] {
        assert_eq!(settings(line).format, format, "{line}");
    }
}

#[test]
fn where_bodies_go_and_how_much_is_told() {
    assert_eq!(settings("-o pages").output_dir, Some("pages".into()));
    assert_eq!(settings("--output-dir=-x").output_dir, Some("-x".into()));
    for (line, verbosity) in [
        ("-v", LevelFilter::Debug),
        ("--verbose -q", LevelFilter::Debug),
        ("-vv", LevelFilter::Trace),
        ("-v -j 2 -v", LevelFilter::Trace),
        ("-vvvvv", LevelFilter::Trace),
    ] {
        assert_eq!(settings(line).verbosity, verbosity, "{line}");
    }
}

#[test]
fn other_spellings_mean_the_same() {
    for line in [
        "-j9",
        "-j=9",
        "--jobs 9",
        "--jobs=9",
        "--workers 9",
        "--max-workers=9",
        "-j 1 --workers 2 -j 9",
    ] {
        assert_eq!(settings(line).jobs, 9, "{line}");
    }
    assert_eq!(settings("--head").fetch.method, Method::HEAD);
    assert_eq!(settings("-qI").fetch.method, Method::HEAD);
    assert_eq!(settings("-I -I -q -q").fetch.method, Method::HEAD);
    assert_eq!(settings("-X HEAD").fetch.method, Method::HEAD);
    assert_eq!(
        settings("--default-scheme http --default-scheme https")
            .input
            .default_scheme,
        Some(Scheme::Https)
    );
    assert_eq!(settings("-A ''").fetch.user_agent, *"");
    assert_eq!(
        settings("-A -x").fetch.user_agent,
        "-x",
        "a value may begin with a hyphen"
    );
}

#[test]
fn zero_means_none() {
    let settings =
        settings("-t 0 --connect-timeout 0s --stall-timeout 0ms --deadline 0 --max-size 0");
    let fetch = settings.fetch;
    assert_eq!(
        [
            fetch.timeout,
            fetch.connect_timeout,
            fetch.stall_timeout,
            settings.deadline
        ],
        [None; 4]
    );
    assert_eq!(fetch.max_size, None);
}
