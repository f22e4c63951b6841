//! The last reply of an attempt: the rest of a part, a page, or a failure.

use http::{Method, StatusCode};

use super::attempt::Attempt;
use super::body::{Sink, check_size, write_failure};
use super::continuation::{Answer, answer};
use super::decode::has_coding;
use super::failure::{Failure, FailureKind};
use super::net::Reply;
use super::outcome::Page;
use super::range::range_length;
use super::redirect::Hop;

impl Attempt<'_> {
    /// Takes the body of a final reply, or its failure. `None` if the whole page must be asked for.
    // Inlined, it would make the stack of each worker that waits for a reply some KiB larger.
    #[inline(never)]
    pub(super) fn finish(
        &mut self,
        hop: &Hop,
        mut reply: Reply,
        sink: &mut Sink<'_>,
    ) -> Result<Option<Page>, Failure> {
        match self.answer(hop, &reply, sink)? {
            Answer::Rest(rest) => {
                self.keep_version(reply.status());
                return self.take_rest(&mut reply, rest, sink).map(Some);
            }
            Answer::Useless => {
                self.drain(&mut reply);
                return Ok(None);
            }
            Answer::Other => {}
        }
        if !self.plan.accept().contains(reply.status().as_u16()) {
            return Err(self.refusal(hop, &mut reply));
        }
        let mut length = reply.length;
        if reply.status() == StatusCode::PARTIAL_CONTENT {
            let asked = self.plan.headers().of(hop).range.as_deref();
            let told = range_length(reply.headers(), asked).inspect_err(|_| {
                self.drain(&mut reply);
            })?;
            length = told.or(length);
        }
        let is_head = hop.method == Method::HEAD;
        if !is_head && !self.plan.is_check() {
            let bytes = self.take_whole(&mut reply, length, sink)?;
            let size = Some(bytes);
            return Ok(Some(Page { bytes, size }));
        }
        // The length of a coded body is not that of the page.
        let size = reply.told_length.filter(|_| !has_coding(reply.headers()));
        if let Some(size) = size {
            check_size(size, self.plan.max_size())?;
            self.plan.expect_size(size)?;
        }
        let bytes = if is_head {
            0
        } else {
            self.take_beginning(&mut reply, length, sink)?
        };
        Ok(Some(Page { bytes, size }))
    }

    /// What the reply to a request for the rest of a part has. A part whose rest the server does not send is dropped: the next
    /// attempt would get the same answer.
    fn answer(&self, hop: &Hop, reply: &Reply, sink: &mut Sink<'_>) -> Result<Answer, Failure> {
        let Some(part) = self.part.as_ref().filter(|_| self.range(hop).is_some()) else {
            return Ok(Answer::Other);
        };
        let answer = answer(part, reply.status(), reply.headers(), &self.recorded);
        if let Ok(Answer::Rest(rest)) = &answer
            && reply.status() == StatusCode::PARTIAL_CONTENT
            && reply.length.is_some_and(|told| told != rest.length)
        {
            // Of the two lengths that it tells, one is wrong.
            return Ok(Answer::Useless);
        }
        if let (Err(_), Sink::Part(body)) = (&answer, sink) {
            body.begin(None).map_err(write_failure)?;
        }
        answer
    }

    /// Completes the outcome of a reply with the rest of a body: such a reply need not have what an earlier one had (RFC
    /// 9110, 15.3.7).
    fn keep_version(&mut self, status: StatusCode) {
        let Some((_, version)) = self.part.take() else {
            return;
        };
        let recorded = &mut self.recorded;
        if status != StatusCode::PARTIAL_CONTENT {
            // It is that of the error's text.
            recorded.content_type = None;
        }
        recorded.content_type = recorded.content_type.take().or(version.content_type);
        recorded.etag = recorded.etag.take().or(version.etag);
        recorded.last_modified = recorded.last_modified.take().or(version.last_modified);
    }

    /// The failure of a final status that is not accepted.
    fn refusal(&mut self, hop: &Hop, reply: &mut Reply) -> Failure {
        let mut failure = Failure::status(reply.status());
        if reply.status().is_success() {
            let text = format!("{}: not an accepted status", failure.message());
            failure = Failure::new(FailureKind::HttpStatus, text);
        }
        let wants_tls = says_wants_tls(self.drain(reply));
        if reply.status() == StatusCode::BAD_REQUEST && wants_tls && hop.url.scheme() == "http" {
            let cure = "the server speaks TLS on this port; the URL must begin with https://";
            let text = format!("{}: {cure}", failure.message());
            return Failure::new(FailureKind::HttpStatus, text);
        }
        failure
    }
}

/// Whether `body` is the answer of nginx, Apache or Go's servers to plain HTTP on a TLS port.
fn says_wants_tls(body: &[u8]) -> bool {
    [
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server",
    ]
    .iter()
    .any(|words| memchr::memmem::find(body, words.as_bytes()).is_some())
}
