//! Content codings: bodies with one or several, cut, damaged, or endless when decoded.

use std::io::Write;

use fetchpool::fetch::Options;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::library::{Server, bytes, client, failure, fetch, options};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

/// At most 64 KiB, in brotli's uncompressed form (RFC 7932, 9.2).
fn brotli(content: &[u8]) -> Vec<u8> {
    let header = ((content.len() - 1) << 4 | 1 << 20).to_le_bytes();
    [&header[..3], content, &[3]].concat()
}

/// A skippable frame of zstd.
const SKIPPED: &[u8] = b"\x5e\x2a\x4d\x18\x03\0\0\0abc";

fn compressed() -> Options {
    Options {
        compressed: true,
        ..options()
    }
}

/// `hello` a thousand times, 5,000 bytes, in brotli.
const BROTLI: [u8; 17] = [
    0x1b, 0x87, 0x13, 0xf8, 0xa5, 0xcb, 0xd0, 0xd8, 0xde, 0xc4, 0x6b, 0x51, 0x40, 0xcf, 0x02, 0x80,
    0xd4,
];

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn compressed_bodies_are_decoded_when_they_were_asked_for() {
    let plain = b"hello".repeat(1000);
    let five = brotli(&gzip(&zstd(&deflate(&gzip(&plain)))));
    let frames = [
        SKIPPED,
        &zstd(&plain[..2000]),
        SKIPPED,
        &zstd(b""),
        &zstd(&plain[2000..]),
        SKIPPED,
    ]
    .concat();
    for (coding, body) in [
        ("gzip", gzip(&plain)),
        ("x-gzip", gzip(&plain)),
        (
            "gzip",
            [gzip(&plain[..7]), gzip(b""), gzip(&plain[7..])].concat(),
        ),
        ("br", BROTLI.to_vec()),
        ("deflate", zlib(&plain)),
        ("Deflate", deflate(&plain)),
        ("zstd", zstd(&plain)),
        ("zstd", frames),
        ("identity", plain.clone()),
        ("none", plain.clone()),
        ("gzip, gzip", gzip(&gzip(&plain))),
        ("deflate,none, br", brotli(&zlib(&plain))),
        ("gzip\r\nContent-Encoding: zstd", zstd(&gzip(&plain))),
        ("gzip, deflate, zstd, gzip, br", five),
    ] {
        let server = Server::start({
            let (reply, body) = (coded(coding, &body), body.clone());
            move |mut conn| {
                assert_eq!(
                    conn.number,
                    0,
                    "a second connection for {} bytes",
                    body.len()
                );
                conn.answer_all(&reply);
            }
        });
        let client = client(compressed());
        for _ in 0..2 {
            let mut got = Vec::new();
            let outcome = client.load_url(&server.url("/"), &mut got);
            assert_eq!((bytes(&outcome), got == plain), (5000, true), "{coding}");
        }
        let asked = "\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n";
        assert!(server.requests()[0].contains(asked));

        // A coding that was not asked for is not decoded.
        let server = Server::always(coded(coding, &body));
        let (outcome, got) = fetch(options(), &server.url("/"));
        assert_eq!((bytes(&outcome), got), (body.len() as u64, body));
        assert!(!server.requests()[0].contains("Accept-Encoding"));
    }
}

#[test]
fn a_coding_that_was_not_asked_for_leaves_the_body_as_it_came() {
    for coding in [
        "compress",
        "aws-chunked",
        "utf-8",
        "gzip;q=1",
        "gzip, foo",
        "foo, gzip",
        "*",
    ] {
        for body in [&b"anything"[..], &gzip(b"anything"), b""] {
            let server = Server::always(coded(coding, body));
            let (outcome, got) = fetch(compressed(), &server.url("/"));
            assert_eq!(
                (bytes(&outcome), &got[..]),
                (body.len() as u64, body),
                "{coding}"
            );
        }
    }
}

#[test]
fn an_empty_body_has_no_coding() {
    for coding in ["gzip", "deflate", "br", "zstd", "zstd, gzip, br"] {
        for reply in [
            coded(coding, b""),
            format!("HTTP/1.1 204 No\r\nContent-Encoding: {coding}\r\n\r\n").into(),
        ] {
            let server = Server::always(reply);
            assert_eq!(
                bytes(&fetch(compressed(), &server.url("/")).0),
                0,
                "{coding}"
            );
        }
    }
}

