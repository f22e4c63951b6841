//! The body of a reply: into the sink, decoded, counted, and compared with what it must be.

use std::io::{self, Read};
use std::time::Duration;

use http::{Method, StatusCode};
use ring::digest::{self, SHA256};

use super::attempt::{Attempt, READ};
use super::body::{Sink, check_size, copy, read_failure, write_failure};
use super::continuation::{PartialBody, Rest, Version};
use super::decode::{Coding, decoded};
use super::digests::{Checked, Expected};
use super::failure::{Failure, FailureKind};
use super::net::{HttpClient, Recorded, Reply};
use super::outcome::{Outcome, Page};
use super::plan::Plan;
use super::transfer::report;

/// The most of a redirect's body that is archived. It stays in memory, because the replies of an attempt are kept together.
const REDIRECT_BODY: u64 = 256 * 1024;

/// A redirect whose body takes longer is followed all the same.
const REDIRECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The digests of a body.
struct Digests {
    /// Of the decoded body, if it is asked for.
    sha256: Option<digest::Context>,
    /// Of the whole body as it is coded.
    repr: Expected,
    /// Of what the reply has.
    content: Expected,
}

impl Digests {
    fn new(plan: &Plan<'_>, status: StatusCode, recorded: &Recorded, is_rest: bool) -> Self {
        let mut digests = Self {
            sha256: plan.wants_sha256().then(|| digest::Context::new(&SHA256)),
            repr: Expected::default(),
            content: Expected::default(),
        };
        // Those of a 416 are of the error's text.
        if let Some(told) = &recorded.digests
            && !(is_rest && status == StatusCode::RANGE_NOT_SATISFIABLE)
        {
            digests.content = Expected::of("Content-Digest", &told.content_digest);
            // The user's own range is not the whole.
            if is_rest || status != StatusCode::PARTIAL_CONTENT {
                digests.repr = Expected::of("Repr-Digest", &told.repr_digest);
            }
        }
        digests
    }

    fn are_none(&self) -> bool {
        self.sha256.is_none() && self.repr.is_empty() && self.content.is_empty()
    }

    /// Takes the part that `body` has.
    fn take_part(
        &mut self,
        body: &mut dyn PartialBody,
        buf: &mut [u8],
        http: &HttpClient,
    ) -> Result<(), Failure> {
        if self.sha256.is_none() && self.repr.is_empty() {
            return Ok(());
        }
        let mut part = body.written().map_err(write_failure)?;
        loop {
            http.check()?;
            let amount = part.read(buf).map_err(write_failure)?;
            if amount == 0 {
                return Ok(());
            }
            self.repr.update(&buf[..amount]);
            if let Some(sha256) = &mut self.sha256 {
                sha256.update(&buf[..amount]);
            }
        }
    }
}

