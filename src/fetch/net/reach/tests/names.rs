//! How names are looked up: which answers count, which servers are asked, and what is shared and kept.

use std::net::{TcpListener, UdpSocket};

use hickory_proto::op::{MessageType, ResponseCode};
use hickory_proto::rr::RecordType;

use super::name_server::{NameServer, alias, name};
use super::*;
use crate::fetch::net::reach::dns::{FAILED, NameServers};
use crate::fetch::net::reach::resolver::Miss;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Asks `servers` for the addresses of IPv4.
fn look_up(servers: &[SocketAddr], host: &str) -> Result<Vec<IpAddr>, Miss> {
    look_up_with("options timeout:20 attempts:1", servers, host)
}

fn look_up_with(resolv: &str, servers: &[SocketAddr], host: &str) -> Result<Vec<IpAddr>, Miss> {
    let resolv = resolv_conf::Config::parse(resolv).unwrap();
    let servers = NameServers::new(&resolv, servers);
    let answer = block_on(servers.look_up(host, false));
    answer.map(|(addresses, _)| addresses)
}

fn failed() -> Result<Vec<IpAddr>, Miss> {
    Err(Miss::Unknown(FAILED.into()))
}

fn asking(servers: &[&NameServer]) -> Options {
    Options {
        dns_servers: servers.iter().map(|server| server.address).collect(),
        ..Options::default()
    }
}

#[test]
fn what_is_no_answer_to_the_question_is_ignored() {
    let server = NameServer::start(|question| {
        let lie = [ip("127.6.6.6")];
        let mut wrong_id = question.with(&lie);
        wrong_id.metadata.id ^= 0x55;
        let mut wrong_name = question.with(&lie);
        wrong_name.queries[0].set_name(name("evil.test."));
        let mut wrong_kind = question.with(&lie);
        wrong_kind.queries[0].set_query_type(RecordType::TXT);
        let mut no_question = question.with(&lie);
        no_question.queries.clear();
        let mut echo = question.with(&lie);
        echo.metadata.message_type = MessageType::Query;
        let id = question.message.metadata.id.to_be_bytes();
        let mut packets = vec![Vec::new(), vec![0; 11], [&id[..], &[0xff; 40]].concat()];
        for lie in [wrong_id, wrong_name, wrong_kind, no_question, echo] {
            packets.push(lie.to_vec().unwrap());
        }
        packets.extend(question.packet(&[HOME]));
        packets
    });
    assert_eq!(look_up(&[server.address], "a.test"), Ok(vec![HOME]));
}

#[test]
fn a_record_counts_only_for_the_name_or_an_alias_of_it() {
    let server = NameServer::start(|question| {
        let mut reply = question.with(&[]);
        let mut stranger = question.with(&[ip("127.6.6.6")]).answers.remove(0);
        stranger.name = name("evil.test.");
        reply.answers = vec![stranger, alias(question.name(), "b.test.")];
        reply.answers.push(alias(&name("b.test."), "C.test."));
        let mut address = question.with(&[HOME]).answers.remove(0);
        address.name = name("c.test.");
        reply.answers.push(address);
        vec![reply.to_vec().unwrap()]
    });
    assert_eq!(look_up(&[server.address], "a.test"), Ok(vec![HOME]));
}

