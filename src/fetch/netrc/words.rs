//! Cuts a netrc file into words: keywords, and values, which may be in double quotes.
//!
//! An error is about the value that is being read. It repeats nothing of it.

/// The words that are still to be read, and the number of their line.
pub(super) struct Words<'a> {
    rest: &'a [u8],
    pub(super) line: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        Self { rest, line: 1 }
    }

    /// The next word, behind blanks and comments.
    pub(super) fn keyword(&mut self) -> Option<&'a [u8]> {
        self.skip_blanks();
        while self.rest.starts_with(b"#") {
            self.skip_line();
            self.skip_blanks();
        }
        let word = self.take(self.word_length());
        (!word.is_empty()).then_some(word)
    }

    pub(super) fn value(&mut self) -> Result<Vec<u8>, &'static str> {
        self.skip_blanks();
        match self.rest.first() {
            None => Err("its value is missing at the end of the file"),
            Some(b'#') => Err("a value that begins with # must be in double quotes"),
            Some(b'"') => self.quoted(),
            Some(_) => Ok(self.take(self.word_length()).to_vec()),
        }
    }

    /// A value in double quotes, in which a backslash makes `\n`, `\r` and `\t`, or takes the next character as it is.
    fn quoted(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut value = Vec::new();
        let mut at = 1;
        loop {
            match (self.rest.get(at), self.rest.get(at + 1)) {
                (None | Some(b'\n'), _) | (Some(b'\\'), None | Some(b'\n')) => {
                    return Err(
                        "a double quote at the beginning of a value needs another at its end",
                    );
                }
                (Some(b'"'), next) if next.is_none_or(u8::is_ascii_whitespace) => break,
                (Some(b'"'), _) => return Err(NO_QUOTE),
                (Some(b'\\'), Some(escaped)) => {
                    value.push(match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        other => *other,
                    });
                    at += 2;
                }
                (Some(byte), _) => {
                    value.push(*byte);
                    at += 1;
                }
            }
        }
        self.take(at + 1);
        Ok(value)
    }

    /// Skips the commands of a macro for ftp, up to an empty line.
    pub(super) fn skip_macro(&mut self) {
        loop {
            self.skip_line();
            if matches!(self.rest, [] | [b'\n', ..] | [b'\r', ..]) {
                return;
            }
        }
    }

    fn skip_blanks(&mut self) {
        let is_blank = |byte: &&u8| byte.is_ascii_whitespace();
        let blanks = self.take(self.rest.iter().take_while(is_blank).count());
        self.line += blanks.iter().filter(|byte| **byte == b'\n').count();
    }

    /// Skips the rest of the line, with its end.
    fn skip_line(&mut self) {
        match memchr::memchr(b'\n', self.rest) {
            Some(end) => {
                self.take(end + 1);
                self.line += 1;
            }
            None => self.rest = &[],
        }
    }

    fn word_length(&self) -> usize {
        let is_black = |byte: &&u8| !byte.is_ascii_whitespace();
        self.rest.iter().take_while(is_black).count()
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

const NO_QUOTE: &str = "a double quote inside a quoted value is written \\\"";