#[test]
fn damaged_and_cut_codings_are_told_apart() {
    let plain = b"hello".repeat(1000);
    let whole = gzip(&plain);
    let cut = "body: the compressed body is cut short";
    let behind = "body: there is more behind the end of the compressed body";
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(&plain).unwrap();
    let mut wrong_sum = encoder.finish().unwrap();
    *wrong_sum.last_mut().unwrap() ^= 1;
    // The beginning of a frame with a window of 2^log bytes.
    let window = |log: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
    let mut damaged = whole.clone();
    damaged[12] ^= 0xff;
    let chunked = |body: &[u8]| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        [format!("{head}{:x}\r\n", body.len()).as_bytes(), body].concat()
    };
    for (reply, expected) in [
        (
            coded("gzip", &damaged),
            "body: the compressed body is damaged: ",
        ),
        (coded("gzip", b"plain text"), "body: the body is not gzip"),
        (coded("gzip", b"abc"), "body: the body is not gzip"),
        (
            coded("gzip", &[&whole[..], &[0; 8]].concat()),
            "body: there is more behind the end of the compressed body",
        ),
        (
            coded("gzip", &[&whole[..], b"junk"].concat()),
            "body: there is more behind the end of the compressed body",
        ),
        (
            coded("br", b"\xff\xff\xff\xff"),
            "body: the compressed body is damaged: ",
        ),
        (
            coded("gzip", &whole[..whole.len() - 4]),
            "body: the compressed body is cut short",
        ),
        (
            chunked(&whole[..30]),
            "body: the connection was closed after 30 bytes",
        ),
        (coded("zstd", b"plain text"), "body: the body is not zstd"),
        (coded("zstd", &zstd(&plain)[..20]), cut),
        (
            coded("zstd", &[&zstd(&plain)[..], SKIPPED].concat()[..30]),
            cut,
        ),
        (
            coded("zstd", &[&zstd(&plain)[..], b"junk"].concat()),
            behind,
        ),
        (
            coded("zstd", &wrong_sum),
            "body: the compressed body is damaged: ",
        ),
        (
            coded("zstd", &window(24)),
            "body: the zstd body needs a window of more than 8 MiB",
        ),
        (
            coded("zstd", &window(41)),
            "body: the zstd body needs a window of more than 8 MiB",
        ),
        (coded("zstd", &window(23)), cut),
        (coded("deflate", &zlib(&plain)[..20]), cut),
        (coded("deflate", &deflate(&plain)[..9]), cut),
        (
            coded("deflate", &[&zlib(&plain)[..], b"junk"].concat()),
            behind,
        ),
        (
            coded("deflate", &[&deflate(&plain)[..], b"junk"].concat()),
            behind,
        ),
        (
            coded("deflate", b"plain text"),
            "body: the compressed body is damaged: ",
        ),
        (coded("br", &[&BROTLI[..], b"junk"].concat()), behind),
        (coded("br", &BROTLI[..10]), cut),
        // A window of 1 GiB, which br does not allow.
        (
            coded("br", &[0x11, 0x1e, 0x03]),
            "body: the compressed body is damaged: ",
        ),
        // Each coding has to end where the one below it ends.
        (coded("gzip, br", &brotli(&whole[..30])), cut),
        (
            coded("gzip, zstd", &zstd(&[&whole[..], b"junk"].concat())),
            behind,
        ),
        (
            coded("gzip, zstd", &zstd(b"plain text")),
            "body: the body is not gzip",
        ),
        (
            coded("gzip, gzip, br, br, gzip, gzip", b"x"),
            "protocol: the body has more than 5 content codings",
        ),
    ] {
        let server = Server::once(reply);
        let (outcome, _) = fetch(compressed(), &server.url("/"));
        assert!(
            failure(&outcome).starts_with(expected),
            "{} instead of {expected}",
            failure(&outcome)
        );
    }
}

