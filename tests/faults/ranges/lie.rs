//! One cell: how a server lies about the rest of a body, and what must follow.

use crate::support::Talk;
use crate::support::origin::{Origin, SIZE, content_range, cut, file, first_asked, rest};
use serde_json::{Value, json};

/// What comes before the cut.
pub(super) const CUT: usize = 40_000;

/// What the server of a 206 tells, and what is behind it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lie {
    /// It is honest.
    None,
    /// A 200 of another version.
    Whole,
    /// A 200 that is cut.
    WholeCut,
    Earlier,
    Later,
    /// The rest of a shorter or a longer whole.
    Shorter,
    Longer,
    UnknownTotal,
    OtherUnit,
    OtherValidator,
    /// No `Content-Range`, two that differ, one that ends before it begins, or one that no number holds.
    NoRange,
    TwoRanges,
    Backwards,
    Huge,
    Multipart,
    Coded,
    /// Less than its head promises, and less than what was asked for.
    Cut,
    Less,
    /// More than its range has, with a length or in chunks.
    More,
    MoreInChunks,
    /// A 416 that tells no length, the part's, or another one.
    Unsatisfied,
    UnsatisfiedPart,
    UnsatisfiedOther,
    NotModified,
    NotFound,
    Unavailable,
    HangUp,
}

/// What follows from the second request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Continued,
    Anew,
    /// It fails, and the part is still of use: it has so many bytes.
    Fails(&'static str, usize),
    /// It fails, and how much of the part is of use depends on how it came.
    FailsSomewhere(&'static str),
    /// It fails, and what is fetched next begins anew.
    FailsAnew(&'static str),
}

use Then::{Anew, Continued, Fails, FailsAnew, FailsSomewhere};

const LIES: [(Lie, Then); 27] = [
    (Lie::None, Continued),
    (Lie::Whole, Anew),
    (Lie::WholeCut, Fails("body", 1000)),
    (Lie::Earlier, Continued),
    (Lie::Later, FailsAnew("body")),
    (Lie::Shorter, Anew),
    (Lie::Longer, Anew),
    (Lie::UnknownTotal, Continued),
    (Lie::OtherUnit, Anew),
    (Lie::OtherValidator, Anew),
    (Lie::NoRange, Anew),
    (Lie::TwoRanges, Anew),
    (Lie::Backwards, Anew),
    (Lie::Huge, Anew),
    (Lie::Multipart, Anew),
    (Lie::Coded, Anew),
    (Lie::Cut, Fails("body", CUT + 1000)),
    (Lie::Less, Fails("body", CUT + 1000)),
    (Lie::More, Anew),
    (Lie::MoreInChunks, FailsSomewhere("body")),
    (Lie::Unsatisfied, Anew),
    (Lie::UnsatisfiedPart, Anew),
    (Lie::UnsatisfiedOther, Anew),
    (Lie::NotModified, Fails("http_status", CUT)),
    (Lie::NotFound, Fails("http_status", CUT)),
    (Lie::Unavailable, Fails("http_status", CUT)),
    (Lie::HangUp, Fails("connect", CUT)),
];

/// The header lines of a version, with a tag or with a date.
const TAGS: [&[&str]; 2] = [&["ETag: \"v1\""], &["ETag: \"v2\""]];
const DATES: [&[&str]; 2] = [
    &[
        "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
    ],
    &[
        "Last-Modified: Sun, 06 Nov 1994 08:30:00 GMT",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
    ],
];

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) lie: Lie,
    pub(super) then: Then,
    versions: [&'static [&'static str]; 2],
}

/// Each lie for a part with a tag, and for one with a date.
pub(super) fn cells() -> Vec<Cell> {
    let of = |versions| {
        LIES.map(|(lie, then)| Cell {
            lie,
            then,
            versions,
        })
    };
    [of(TAGS), of(DATES)].concat()
}

impl Cell {
    /// The version that the server has from the second request on.
    pub(super) fn version(&self) -> u32 {
        if matches!(self.then, Anew) || matches!(self.lie, Lie::WholeCut) {
            2
        } else {
            1
        }
    }

