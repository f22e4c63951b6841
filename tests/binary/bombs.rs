//! Small bodies that decode to large ones cost no memory, and can be limited. The peak is read from /proc.
#![cfg(target_os = "linux")]

use crate::jsonl::rows;
use crate::support::{RawServer, Server, anything, fetchpool};
use base64::Engine;
use std::io::Write;

/// The decoded size of each body.
const UNFOLDED: usize = 256 << 20;

/// 256 MiB of zeros in brotli, made with the reference encoder at quality 9: 203 bytes.
const BROTLI: &str = "z///fwAkAOKxQHLv//n//w+ABEAcFoDu/T////8BkACIwwLQvf/n//8/ABIAcVgAuvf//P//B0ACIA4L\
                      QPf+n////wBIAMRhAeje//P//x8ACYA4LADd+3/+//8DIAEQhwWge//P//9/ACQA4rAAdO//+f//D4AE\
                      QBwWgO79P////wGQAIjDAtC9/+f//z8AEgBxWAC69//8//8HQAIgDgtA9/6f////AEgAxGEB6N7/8///\
                      HwAJgDgsAN37f/7//wMgARCHBaB7/z8=";

/// 256 MiB of zeros in gzip: one body of members of 16 MiB.
fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let member = encoder
        .write_all(&vec![0; 16 << 20])
        .and_then(|()| encoder.finish())
        .expect("a vector takes everything");
    member.repeat(UNFOLDED >> 24)
}

/// 256 MiB of zeros in zstd, with the largest allowed window, 8 MiB.
fn zstd_bomb() -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("it has memory");
    encoder.window_log(23).expect("zstd has such a window");
    let piece = vec![0; 1 << 20];
    (0..UNFOLDED >> 20)
        .try_for_each(|_| encoder.write_all(&piece))
        .and_then(|()| encoder.finish())
        .expect("a vector takes everything")
}

#[test]
fn a_body_that_unfolds_without_end_costs_no_memory_and_can_be_limited() {
    let brotli = base64::engine::general_purpose::STANDARD
        .decode(BROTLI)
        .expect("it is base64");
    let (gzip, zstd) = (gzip_bomb(), zstd_bomb());
    let stack = zstd::encode_all(&gzip[..], 1).expect("it has memory");
    let bombs = RawServer::start(move |mut talk| match talk.path() {
        "/gzip" => talk.reply("200 OK", &["Content-Encoding: gzip"], &gzip),
        "/zstd" => talk.reply("200 OK", &["Content-Encoding: zstd"], &zstd),
        "/stack" => talk.reply("200 OK", &["Content-Encoding: gzip, zstd"], &stack),
        "/br" => talk.reply("200 OK", &["Content-Encoding: br"], &brotli),
        _ => talk.reply("200 OK", &[], b"ok"),
    });
    let gates = Server::start();
    // A brotli stream may need a window of 16 MiB; the rest is for buffers and the allocator.
    let allowed = 16 * 1024 + 8 * 1024;
    let peak = |path: &str| {
        let gate = gates.gate(&path[1..]);
        let mut run = fetchpool()
            .args(["--compressed", "-j", "1", &bombs.url(path)])
            .arg(gates.url(&format!("/gate{path}")))
            .stdout(anything())
            .start();
        let line = run.read_line();
        gate.wait_for_arrivals(1);
        let peak = run.kilobytes("VmHWM");
        gate.open();
        run.finish();
        (line, peak)
    };
    let (_, plain) = peak("/plain");
    for path in ["/gzip", "/br", "/zstd", "/stack"] {
        let (line, with_bomb) = peak(path);
        assert!(line.contains(&format!("is {UNFOLDED} bytes")), "{line}");
        assert!(
            with_bomb <= plain + allowed,
            "{path}: {with_bomb} kB, {plain} kB without"
        );
        let ended = fetchpool()
            .args(["--compressed", "--max-size", "1M", "-f", "jsonl"])
            .arg(bombs.url(path))
            .status(1)
            .stdout(anything())
            .run();
        assert_eq!(rows(ended.stdout())[0]["error"]["kind"], "too_large");
    }
}
