//! What a worker keeps of a body: a file, a copy in memory, both, or its size.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fetch::{Client, Failure, FailureKind, Method, Outcome};
use crate::input::Target;
use crate::output::Save;

use super::jobs::RunContext;
use super::mail::Kept;

impl RunContext {
    /// Makes an attempt at `target`, and keeps its body as the options ask.
    pub(super) fn load(&self, client: Client, target: &Target) -> (Outcome, Kept) {
        let client = for_target(client, target);
        let request = target.request().map(Arc::as_ref);
        // A reply to HEAD has no body.
        let has_body = *client.method(request) != Method::HEAD;
        let save = self.save.as_deref().filter(|_| has_body);
        let mut body = (self.keeps_bodies && has_body).then(Vec::new);
        let (outcome, file) = match (save, &mut body) {
            (Some(save), body) => self.save_body(&client, target, save, body.as_mut()),
            (None, Some(body)) => {
                let mut file = Count(&self.received);
                let mut sink = Tee {
                    file: &mut file,
                    body,
                };
                (client.load_url(&target.url, &mut sink), None)
            }
            (None, None) => {
                let mut count = |amount: usize| {
                    self.received.fetch_add(amount as u64, Ordering::Relaxed);
                };
                (client.load_size(&target.url, &mut count), None)
            }
        };
        // A record has a whole body or none.
        let body = body.filter(|_| outcome.result.is_ok());
        (outcome, Kept { file, body })
    }

    /// Saves the body of `target`, and copies it into `body`. Returns the path of a complete file.
    fn save_body(
        &self,
        client: &Client,
        target: &Target,
        save: &Save,
        body: Option<&mut Vec<u8>>,
    ) -> (Outcome, Option<String>) {
        let mut saved = save.begin(&target.url, name(target), &self.received);
        let mut outcome = match body {
            None => client.load_url(&target.url, &mut saved),
            Some(body) => {
                let mut sink = Tee {
                    file: &mut saved,
                    body,
                };
                client.load_url(&target.url, &mut sink)
            }
        };
        let mut file = None;
        if outcome.result.is_ok() {
            match saved.commit() {
                Ok(path) => file = Some(path),
                Err(error) => {
                    outcome.result = Err(Failure::new(FailureKind::Write, error.to_string()));
                }
            }
        }
        if let Err(failure) = &mut outcome.result
            && failure.kind() == FailureKind::Write
            && save.has_ended()
        {
            // The disk did not fail: saving was stopped.
            *failure = Failure::new(FailureKind::Cancelled, "the run has ended");
        }
        (outcome, file)
    }
}

/// `client` with the options of `target`'s row.
pub(super) fn for_target(client: Client, target: &Target) -> Client {
    match target.request() {
        Some(request) => client.with_request_options(Arc::clone(request)),
        None => client,
    }
}

/// The name that `target`'s row gives to its file.
pub(super) fn name(target: &Target) -> Option<&str> {
    target.row.as_ref()?.name.as_deref()
}

/// Copies into `body` what `file` takes.
struct Tee<'a> {
    file: &'a mut dyn Write,
    body: &'a mut Vec<u8>,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.body.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Takes everything, and counts it.
struct Count<'a>(&'a AtomicU64);

impl Write for Count<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::fetch::{Options, Url};

    /// Takes up to three bytes at once, and `room` in all.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let amount = bytes.len().min(3).min(self.room - self.taken.len());
            if amount == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.taken.extend_from_slice(&bytes[..amount]);
            Ok(amount)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_copy_has_what_the_file_has() {
        for (room, is_whole) in [(100, true), (10, true), (7, false)] {
            let mut file = Narrow {
                taken: Vec::new(),
                room,
            };
            let mut body = Vec::new();
            let mut tee = Tee {
                file: &mut file,
                body: &mut body,
            };
            assert_eq!(tee.write_all(b"0123456789").is_ok(), is_whole);
            assert_eq!(body, file.taken);
        }
        let received = AtomicU64::new(5);
        let mut body = Vec::new();
        let mut tee = Tee {
            file: &mut Count(&received),
            body: &mut body,
        };
        tee.write_all(b"0123456789").unwrap();
        assert_eq!(
            (body.as_slice(), received.into_inner()),
            (&b"0123456789"[..], 15)
        );
    }

    /// A client's attempt at a server that answers with `reply` once, and what was kept.
    fn kept(reply: &'static [u8], keeps_bodies: bool) -> (Outcome, Kept, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _request = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(reply).unwrap();
        });
        let run = RunContext {
            client: Client::new(Options::default()).unwrap(),
            save: None,
            keeps_bodies,
            mailbox: Arc::default(),
            pauses: None,
            deadline: None,
            received: AtomicU64::new(0),
        };
        let target = Target {
            source: "urls.csv".into(),
            line: 2,
            written: url.as_str().into(),
            url: Url::parse(&url).unwrap(),
            row: None,
        };
        let (outcome, kept) = run.load(run.client.clone(), &target);
        server.join().unwrap();
        (outcome, kept, run.received.into_inner())
    }

    #[test]
    fn only_a_whole_body_that_was_asked_for_is_kept() {
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        for (reply, keeps_bodies, is_ok, body, received) in [
            (&page[..], true, true, Some(&b"hello"[..]), 5),
            (page, false, true, None, 5),
            (cut, true, false, None, 3),
            (empty, true, true, Some(b""), 0),
        ] {
            let (outcome, kept, count) = kept(reply, keeps_bodies);
            assert_eq!(
                (outcome.result.is_ok(), kept.body.as_deref(), count),
                (is_ok, body, received),
                "{outcome:?}"
            );
            assert_eq!(kept.file, None);
        }
    }
}
