//! The one loop that reads the head of a request.

use std::io::Read;

/// Reads a head up to its empty line, and no further byte. `None` if the client left before that, or it is not UTF-8.
pub(crate) fn read_head(stream: impl Read) -> Option<String> {
    String::from_utf8(read_head_bytes(stream)?).ok()
}

/// As [`read_head`], of any bytes.
pub(crate) fn read_head_bytes(mut stream: impl Read) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(head)
}
