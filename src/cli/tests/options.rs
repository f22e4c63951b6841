//! What each option is settled as.

use super::super::net::{Identity, NetSettings, TlsSettings};
use super::super::settings::ScheduleSettings;
use super::*;
use crate::fetch::{Family, Resolve};
use crate::schedule::PerSecond;
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
    let schedule = ScheduleSettings {
        per_host: None,
        host_delay: Duration::ZERO,
        rate: None,
        retries: 0,
        retry_delay: Duration::from_secs(1),
        ordered: false,
    };
    assert_eq!(settings.schedule, schedule);
    assert_eq!(settings.net, NetSettings::default());
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
    assert!(settings.fetch.headers.is_empty());
    assert_eq!(settings.fetch.user_agent, defaults.user_agent);
    assert_eq!(
        (settings.fetch.max_redirects, settings.fetch.max_size),
        (10, None)
    );
    assert_eq!(
        settings.fetch.timeout, defaults.timeout,
        "the library's default is another"
    );
    assert_eq!(
        settings.fetch.max_redirects, defaults.max_redirects,
        "the library's default is another"
    );
}

#[test]
fn every_option_arrives() {
    let settings = settings(
        "-j 7 -t 1m --connect-timeout 5 --stall-timeout 500ms --deadline 1h30m -H A:b --header C; -A me -X OPTIONS \
         --max-redirects 0 --max-size 10M -f jsonl --default-scheme https --shard 2/3 --unique \
         --resume r.jsonl a.txt",
    );
    assert_eq!(settings.jobs, 7);
    assert_eq!(settings.input.default_scheme, Some(Scheme::Https));
    assert_eq!(settings.input.shard, Some("2/3".parse().unwrap()));
    assert!(settings.input.unique);
    assert_eq!(settings.input.resume, Some("r.jsonl".into()));
    assert_eq!(settings.format, Format::Jsonl);
    assert_eq!(settings.deadline, Some(Duration::from_secs(5400)));
    let fetch = settings.fetch;
    assert_eq!(fetch.timeout, Some(Duration::from_secs(60)));
    assert_eq!(fetch.connect_timeout, Some(Duration::from_secs(5)));
    assert_eq!(fetch.stall_timeout, Some(Duration::from_millis(500)));
    assert_eq!(
        fetch.headers,
        [("A".into(), "b".into()), ("C".into(), String::new())]
    );
    assert_eq!(
        (fetch.user_agent.as_str(), fetch.method),
        ("me", Method::OPTIONS)
    );
    assert_eq!((fetch.max_redirects, fetch.max_size), (0, Some(10 << 20)));
}

#[test]
fn every_option_of_the_schedule_arrives() {
    let line = "--per-host 2 --host-delay 1.5 --rate 100 --retries 3 --retry-delay 500ms --ordered";
    let expected = ScheduleSettings {
        per_host: Some(2),
        host_delay: Duration::from_millis(1500),
        rate: Some(PerSecond::whole(100)),
        retries: 3,
        retry_delay: Duration::from_millis(500),
        ordered: true,
    };
    assert_eq!(settings(line).schedule, expected);
    let zeros = settings("--host-delay 0 --retries 0 --retry-delay 0").schedule;
    assert_eq!(
        (zeros.host_delay, zeros.retries, zeros.retry_delay),
        (Duration::ZERO, 0, Duration::ZERO)
    );
    assert_eq!(
        settings("--retry-delay 1m").schedule.retry_delay,
        Duration::from_secs(60)
    );
}

#[test]
fn every_option_of_the_network_arrives() {
    let line = "-u me:pw --compressed --proxy socks5h://p:1 -4 --resolve a:80:127.0.0.1 --resolve b:81:::1 --deny-private \
                -k --cacert ca.pem --cert c.pem --key k.pem";
    let rule = |host: &str, port, address: &str| Resolve {
        host: host.to_owned(),
        port,
        addresses: vec![address.parse().unwrap()],
    };
    let expected = NetSettings {
        credentials: Some(("me".to_owned(), "pw".to_owned())),
        compressed: true,
        proxy: Some("socks5h://p:1".to_owned()),
        family: Family::V4,
        resolve: vec![rule("a", 80, "127.0.0.1"), rule("b", 81, "::1")],
        deny_private: true,
        tls: TlsSettings {
            insecure: true,
            cacert: Some("ca.pem".into()),
            identity: Some(Identity {
                cert: "c.pem".into(),
                key: "k.pem".into(),
            }),
        },
    };
    assert_eq!(settings(line).net, expected);
    assert_eq!(settings("-6").net.family, Family::V6);
    assert_eq!(
        settings("--proxy ''").net.proxy.as_deref(),
        Some(""),
        "none, whatever the environment says"
    );
    let last = settings("-u a:b -u c:d --proxy x --proxy y").net;
    assert_eq!(last.credentials, Some(("c".to_owned(), "d".to_owned())));
    assert_eq!(last.proxy.as_deref(), Some("y"));
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
    assert_eq!(settings("-A ''").fetch.user_agent, "");
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