/// Bodies that do not end where their coding ends.
#[test]
fn what_comes_behind_the_end_of_the_coding_is_part_of_the_transfer() {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n").into_bytes();
    for (name, body) in [
        ("gzip", gzip(&b"hello".repeat(1000))),
        ("br", BROTLI.to_vec()),
        ("deflate", zlib(&b"hello".repeat(1000))),
        ("deflate", deflate(&b"hello".repeat(1000))),
        ("zstd", zstd(&b"hello".repeat(1000))),
        ("gzip, zstd", zstd(&gzip(&b"hello".repeat(1000)))),
    ] {
        let (size, coding) = (body.len(), format!("Content-Encoding: {name}\r\n"));
        let chunked = head(&format!("{coding}Transfer-Encoding: chunked\r\n"));
        let chunk = [format!("{size:x}\r\n").as_bytes(), &body, b"\r\n"].concat();
        let longer = head(&format!("{coding}Content-Length: {}\r\n", size + 5));
        let cut = format!("body: the connection was closed after {size} ");
        let behind = "body: there is more behind the end";
        for (reply, expected) in [
            ([&longer[..], &body].concat(), cut.as_str()),
            ([&chunked[..], &chunk].concat(), &cut),
            ([&longer[..], &body, b"extra"].concat(), behind),
            (
                [&chunked[..], &chunk, b"5\r\nextra\r\n0\r\n\r\n"].concat(),
                behind,
            ),
            (
                [&head(&coding)[..], &body, &[b'x'; 100_000]].concat(),
                behind,
            ),
        ] {
            let server = Server::once(reply);
            let compressed = Options {
                compressed: true,
                ..options()
            };
            let failure = failure(&fetch(compressed, &server.url("/")).0);
            assert!(failure.starts_with(expected), "{name}: {failure}");
        }
    }
}

#[test]
fn a_transfer_that_hangs_or_is_reset_behind_the_end_of_the_coding_fails() {
    let reply = [
        format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: {}\r\n\r\n",
            BROTLI.len() + 5
        )
        .as_bytes(),
        &BROTLI,
    ]
    .concat();
    // Long enough to reach the end of the coding on a busy machine. Nothing is measured.
    let limit = Some(std::time::Duration::from_secs(2));
    let hangs = "timeout: nothing was heard for 2s [body]";
    for (resets, expected) in [(false, hangs), (true, "body: ")] {
        let reply = reply.clone();
        let server = Server::start(move |mut conn| {
            conn.request();
            conn.send(&reply);
            if resets {
                conn.reset();
            } else {
                conn.wait_for_hangup();
            }
        });
        let compressed = Options {
            compressed: true,
            stall_timeout: limit.filter(|_| !resets),
            ..options()
        };
        let failure = failure(&fetch(compressed, &server.url("/")).0);
        assert!(failure.starts_with(expected), "{failure}");
    }
}

#[test]
fn the_limit_on_the_size_is_one_of_the_decoded_body() {
    let bomb = gzip(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let server = Server::always(coded("gzip", &bomb));
    let limited = |max_size| Options {
        compressed: true,
        max_size: Some(max_size),
        ..options()
    };
    let (outcome, body) = fetch(limited(1_000_000), &server.url("/"));
    assert_eq!(
        failure(&outcome),
        "too_large: the body is larger than 1000000 bytes"
    );
    assert!(body.len() <= 1_000_000);
    assert_eq!(
        bytes(&fetch(limited(50_000_000), &server.url("/")).0),
        50_000_000
    );
}

#[test]
fn a_body_that_unfolds_for_ever_ends_with_its_attempt() {
    // 64 GiB in 1.2 MB: each of the 64 members of the outer gzip decodes to 1 GiB.
    let member = gzip(&gzip(&vec![0; 16 << 20]).repeat(64));
    let server = Server::once(coded("gzip, gzip", &member.repeat(64)));
    let limit = std::time::Duration::from_millis(500);
    let limited = Options {
        timeout: Some(limit),
        ..compressed()
    };
    let mut unfolded = 0;
    let outcome = client(limited).load_size(&server.url("/"), &mut |amount| unfolded += amount);
    assert_eq!(
        failure(&outcome),
        "timeout: no end of the body within 500ms [body]"
    );
    assert!(unfolded < 64 << 30);
}
