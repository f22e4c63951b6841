//! What a worker keeps of an attempt: the body in a file, in memory, both, or its size; and its exchanges for the archive.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fetch::{Client, Failure, FailureKind, Method, Outcome, Url};
use crate::input::Target;
use crate::output::{Archive, Original, Save, Saved};
use crate::system::os_text;

use super::jobs::RunContext;
use super::mail::{Kept, Mail};
use super::retrying::passes;

impl RunContext {
    /// Makes an attempt at `target`, after `attempts` others, and keeps its body and its exchanges as the options ask.
    /// `original` is where an unchanged page was archived. The outcome takes the place of `spare`, an earlier one.
    pub(super) fn load(
        &self,
        client: Client,
        target: &Target,
        attempts: u32,
        original: Option<Original>,
        spare: Option<Box<Outcome>>,
    ) -> (Box<Outcome>, Kept) {
        let mut client = for_target(client, target);
        let capture = self.archive.as_ref().map(Archive::capture);
        if let Some(capture) = &capture {
            client = client.capturing(Arc::clone(capture));
        }
        let mut saved = self
            .save_of(&client, target)
            .map(|save| save.begin(&target.url, name(target), attempts > 0, &self.received));
        if let Some(warning) = saved.as_mut().and_then(Saved::take_warning) {
            self.mailbox.send(Mail::Line(warning));
        }
        let mut body = (self.keeps_bodies && has_body(&client, target)).then(Vec::new);
        let received = self.receive(&client, &target.url, saved.as_mut(), body.as_mut());
        // In a box, as it is moved often. Freeing the texts of `spare` costs the coordinator more, as workers allocate them.
        let mut outcome = match spare {
            Some(mut spare) => {
                *spare = received;
                spare
            }
            None => Box::new(received),
        };
        let mut kept = Kept::default();
        if let (Some(archive), Some(capture)) = (&self.archive, capture) {
            let original = original.filter(|_| outcome.is_unchanged);
            match archive.store(&capture, outcome.started_at, original) {
                Ok(place) => kept.warc = place,
                Err(error) => {
                    let text = format!("the archive could not be written: {}", os_text(&error));
                    outcome.result = Err(Failure::new(FailureKind::Write, text));
                    kept.archive_failed = true;
                }
            }
        }
        kept.file = saved.and_then(|saved| self.settle(saved, &mut outcome, attempts));
        // A record has a whole body or none.
        kept.body = body.filter(|_| outcome.result.is_ok());
        (outcome, kept)
    }

    /// Where the body of `target` is saved, if it is.
    pub(super) fn save_of(&self, client: &Client, target: &Target) -> Option<&Save> {
        self.save.as_deref().filter(|_| has_body(client, target))
    }

    /// Fetches `url`, and writes its body into `saved` and `body`, or counts it.
    fn receive(
        &self,
        client: &Client,
        url: &Url,
        saved: Option<&mut Saved<'_>>,
        body: Option<&mut Vec<u8>>,
    ) -> Outcome {
        match (saved, body) {
            (Some(saved), None) if saved.may_continue() => client.load_rest(url, saved),
            (Some(saved), None) => client.load_url(url, saved),
            (Some(file), Some(body)) => client.load_url(url, &mut Tee { file, body }),
            (None, Some(body)) => {
                let file = &mut Count(&self.received);
                client.load_url(url, &mut Tee { file, body })
            }
            (None, None) => {
                let mut count = |amount: usize| {
                    self.received.fetch_add(amount as u64, Ordering::Relaxed);
                };
                client.load_size(url, &mut count)
            }
        }
    }

    /// Puts a whole body in its place, and returns its path. Of any other, keeps the part or nothing.
    fn settle(&self, saved: Saved<'_>, outcome: &mut Outcome, attempts: u32) -> Option<String> {
        let save = self.save.as_deref()?;
        let mut file = None;
        match &outcome.result {
            // It is in its file already.
            Ok(_) if outcome.is_unchanged => {}
            Ok(_) => match saved.commit(outcome.last_modified.as_deref()) {
                Ok(path) => file = Some(path),
                Err(error) => {
                    outcome.result = Err(Failure::new(FailureKind::Write, error.to_string()));
                }
            },
            Err(failure) if failure.kind() == FailureKind::Mismatch => {}
            Err(_) if save.keeps_parts() || attempts < self.retries.most && passes(outcome) => {
                saved.keep();
            }
            Err(_) => {}
        }
        if let Err(failure) = &mut outcome.result
            && failure.kind() == FailureKind::Write
            && save.has_ended()
        {
            // The disk did not fail: saving was stopped.
            *failure = Failure::new(FailureKind::Cancelled, "the run has ended");
        }
        file
    }
}

/// A reply to HEAD has none.
fn has_body(client: &Client, target: &Target) -> bool {
    *client.method(target.request().map(Arc::as_ref)) != Method::HEAD
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
    use crate::fetch::Options;
    use crate::schedule::retry::Retries;

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
    fn kept(reply: &'static [u8], keeps_bodies: bool) -> (Box<Outcome>, Kept, u64) {
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
            past: None,
            archive: None,
            keeps_bodies,
            mailbox: Arc::default(),
            pauses: None,
            retries: Retries::default(),
            deadline: None,
            shows_progress: false,
            received: AtomicU64::new(0),
        };
        let target = Target {
            source: "urls.csv".into(),
            line: 2,
            written: None,
            url: Url::parse(&url).unwrap(),
            row: None,
        };
        let (outcome, kept) = run.load(run.client.clone(), &target, 0, None, None);
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
