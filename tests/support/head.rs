//! The one loop that reads the head of a request.

use std::io::Read;

/// Reads a head up to its empty line, and no further byte. `None` if the client left before that.
pub(crate) fn read_head(mut stream: impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