impl Attempt<'_> {
    /// Reads a whole body, of `length` bytes if known. Returns its decoded size.
    pub(super) fn take_whole(
        &mut self,
        reply: &mut Reply,
        length: Option<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, Failure> {
        let plan = self.plan;
        let codings = if plan.options.compressed {
            Coding::of(reply.headers())?
        } else {
            Vec::new()
        };
        if let (true, Some(length)) = (codings.is_empty(), length) {
            check_size(length, plan.max_size())?;
            let expected = plan.expect_size(length);
            // A captured body is read before it is refused.
            if expected.is_err() && !self.fetcher.http.is_capturing() {
                expected?;
            }
        }
        if let Sink::Part(body) = sink {
            body.begin(self.version(reply, length))
                .map_err(write_failure)?;
        }
        let mut digests = Digests::new(plan, reply.status(), &self.recorded, false);
        let (http, buf) = self.fetcher.reader();
        if matches!(sink, Sink::Count(_)) && codings.is_empty() && digests.are_none() {
            http.discard_body();
        }
        let body = Checked {
            body: reply.body(length),
            expected: &mut digests.content,
        };
        let mut body = Checked {
            body,
            expected: &mut digests.repr,
        };
        let sha256 = digests.sha256.as_mut();
        let told = length.filter(|_| codings.is_empty());
        let received = report(self.transfer, 0, told);
        let limit = |size| {
            received(size);
            plan.check_so_far(size)
        };
        let size = if codings.is_empty() {
            copy(&mut body, buf, sink, &limit, sha256)?
        } else {
            let check = || http.check();
            let mut body = decoded(&codings, body, &check).map_err(read_failure)?;
            copy(&mut *body, buf, sink, &limit, sha256)?
        };
        self.compare(size, digests)?;
        Ok(size)
    }

    /// The version of the page in `reply`, if its body may be continued later.
    fn version(&self, reply: &Reply, length: Option<u64>) -> Option<Version> {
        let Outcome {
            method, final_url, ..
        } = &self.outcome;
        let is_page = *method == Method::GET && reply.status() == StatusCode::OK;
        if !self.continues || !is_page {
            return None;
        }
        Version::of(final_url, reply.headers(), &self.recorded, length)
    }

    /// Reads the rest of a body behind the part of it that the sink has.
    pub(super) fn take_rest(
        &mut self,
        reply: &mut Reply,
        rest: Rest,
        sink: &mut Sink<'_>,
    ) -> Result<Page, Failure> {
        let plan = self.plan;
        self.outcome.resumed_from = Some(rest.from);
        check_size(rest.whole, plan.max_size())?;
        plan.expect_size(rest.whole)?;
        let mut digests = Digests::new(plan, reply.status(), &self.recorded, true);
        let received = report(self.transfer, rest.from, Some(rest.whole));
        let progress = |size| {
            received(size);
            Ok(())
        };
        let (http, buf) = self.fetcher.reader();
        if let Sink::Part(body) = sink {
            digests.take_part(*body, buf, http)?;
        }
        let bytes = if rest.length == 0 {
            self.drain(reply);
            0
        } else {
            let mut body = Checked {
                body: reply.body(Some(rest.length)),
                expected: &mut digests.content,
            };
            let earlier = &mut body.by_ref().take(rest.skip);
            io::copy(earlier, &mut io::sink()).map_err(read_failure)?;
            let mut body = Checked {
                body,
                expected: &mut digests.repr,
            };
            copy(&mut body, buf, sink, &progress, digests.sha256.as_mut())?
        };
        let size = rest.from + bytes;
        if size != rest.whole {
            let text = format!("the server sent {size} of {} bytes", rest.whole);
            return Err(Failure::new(FailureKind::Body, text));
        }
        self.compare(size, digests)?;
        let size = Some(size);
        Ok(Page { bytes, size })
    }

    /// Compares a whole body with what it must be.
    fn compare(&mut self, size: u64, digests: Digests) -> Result<(), Failure> {
        let sha256 = digests.sha256.map(digest::Context::finish);
        self.outcome.sha256 = sha256.and_then(|sha256| sha256.as_ref().try_into().ok());
        self.plan.expect_size(size)?;
        if let Some(sha256) = self.outcome.sha256 {
            self.plan.expect_sha256(sha256)?;
        }
        digests.content.finish()?;
        digests.repr.finish()
    }

    /// Reads at most [`READ`] bytes of the body as they come, coded or not. A longer body's connection is then closed.
    pub(super) fn take_beginning(
        &mut self,
        reply: &mut Reply,
        length: Option<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, Failure> {
        let (http, buf) = self.fetcher.reader();
        if matches!(sink, Sink::Count(_)) {
            http.discard_body();
        }
        let mut body = reply.body(length).take(READ as u64);
        copy(&mut body, buf, sink, &|_| Ok(()), None)
    }

    /// Reads the body of a redirect, for an archive or so that its connection can be reused.
    pub(super) fn drain_redirect(&mut self, reply: &mut Reply) {
        let (http, buf) = self.fetcher.reader();
        if http.is_capturing() {
            http.read_whole(reply, buf, Some(REDIRECT_BODY), Some(REDIRECT_TIMEOUT));
        } else {
            self.drain(reply);
        }
    }

    /// Reads a short unwanted body, so that its connection can be reused, or the whole of one that is captured. Returns
    /// what fits into the buffer.
    pub(super) fn drain(&mut self, reply: &mut Reply) -> &[u8] {
        let (http, buf) = self.fetcher.reader();
        if http.is_capturing() {
            let size = http.read_whole(reply, buf, self.plan.max_size(), None);
            return &buf[..size];
        }
        let is_worth_it = match reply.length {
            Some(length) => length < buf.len() as u64,
            // Such a body ends with the connection: only the text of a 400 is of use.
            None => reply.is_chunked || reply.status() == StatusCode::BAD_REQUEST,
        };
        let size = if is_worth_it {
            http.drain(reply, buf)
        } else {
            0
        };
        &buf[..size]
    }
}
