//! The worker's part: makes the members of an exchange.

use std::io::{self, Read, Seek};
use std::mem;
use std::path::Path;
use std::time::SystemTime;

use ring::digest::{Context, SHA256};

use super::header::{About, Original, Profile};
use super::{Archive, Archived, RESPONSE, Repeatable, about, bytes_of, lock, sha256};
use crate::fetch::{Capture, Captured};
use crate::output::record::WarcPlace;
use crate::output::value::in_rfc3339;

const REQUEST: &str = "application/http;msgtype=request";

impl Archive {
    /// Appends the exchanges of an attempt that began at `started_at`. If the last reply said that a page is `unchanged`, it
    /// is a revisit of that. Returns where the last reply is, if there is one. Blocks while another worker appends.
    ///
    /// # Errors
    ///
    /// The file or a temporary one could not be written; with the path of the archive, which ends with the last whole
    /// exchange.
    pub(crate) fn store(
        &self,
        capture: &Capture,
        started_at: SystemTime,
        unchanged: Option<Original>,
    ) -> io::Result<Option<WarcPlace>> {
        let stored = self.store_all(capture, started_at, unchanged);
        stored.map_err(|error| about(Path::new(&*self.name), &error))
    }

    fn store_all(
        &self,
        capture: &Capture,
        started_at: SystemTime,
        mut unchanged: Option<Original>,
    ) -> io::Result<Option<WarcPlace>> {
        let date = in_rfc3339(started_at).to_string();
        let exchanges = capture.take()?;
        let last = exchanges.len().saturating_sub(1);
        let mut place = None;
        for (number, exchange) in exchanges.into_iter().enumerate() {
            let unchanged = unchanged.take_if(|_| number == last);
            let archived = self.exchange(exchange, date.clone(), unchanged)?;
            place = Some(self.append(archived)?);
        }
        Ok(place)
    }

    fn exchange(
        &self,
        mut exchange: Captured,
        date: String,
        unchanged: Option<Original>,
    ) -> io::Result<Archived> {
        let about = About {
            url: mem::take(&mut exchange.url),
            date,
            ip: exchange.remote_ip,
            request_id: self.ids.next(),
            response_id: self.ids.next(),
        };
        let mut members = self.spool();
        let mut header = about.request();
        header.digest("WARC-Block-Digest", &sha256(&exchange.request));
        let header = header.end(REQUEST, exchange.request.len() as u64);
        let response_at = self.write(&header, &mut exchange.request.as_slice(), &mut members)?;
        let mut archived = Archived {
            members,
            len: response_at,
            response_at,
            repeatable: None,
        };
        match unchanged {
            Some(original) => {
                let header = about.revisit(Profile::NotModified, &original);
                let header = header.end(RESPONSE, 0);
                archived.len += self.write(&header, &mut io::empty(), &mut archived.members)?;
            }
            None => self.response(exchange, about, &mut archived)?,
        }
        Ok(archived)
    }

    /// Adds the response, unless its payload was archived before.
    fn response(
        &self,
        mut exchange: Captured,
        about: About,
        archived: &mut Archived,
    ) -> io::Result<()> {
        exchange.reply.rewind()?;
        let mut head = vec![0; exchange.head_len as usize];
        exchange.reply.read_exact(&mut head)?;
        let (block, payload) = digests(&head, &mut exchange.reply)?;
        let is_whole = exchange.truncated.is_none();
        let has_payload = exchange.reply_len > exchange.head_len;
        let is_known = is_whole && has_payload && lock(&self.payloads).get(&payload).is_some();
        if !is_known {
            let mut header = about.response(exchange.truncated);
            header.digest("WARC-Block-Digest", &block);
            header.digest("WARC-Payload-Digest", &payload);
            let header = header.end(RESPONSE, exchange.reply_len);
            exchange.reply.rewind()?;
            archived.len += self.write(&header, &mut exchange.reply, &mut archived.members)?;
        }
        archived.repeatable = (is_whole && has_payload).then(|| {
            Box::new(Repeatable {
                about,
                head,
                sha256: payload,
            })
        });
        Ok(())
    }
}

/// The digests of a reply's block and payload. `body` is read to its end.
fn digests(head: &[u8], body: &mut dyn Read) -> io::Result<([u8; 32], [u8; 32])> {
    let [mut block, mut payload] = [Context::new(&SHA256), Context::new(&SHA256)];
    block.update(head);
    let mut buf = [0; 16 * 1024];
    loop {
        match body.read(&mut buf)? {
            0 => return Ok((bytes_of(block.finish()), bytes_of(payload.finish()))),
            amount => {
                block.update(&buf[..amount]);
                payload.update(&buf[..amount]);
            }
        }
    }
}
