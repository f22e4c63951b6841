//! A server of one file that a test cuts, and the replies that give the file, the rest of it, or something else.

use super::raw::{RawServer, Talk};
use std::sync::{Arc, Mutex};

/// Bytes of the file.
pub(crate) const SIZE: usize = 100_000;

/// The file: two versions differ in every byte.
pub(crate) fn file(version: u32) -> Vec<u8> {
    let byte = |at: u32| {
        let mixed = (at + 1).wrapping_mul(2_654_435_761) >> 8;
        b'a' + ((mixed + version) % 26) as u8
    };
    (0..SIZE as u32).map(byte).collect()
}

pub(crate) struct Origin {
    server: RawServer,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Answers each request by `reply`, which gets its number, from 0.
    pub(crate) fn start(reply: impl Fn(usize, Talk) + Send + Sync + 'static) -> Origin {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&heads);
        let server = RawServer::start(move |talk| {
            let number = {
                let mut heads = shared.lock().unwrap();
                heads.push(talk.head().to_owned());
                heads.len() - 1
            };
            reply(number, talk);
        });
        Origin { server, heads }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// The values of a header in all requests so far, in order.
    pub(crate) fn asked(&self, name: &str) -> Vec<Option<String>> {
        let heads = self.heads.lock().unwrap();
        heads.iter().map(|head| value(head, name)).collect()
    }

    /// The value of a header in the last request.
    pub(crate) fn last_asked(&self, name: &str) -> Option<String> {
        self.asked(name).pop().expect("there was a request")
    }
}

fn value(head: &str, name: &str) -> Option<String> {
    let values: Vec<&str> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(have, _)| have.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect();
    assert!(values.len() <= 1, "{name} is there twice: {head}");
    values.first().map(|&value| value.to_owned())
}

/// Promises `length` bytes, sends `bytes`, and closes the connection.
pub(crate) fn cut(mut talk: Talk, status: &str, headers: &[&str], length: usize, bytes: &[u8]) {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    talk.send(&[head.as_bytes(), b"\r\n", bytes].concat());
}

/// The rest of `file` as the request asks for it, whatever its validator.
pub(crate) fn rest(mut talk: Talk, headers: &[&str], file: &[u8]) {
    let Some(from) = first_asked(&talk) else {
        return talk.reply("200 OK", headers, file);
    };
    let range = content_range(from, file.len());
    let headers = [headers, &[range.as_str()]].concat();
    talk.reply("206 Partial Content", &headers, &file[from..]);
}

/// The first byte that the request asks for.
pub(crate) fn first_asked(talk: &Talk) -> Option<usize> {
    let range = talk.header("Range")?;
    let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
    Some(from.parse().expect("a range begins with a number"))
}

/// The header of a part from `from` to the end.
pub(crate) fn content_range(from: usize, size: usize) -> String {
    format!("Content-Range: bytes {from}-{}/{size}", size - 1)
}