    fn headers(&self, version: u32) -> &'static [&'static str] {
        self.versions[version as usize - 1]
    }

    pub(super) fn start(self) -> Origin {
        Origin::start(move |number, talk| match number {
            0 => cut(talk, "200 OK", self.headers(1), SIZE, &file(1)[..CUT]),
            1 => self.lie(talk),
            _ => self.honest(talk),
        })
    }

    fn honest(&self, mut talk: Talk) {
        let headers = self.headers(self.version());
        let (_, validator) = headers[0].split_once(": ").expect("it is a header");
        let whole = file(self.version());
        if talk.header("If-Range") == Some(validator) {
            rest(talk, headers, &whole);
        } else {
            talk.reply("200 OK", headers, &whole);
        }
    }

    fn lie(&self, mut talk: Talk) {
        let Some(from) = first_asked(&talk) else {
            panic!("{self:?} was not asked for a rest: {}", talk.head());
        };
        // A lie about the version has its bytes.
        let whole = file(self.version());
        let bytes = &whole[from..];
        let right = content_range(from, SIZE);
        let (shorter, longer) = (content_range(from, SIZE - 1), content_range(from, SIZE + 1));
        let less = format!("Content-Range: bytes {from}-{}/{SIZE}", from + 999);
        let gzip = "Content-Encoding: gzip";
        let parts = "Content-Type: multipart/byteranges; boundary=b";
        let (headers, bytes): (&[&str], &[u8]) = match self.lie {
            Lie::None | Lie::OtherValidator => (&[&right], bytes),
            Lie::Earlier => (&[&content_range(from - 1000, SIZE)], &whole[from - 1000..]),
            Lie::Later => (&[&content_range(from + 1, SIZE)], &bytes[1..]),
            Lie::Shorter => (&[&shorter], &bytes[1..]),
            Lie::Longer => (&[&longer], &[bytes, b"x"].concat()),
            Lie::UnknownTotal => (&[&right.replace("/100000", "/*")], bytes),
            Lie::OtherUnit => (&[&right.replace("bytes", "items")], bytes),
            Lie::NoRange => (&[], bytes),
            Lie::TwoRanges => (&[&right, &longer], bytes),
            Lie::Backwards => (&["Content-Range: bytes 40000-39999/100000"], b""),
            Lie::Huge => (
                &["Content-Range: bytes 40000-18446744073709551615/*"],
                bytes,
            ),
            Lie::Multipart => {
                let part = format!("--b\r\n{right}\r\n\r\n");
                (
                    &[parts],
                    &[part.as_bytes(), bytes, b"\r\n--b--\r\n"].concat(),
                )
            }
            Lie::Coded => (&[&right, gzip], bytes),
            Lie::Less => (&[&less], &bytes[..1000]),
            Lie::More => (&[&right], &[bytes, b"and more"].concat()),
            _ => return self.refuse(talk, &right, bytes),
        };
        let version = if matches!(self.lie, Lie::OtherValidator) {
            2
        } else {
            1
        };
        let headers = [self.headers(version), headers].concat();
        talk.reply("206 Partial Content", &headers, bytes);
    }

    /// The lies that are no whole 206.
    fn refuse(&self, mut talk: Talk, right: &str, bytes: &[u8]) {
        let unsatisfied = |length: usize| format!("Content-Range: bytes */{length}");
        match self.lie {
            Lie::Whole => talk.reply("200 OK", self.headers(2), &file(2)),
            Lie::WholeCut => cut(talk, "200 OK", self.headers(2), SIZE, &file(2)[..1000]),
            Lie::Cut => {
                let headers = [self.headers(1), &[right]].concat();
                let status = "206 Partial Content";
                cut(talk, status, &headers, bytes.len(), &bytes[..1000]);
            }
            Lie::MoreInChunks => {
                let headers = [self.headers(1), &[right, "Transfer-Encoding: chunked"]].concat();
                let more = [bytes, b"and more"].concat();
                let head = format!("HTTP/1.1 206 Partial\r\n{}\r\n\r\n", headers.join("\r\n"));
                let chunk = format!("{:x}\r\n", more.len());
                let reply = [head.as_bytes(), chunk.as_bytes(), &more, b"\r\n0\r\n\r\n"];
                talk.send(&reply.concat());
            }
            Lie::Unsatisfied => talk.reply("416 No Such Range", &[], b"no"),
            Lie::UnsatisfiedPart => talk.reply("416 No Such Range", &[&unsatisfied(CUT)], b"no"),
            Lie::UnsatisfiedOther => talk.reply("416 No Such Range", &[&unsatisfied(9)], b"no"),
            Lie::NotModified => talk.send(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
            Lie::NotFound => talk.reply("404 Not Found", &[], b"no"),
            Lie::Unavailable => talk.reply("503 Service Unavailable", &[], b"no"),
            Lie::HangUp => {}
            lie => panic!("{lie:?} is a 206"),
        }
    }

    /// The bytes of the part with which the third request went on, whose row is `last`.
    pub(super) fn left(&self, last: &Value) -> Value {
        match self.then {
            Fails(_, size) => json!(size),
            FailsSomewhere(_) => last["resumed_from"].clone(),
            _ => Value::Null,
        }
    }
}
