//! Watches for the end of a reply's head before the client library sees any of it.
//!
//! That way the library parses each head once, however slowly it drips in; a server that does not
//! speak HTTP is found out by its first bytes; interim replies (1xx) are passed over; and heads are
//! limited in size. It does not judge the headers themselves.

use memchr::memchr;

use super::buffers::LARGEST;

/// The largest head, interim replies included. curl's limit is 300 KiB.
pub(crate) const HEAD_LIMIT: usize = LARGEST;

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The beginning of a head: more is needed.
    Partial,
    /// A whole head of this many bytes, and perhaps more behind it.
    Whole(usize),
    /// This many bytes to be dropped: an interim reply, or empty lines before the status line.
    Skip(usize),
    /// No head of a reply, for this reason.
    Bad(String),
}

/// Looks at the input of one exchange until its head is whole.
#[derive(Debug, Default)]
pub(crate) struct HeadWatch {
    /// How much of the input has been searched for the end.
    searched: usize,
    skipped: usize,
}

impl HeadWatch {
    /// `input` is everything that has come and was not skipped.
    pub(crate) fn look(&mut self, input: &[u8]) -> Sight {
        let empty_lines = input
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        if empty_lines > 0 {
            return self.skip(empty_lines);
        }
        // The type of a TLS record, an alert or a handshake, and its version (RFC 8446, 5.1).
        if let [21 | 22, 3, ..] = input {
            let cure = "the URL must begin with https://";
            return Sight::Bad(format!(
                "the reply is not HTTP: the server speaks TLS on this port; {cure}"
            ));
        }
        if !begins_like_http(input) {
            return Sight::Bad(format!(
                "the reply is not HTTP: it begins with {}",
                excerpt(input)
            ));
        }
        let Some(end) = self.find_end(input) else {
            return if self.skipped + input.len() >= HEAD_LIMIT {
                too_large()
            } else {
                Sight::Partial
            };
        };
        // Behind the end may be anything: a head too short for a status has none.
        match status(&input[..end]) {
            Some(101) | None => Sight::Whole(end),
            Some(100..=199) => self.skip(end),
            Some(_) => Sight::Whole(end),
        }
    }

    fn skip(&mut self, amount: usize) -> Sight {
        self.skipped += amount;
        self.searched = 0;
        if self.skipped >= HEAD_LIMIT {
            too_large()
        } else {
            Sight::Skip(amount)
        }
    }

    /// Where the empty line ends; a line ends in LF, with or without CR, or with two of them, as what is
    /// translated twice has.
    fn find_end(&mut self, input: &[u8]) -> Option<usize> {
        // The line break that was searched last may be the first of the two.
        let mut from = self.searched.saturating_sub(4);
        while let Some(at) = memchr(b'\n', &input[from..]) {
            from += at + 1;
            match &input[from..] {
                [b'\n', ..] => return Some(from + 1),
                [b'\r', b'\n', ..] => return Some(from + 2),
                [b'\r', b'\r', b'\n', ..] => return Some(from + 3),
                _ => {}
            }
        }
        self.searched = input.len();
        None
    }
}

fn too_large() -> Sight {
    Sight::Bad(format!(
        "the head of the reply is larger than {} KiB",
        HEAD_LIMIT / 1024
    ))
}

/// Whether `input` may be the beginning of a reply.
pub(super) fn begins_like_http(input: &[u8]) -> bool {
    let begin = b"HTTP/";
    let len = input.len().min(begin.len());
    input[..len] == begin[..len]
}

fn status(head: &[u8]) -> Option<u16> {
    // "HTTP/1.1 200": the client library checks the rest.
    let digits = head.get(9..12)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn excerpt(input: &[u8]) -> String {
    let shown = &input[..input.len().min(24)];
    format!("\"{}\"", shown.escape_ascii())
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
            "HTTP/1.1 200 OK\r\r\nA: b\r\r\n\r\r\n",
        ] {
            for step in [1, 2, 3, 5, 100] {
                let mut watch = HeadWatch::default();
                let mut seen = 0;
                loop {
                    seen = head.len().min(seen + step);
                    match watch.look(&head.as_bytes()[..seen]) {
                        Sight::Partial => assert!(seen < head.len(), "{head:?} in steps of {step}"),
                        sight => {
                            assert_eq!(
                                (sight, seen),
                                (Sight::Whole(head.len()), head.len()),
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
        let mut watch = HeadWatch::default();
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let all = format!("\r\n{interim}HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(watch.look(all.as_bytes()), Sight::Skip(2));
        assert_eq!(watch.look(&all.as_bytes()[2..]), Sight::Skip(interim.len()));
        assert_eq!(
            watch.look(&all.as_bytes()[2 + interim.len()..]),
            Sight::Whole(19)
        );
        assert_eq!(
            HeadWatch::default().look(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            Sight::Whole(36)
        );
        // What follows a head is no part of its status.
        assert_eq!(
            HeadWatch::default().look(b"HTTP/\n\nXX103 "),
            Sight::Whole(7)
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
            let Sight::Bad(reason) = HeadWatch::default().look(input.as_bytes()) else {
                panic!("{input:?} was taken for HTTP");
            };
            assert!(reason.contains("not HTTP"), "{reason}");
        }
        assert_eq!(HeadWatch::default().look(b""), Sight::Partial);
        assert_eq!(HeadWatch::default().look(b"HT"), Sight::Partial);
    }

    #[test]
    fn endless_heads_are_cut() {
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &vec![b'a'; HEAD_LIMIT]].concat();
        assert!(matches!(HeadWatch::default().look(&endless), Sight::Bad(_)));
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut watch = HeadWatch::default();
        let skipped = (0..HEAD_LIMIT)
            .take_while(|_| watch.look(interim) == Sight::Skip(interim.len()))
            .count();
        assert_eq!(skipped, (HEAD_LIMIT - 1) / interim.len());
    }
}
