//! Finds the end of a reply's head. The HTTP library then parses it once, however slowly it arrives.
//!
//! It refuses what does not begin like HTTP, bytes that no head may contain, and heads that are too large, and skips
//! interim replies (1xx). [`super::reply`] reads the headers.

use memchr::memchr;

use super::reply::{excerpt, status_line};

/// The largest head, with interim replies. curl's limit is 300 KiB.
pub(in crate::fetch::net) const HEAD_LIMIT: usize = 256 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(in crate::fetch::net) enum HeadStatus {
    /// The beginning of a head.
    Partial,
    /// A whole head of this many bytes, and perhaps more.
    Whole(usize),
    /// An interim reply, or empty lines before the status line, of this many bytes: to be dropped.
    Skip(usize),
    /// No head of a reply, for this reason.
    Bad(String),
}

#[derive(Debug, Default)]
pub(in crate::fetch::net) struct HeadScanner {
    /// How many bytes of the input were searched for the end.
    searched: usize,
    skipped: usize,
}

impl HeadScanner {
    /// `input` is all that has come, without what was skipped.
    pub(in crate::fetch::net) fn scan(&mut self, input: &[u8]) -> HeadStatus {
        let empty_lines = empty_lines(input);
        if empty_lines > 0 {
            return self.skip(empty_lines);
        }
        if input == b"\r" {
            return HeadStatus::Partial;
        }
        // The type of a TLS record, an alert or a handshake, and its version (RFC 8446, 5.1).
        if let [21 | 22, 3, ..] = input {
            let why = "the server speaks TLS on this port; the URL must begin with https://";
            return HeadStatus::Bad(format!("the reply is not HTTP: {why}"));
        }
        if !begins_like_http(input) {
            let begin = excerpt(input);
            return HeadStatus::Bad(format!("the reply is not HTTP: it begins with {begin}"));
        }
        // The last two bytes that were searched may belong to the empty line.
        let from = self.searched.saturating_sub(2);
        let end = find_end(input, from);
        if let Some(reason) = forbidden(&input[from..end.unwrap_or(input.len())]) {
            return HeadStatus::Bad(reason.to_owned());
        }
        match end {
            Some(end) if is_interim(&input[..end]) => self.skip(end),
            Some(end) => HeadStatus::Whole(end),
            None => {
                self.searched = input.len();
                limited(self.skipped + input.len(), HeadStatus::Partial)
            }
        }
    }

    fn skip(&mut self, amount: usize) -> HeadStatus {
        self.skipped += amount;
        self.searched = 0;
        limited(self.skipped, HeadStatus::Skip(amount))
    }
}

/// `status`, unless `size` bytes are too many.
fn limited(size: usize, status: HeadStatus) -> HeadStatus {
    if size < HEAD_LIMIT {
        return status;
    }
    let limit = HEAD_LIMIT / 1024;
    HeadStatus::Bad(format!("the head of the reply is larger than {limit} KiB"))
}

/// Where the empty line ends that ends the head. A line ends in LF, with or without CR.
fn find_end(input: &[u8], mut from: usize) -> Option<usize> {
    loop {
        from += memchr(b'\n', &input[from..])? + 1;
        match &input[from..] {
            [b'\n', ..] => return Some(from + 1),
            [b'\r', b'\n', ..] => return Some(from + 2),
            _ => {}
        }
    }
}

pub(in crate::fetch::net) fn begins_like_http(input: &[u8]) -> bool {
    input.iter().zip(b"HTTP/").all(|(a, b)| a == b)
}

/// Whether another head follows this one. What follows 101 is another protocol.
fn is_interim(head: &[u8]) -> bool {
    let line = memchr(b'\n', head).map(|end| status_line(&head[..end]));
    matches!(line, Some(Ok(line)) if line[9] == b'1' && line[9..12] != *b"101")
}

fn empty_lines(input: &[u8]) -> usize {
    let mut rest = input;
    while let [b'\n', behind @ ..] | [b'\r', b'\n', behind @ ..] = rest {
        rest = behind;
    }
    input.len() - rest.len()
}