#[test]
fn a_loop_of_aliases_has_no_address() {
    let server = NameServer::start(|question| {
        let mut reply = question.with(&[]);
        reply.answers = vec![
            alias(question.name(), "b.test."),
            alias(&name("b.test."), "a.test."),
        ];
        vec![reply.to_vec().unwrap()]
    });
    assert_eq!(look_up(&[server.address], "a.test"), Err(Miss::NoAddress));
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp() {
    let all: Vec<IpAddr> = (1..=50).map(|last| IpAddr::from([8, 8, 8, last])).collect();
    let whole = all.clone();
    let server = NameServer::start(move |question| {
        let mut reply = question.with(if question.is_tcp { &whole } else { &whole[..1] });
        reply.metadata.truncation = !question.is_tcp;
        vec![reply.to_vec().unwrap()]
    });
    assert_eq!(look_up(&[server.address], "a.test"), Ok(all));
    let asked: Vec<bool> = server
        .asked()
        .iter()
        .map(|question| question.is_tcp)
        .collect();
    assert_eq!(asked, [false, true]);
}

#[test]
fn a_truncated_answer_may_be_cut_anywhere() {
    let server = NameServer::start(|question| {
        let mut reply = question.with(&[HOME]);
        reply.metadata.truncation = !question.is_tcp;
        let mut bytes = reply.to_vec().unwrap();
        if !question.is_tcp {
            bytes.truncate(bytes.len() - 2);
        }
        vec![bytes]
    });
    assert_eq!(look_up(&[server.address], "a.test"), Ok(vec![HOME]));
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_question_that_is_lost_is_asked_again() {
    let questions = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = NameServer::start(move |question| {
        match questions.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Vec::new(),
            _ => question.packet(&[HOME]),
        }
    });
    let found = look_up_with("options timeout:60 attempts:2", &[server.address], "a.test");
    assert_eq!(found, Ok(vec![HOME]));
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn the_next_server_is_asked_when_one_refuses_fails_or_is_not_there() {
    let good = NameServer::start(|question| question.packet(&[HOME]));
    let failing = NameServer::start(|question| question.code(ResponseCode::ServFail));
    let refusing = NameServer::start(|question| question.code(ResponseCode::Refused));
    let absent = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for bad in [failing.address, refusing.address, absent] {
        assert_eq!(
            look_up(&[bad, good.address], "a.test"),
            Ok(vec![HOME]),
            "{bad}"
        );
        assert_eq!(look_up(&[bad], "a.test"), failed(), "{bad}");
    }
    let missing = NameServer::start(|question| question.code(ResponseCode::NXDomain));
    let found = look_up(&[missing.address, good.address], "a.test");
    assert_eq!(found, Err(Miss::NoAddress), "an answer is an answer");
}

#[test]
fn a_silent_server_is_put_behind_one_that_answers() {
    let silent = NameServer::start(|_| Vec::new());
    let good = NameServer::start(|question| question.packet(&[HOME]));
    let resolv = resolv_conf::Config::parse("options timeout:20 attempts:1").unwrap();
    let servers = NameServers::new(&resolv, &[silent.address, good.address]);
    block_on(async {
        for host in ["a.test", "b.test", "c.test"] {
            assert!(servers.look_up(host, false).await.is_ok());
        }
    });
    assert_eq!([silent.asked().len(), good.asked().len()], [1, 3]);
}

#[test]
fn every_attempt_asks_a_silent_server_and_its_silence_is_a_failure() {
    let silent = NameServer::start(|_| Vec::new());
    let found = look_up_with("options timeout:1 attempts:2", &[silent.address], "a.test");
    assert_eq!(found, failed());
    let ids: Vec<u16> = silent
        .asked()
        .iter()
        .map(|asked| asked.message.metadata.id)
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
}

#[test]
fn the_search_list_is_tried_in_the_order_that_ndots_says() {
    let asked = |resolv: &str, host: &str| -> Vec<String> {
        let server = NameServer::start(|question| question.code(ResponseCode::NXDomain));
        let found = look_up_with(resolv, &[server.address], host);
        assert_eq!(found, Err(Miss::NoAddress));
        let asked = server.asked();
        asked
            .iter()
            .map(|question| question.name().to_ascii())
            .collect()
    };
    let search = "search a.test b.test.";
    for (options, host, names) in [
        ("", "x", &["x.a.test.", "x.b.test.", "x."][..]),
        ("", "x.y", &["x.y.", "x.y.a.test.", "x.y.b.test."]),
        (
            "options ndots:2",
            "x.y",
            &["x.y.a.test.", "x.y.b.test.", "x.y."],
        ),
        ("", "x.", &["x."]),
        ("", &"x".repeat(64), &[]),
    ] {
        assert_eq!(
            asked(&format!("{search}\n{options}"), host),
            names,
            "{options} {host}"
        );
    }
}

#[test]
fn a_name_without_this_family_is_not_searched_for_elsewhere() {
    let server = NameServer::start(|question| question.packet(&[]));
    let found = look_up_with("search a.test", &[server.address], "x.y");
    assert_eq!((found, server.asked().len()), (Err(Miss::NoAddress), 1));
}

#[test]
fn one_question_of_each_kind_serves_all_who_ask_and_is_kept() {
    let server = NameServer::start(|question| question.packet(&[HOME]));
    let listener = TcpListener::bind((HOME, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let reach = reach(asking(&[&server]));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..20 {
        let sender = sender.clone();
        reach.open(request("a.test", port), move |opened| {
            sender.send(opened).unwrap();
        });
    }
    for _ in 0..20 {
        let opened = receiver.recv().unwrap().unwrap();
        assert!(opened.dns.is_some());
        assert_eq!(opened.tcp.peer_addr().unwrap().port(), port);
    }
    assert!(reach.open_blocking(request("a.test", port)).is_ok());
    assert_eq!(server.counts(), [1, 1]);
}

#[test]
fn one_family_is_asked_for_alone() {
    for (family, counts) in [(Family::V4, [1, 0]), (Family::V6, [0, 1])] {
        let server = NameServer::start(|question| question.packet(&[HOME, ip("::1")]));
        let options = Options {
            family,
            ..asking(&[&server])
        };
        let found = reach(options)
            .resolve_blocking(request("a.test", 80))
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].is_ipv4(), family == Family::V4);
        assert_eq!(server.counts(), counts);
    }
}

#[test]
fn an_answer_for_ipv6_that_never_comes_keeps_ipv4_from_nothing() {
    let server = NameServer::start(|question| match question.kind() {
        RecordType::AAAA => Vec::new(),
        _ => question.packet(&[HOME]),
    });
    let listener = TcpListener::bind((HOME, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let opened = reach(asking(&[&server])).open_blocking(request("a.test", port));
    // The limit is a minute, as is the wait for the server.
    assert!(opened.unwrap().dns.unwrap() < Duration::from_secs(5));
}

#[test]
fn a_late_answer_for_ipv4_is_tried_too() {
    let server = NameServer::start(|question| match question.kind() {
        RecordType::AAAA => question.packet(&[ip("::1")]),
        _ => question.packet(&[HOME]),
    });
    // It listens at the address of IPv4 alone.
    let listener = TcpListener::bind((HOME, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let reach = reach(asking(&[&server]));
    assert!(reach.open_blocking(request("a.test", port)).is_ok());
}

#[test]
fn a_miss_is_kept_but_not_for_an_attempt_that_is_made_again() {
    let server = NameServer::start(|question| question.code(ResponseCode::NXDomain));
    let reach = reach(asking(&[&server]));
    let resolve = |misses_since| {
        let again = Request {
            misses_since,
            ..request("a.test", 80)
        };
        let error = reach.resolve_blocking(again).unwrap_err();
        let failure = Failure::new(FailureKind::Dns, "no address for a.test");
        assert_eq!(error.cause, Cause::Failed(failure));
        server.counts()
    };
    let began = Instant::now();
    assert_eq!(resolve(None), [1, 1]);
    assert_eq!(resolve(None), [1, 1]);
    assert_eq!(resolve(Some(began)), [1, 1], "it was asked since");
    assert_eq!(resolve(Some(Instant::now())), [2, 2]);
}

#[test]
fn a_failure_is_told_and_not_kept() {
    let server = NameServer::start(|question| question.code(ResponseCode::ServFail));
    let reach = reach(asking(&[&server]));
    for asked in [1, 2] {
        let error = reach.open_blocking(request("a.test", 80)).unwrap_err();
        let text = format!("cannot look up a.test: {FAILED}");
        assert_eq!(
            error.cause,
            Cause::Failed(Failure::new(FailureKind::Dns, text))
        );
        assert_eq!(server.counts(), [asked; 2]);
    }
}

#[test]
fn a_limit_or_a_cancel_ends_every_look_up() {
    let silent = NameServer::start(|_| Vec::new());
    let reach = reach(asking(&[&silent]));
    let limit = Some(Duration::from_millis(20));
    let error = reach.open_blocking(Request {
        limit,
        ..request("a.test", 80)
    });
    assert_eq!(error.unwrap_err().cause, Cause::TimedOut(Phase::Dns));
    let (sender, receiver) = mpsc::channel();
    for number in 0..500 {
        let sender = sender.clone();
        let host = format!("n{number}.test");
        reach.open(request(&host, 80), move |opened| {
            sender.send(opened).unwrap();
        });
    }
    reach.cancel();
    for _ in 0..500 {
        assert_eq!(
            receiver.recv().unwrap().unwrap_err().cause,
            Cause::Cancelled
        );
    }
    let error = reach.open_blocking(request("127.0.0.1", 80)).unwrap_err();
    assert_eq!(error.cause, Cause::Cancelled);
}

#[test]
fn silence_is_a_failure_after_the_stall_timeout() {
    let silent = NameServer::start(|_| Vec::new());
    let options = Options {
        stall_timeout: Some(Duration::from_millis(20)),
        ..asking(&[&silent])
    };
    let error = reach(options)
        .open_blocking(request("a.test", 80))
        .unwrap_err();
    let failure = error.into_failure(Duration::ZERO);
    assert_eq!(failure.to_string(), "timeout: nothing was heard for 20ms");
    assert_eq!(failure.kind(), FailureKind::Timeout(Phase::Dns));
}

#[test]
fn dead_names_by_the_thousand_end_and_none_is_left() {
    let silent = NameServer::start(|_| Vec::new());
    let reach = reach(asking(&[&silent]));
    let (sender, receiver) = mpsc::channel();
    for number in 0..2000 {
        let dead = Request {
            limit: Some(Duration::from_millis(50)),
            ..request(&format!("n{number}.test"), 80)
        };
        let sender = sender.clone();
        reach.open(dead, move |opened| sender.send(opened.map(drop)).unwrap());
    }
    for _ in 0..2000 {
        let cause = receiver.recv().unwrap().unwrap_err().cause;
        assert_eq!(cause, Cause::TimedOut(Phase::Dns));
    }
}
