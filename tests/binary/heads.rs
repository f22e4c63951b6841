//! Pages of which only the head is requested: their size is the one that the server declares.

use crate::jsonl::rows;
use crate::support::{RawServer, anything, containing, fetchpool};
use serde_json::{Value, json};

/// Replies by path: the header lines, and the declared size.
const TOLD: [(&str, Option<u64>); 14] = [
    ("Content-Length: 1234", Some(1234)),
    ("content-length:0", Some(0)),
    ("Content-Length: 5\r\nContent-Length: 5", Some(5)),
    ("Content-Length: 18446744073709551615", Some(u64::MAX)),
    ("Content-Length: 7\r\nContent-Encoding: identity", Some(7)),
    ("Content-Length: 7\r\nContent-Encoding: none", Some(7)),
    ("Date: today", None),
    ("Transfer-Encoding: chunked", None),
    ("Transfer-Encoding: chunked\r\nContent-Length: 7", None),
    ("Content-Length: 7\r\nContent-Encoding: gzip", None),
    ("Content-Length: 7\r\nContent-Encoding: br, gzip", None),
    (
        "Content-Length: 7\r\nContent-Encoding:\r\nContent-Encoding: zstd",
        None,
    ),
    ("Content-Length: 7\r\nContent-Encoding: compress", None),
    ("Connection: close", None),
];

/// Serves [`TOLD`] by number, behind a redirect with another size.
fn server() -> RawServer {
    RawServer::start(|mut talk| {
        let path = talk.path().to_owned();
        let headers = match path.strip_prefix("/from/") {
            Some(number) => format!("302 Found\r\nLocation: /{number}\r\nContent-Length: 99"),
            None => {
                let number: usize = path[1..].parse().expect("a number");
                format!("200 OK\r\n{}", TOLD[number].0)
            }
        };
        talk.send(format!("HTTP/1.1 {headers}\r\n\r\n").as_bytes());
    })
}

#[test]
fn a_head_has_the_size_that_the_server_tells() {
    let server = server();
    for compressed in [&[][..], &["--compressed"]] {
        for prefix in ["/", "/from/"] {
            let urls = (0..TOLD.len()).map(|n| server.url(&format!("{prefix}{n}")));
            let run = |format: &str| {
                let ended = fetchpool()
                    .args(["-I", "-j", "1", "-o", "pages", "-f", format])
                    .args(compressed)
                    .args(urls.clone())
                    .stdout(anything())
                    .run();
                ended.stdout().to_owned()
            };
            let json = run("jsonl");
            for (row, (headers, told)) in rows(&json).iter().zip(TOLD) {
                assert_eq!(
                    row["bytes"],
                    told.map_or(Value::Null, |n| json!(n)),
                    "{headers}"
                );
                assert_eq!((&row["ok"], &row["file"]), (&json!(true), &Value::Null));
            }
            let words = TOLD.map(|(_, told)| match told {
                Some(bytes) => format!("page is {bytes} bytes"),
                None => "page is of unknown size".to_owned(),
            });
            for (line, words) in run("text").lines().zip(words) {
                assert!(line.ends_with(&format!("' {words}")), "{line}");
            }
            let cells = TOLD.map(|(_, told)| told.map(|n| n.to_string()).unwrap_or_default());
            for (format, delimiter) in [("csv", ','), ("tsv", '\t')] {
                for (row, cell) in run(format).lines().skip(1).zip(&cells) {
                    assert_eq!(row.split(delimiter).nth(5), Some(&**cell), "{row}");
                }
            }
        }
    }
}

#[test]
fn a_head_that_tells_of_too_large_a_page_is_too_large() {
    let server = server();
    let urls = (0..TOLD.len()).map(|n| server.url(&format!("/{n}")));
    let ended = fetchpool()
        .args(["-I", "-j", "1", "--max-size", "1233", "-f", "jsonl"])
        .args(urls)
        .status(1)
        .stdout(anything())
        .run();
    for (row, (headers, told)) in rows(ended.stdout()).iter().zip(TOLD) {
        let kind = match told {
            Some(1234..) => json!("too_large"),
            _ => Value::Null,
        };
        assert_eq!(row["error"]["kind"], kind, "{headers}");
    }
}

#[test]
fn of_a_head_no_byte_is_fetched() {
    let server = server();
    fetchpool()
        .args(["-I", "--summary", &server.url("/0")])
        .stdout(format!("'{}' page is 1234 bytes\n", server.url("/0")))
        .stderr(crate::support::checked(|text| {
            match text.contains("1 fetched") && !text.contains("size") {
                true => Ok(()),
                false => Err("wanted no size".to_owned()),
            }
        }))
        .run();
    // With another method, a reply without a body has the size 0.
    let bodiless = RawServer::saying("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n");
    fetchpool()
        .arg(bodiless.url("/"))
        .stdout(containing(["page is 0 bytes"]))
        .run();
}