/// Why a head cannot contain `text`. A CR without LF is a line break to some recipients, white space or text to others,
/// so that they see different headers (RFC 9112, 2.2).
fn forbidden(text: &[u8]) -> Option<&'static str> {
    if memchr(0, text).is_some() {
        return Some("there is a NUL byte in the head of the reply");
    }
    // Without a branch, the compiler compares many bytes at once.
    let pairs = text.iter().zip(text.get(1..).unwrap_or_default());
    let has_bare_cr = pairs.fold(false, |has, (&a, &b)| has | (a == b'\r') & (b != b'\n'));
    has_bare_cr.then_some("there is a CR without its LF in the head of the reply")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_reads_cut() {
        for head in [
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.0 200 OK\r\n\n",
            "HTTP/1.1 200 OK\nA: b\r\n\n",
        ] {
            for step in [1, 2, 3, 5, 100] {
                let mut scanner = HeadScanner::default();
                let mut end = 0;
                loop {
                    end = head.len().min(end + step);
                    match scanner.scan(&head.as_bytes()[..end]) {
                        HeadStatus::Partial => {
                            assert!(end < head.len(), "{head:?} in steps of {step}");
                        }
                        status => {
                            assert_eq!(
                                (status, end),
                                (HeadStatus::Whole(head.len()), head.len()),
                                "{head:?} in steps of {step}"
                            );
                            break;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn interim_replies_and_empty_lines_are_passed_over() {
        let mut scanner = HeadScanner::default();
        let interim = "HTTP/1.2\t103 Early Hints\r\nLink: </a>\r\n\r\n";
        let all = format!("\r\n{interim}HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(scanner.scan(all.as_bytes()), HeadStatus::Skip(2));
        assert_eq!(
            scanner.scan(&all.as_bytes()[2..]),
            HeadStatus::Skip(interim.len())
        );
        assert_eq!(
            scanner.scan(&all.as_bytes()[2 + interim.len()..]),
            HeadStatus::Whole(19)
        );
        assert_eq!(
            HeadScanner::default().scan(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            HeadStatus::Whole(36)
        );
        // What follows a head is no part of its status.
        assert_eq!(
            HeadScanner::default().scan(b"HTTP/\n\nXX103 "),
            HeadStatus::Whole(7)
        );
    }

    #[test]
    fn what_is_not_http_is_found_out_by_its_first_bytes() {
        for input in [
            "SSH-2.0-OpenSSH",
            "x",
            "<html>",
            "ICY 200 OK\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            let HeadStatus::Bad(reason) = HeadScanner::default().scan(input.as_bytes()) else {
                panic!("{input:?} was taken for HTTP");
            };
            assert!(reason.contains("not HTTP"), "{reason}");
        }
        assert_eq!(HeadScanner::default().scan(b""), HeadStatus::Partial);
        assert_eq!(HeadScanner::default().scan(b"HT"), HeadStatus::Partial);
    }

    #[test]
    fn bytes_that_no_head_may_hold_are_refused_wherever_reads_cut() {
        for (input, word) in [
            ("HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", "CR"),
            ("HTTP/1.1 200 OK\rA: b\r\r", "CR"),
            ("HTTP/1.1 200 OK\r\nA: b\r\r\n", "CR"),
            ("HTTP/1.1 200 OK\r\n\r\r\n", "CR"),
            ("HTTP/1.1 200 OK\n\r\r\n", "CR"),
            ("HTTP/1.1 103 Hints\r\nA: b\r C\r\n\r\n", "CR"),
            ("\r\n\rHTTP/1.1 200 OK\r\n\r\n", "not HTTP"),
            ("HTTP/1.1 103 Hints\r\nA: \0\r\n\r\n", "NUL"),
        ] {
            for step in [1, 2, 3, 5, 100] {
                let (mut scanner, mut from, mut to) = (HeadScanner::default(), 0, 0);
                let reason = loop {
                    assert!(to < input.len(), "{input:?} in steps of {step}");
                    to = input.len().min(to + step);
                    match scanner.scan(&input.as_bytes()[from..to]) {
                        HeadStatus::Partial => {}
                        HeadStatus::Skip(amount) => {
                            from += amount;
                            to = from;
                        }
                        HeadStatus::Bad(reason) => break reason,
                        HeadStatus::Whole(_) => panic!("{input:?} was taken, in steps of {step}"),
                    }
                };
                assert!(reason.contains(word), "{input:?}: {reason}");
            }
        }
    }

    #[test]
    fn endless_heads_are_cut() {
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &vec![b'a'; HEAD_LIMIT]].concat();
        assert!(matches!(
            HeadScanner::default().scan(&endless),
            HeadStatus::Bad(_)
        ));
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut scanner = HeadScanner::default();
        let skipped = (0..HEAD_LIMIT)
            .take_while(|_| scanner.scan(interim) == HeadStatus::Skip(interim.len()))
            .count();
        assert_eq!(skipped, (HEAD_LIMIT - 1) / interim.len());
    }
}
