//! `--update`: asks for a page only if it has changed since its last record, which else tells the rest of the new one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA256};

use crate::fetch::{Client, Outcome, Page};
use crate::input::{PastRecord, PastRecords, Target};
use crate::output::{Original, original_of};

use super::body::name;
use super::jobs::RunContext;
use super::mail::Kept;

impl RunContext {
    /// Makes an attempt at `target`, after `attempts` others, conditional if its last record in `past` is enough for an
    /// unchanged page.
    // Inlined, it would make the stack of each worker larger, also without `--update`.
    #[inline(never)]
    pub(super) fn load_if_changed(
        &self,
        past: &PastRecords,
        client: Client,
        target: &Target,
        attempts: u32,
        spare: Option<Box<Outcome>>,
    ) -> (Box<Outcome>, Kept) {
        let past = past.find(&target.url);
        let original = past.as_ref().and_then(original);
        // An archive refers to what is archived.
        let is_archived = self.archive.is_none() || original.is_some();
        let stands = |past: &&PastRecord| {
            is_archived && !self.keeps_bodies && self.has_file(&client, target, past)
        };
        let enough = past.as_ref().filter(stands);
        let client = match enough.and_then(PastRecord::condition) {
            Some(condition) => client.if_changed(condition),
            None => client,
        };
        let (mut outcome, mut kept) = self.load(client, target, attempts, original, spare);
        kept.is_recorded = past.is_some();
        kept.unchanged = outcome.result.is_ok().then_some(outcome.is_unchanged);
        if let Some(past) = past.filter(|_| kept.unchanged == Some(true)) {
            take_over(past, &mut outcome, &mut kept);
        }
        (outcome, kept)
    }

    /// Whether the body that `past` has saved is where this run would save it. True if it saves none.
    fn has_file(&self, client: &Client, target: &Target, past: &PastRecord) -> bool {
        let Some(save) = self.save_of(client, target) else {
            return true;
        };
        let path = save.path(&target.url, name(target));
        if past.file.as_deref() != path.to_str() {
            return false;
        }
        let is_the_saved = fs::symlink_metadata(&path).is_ok_and(|file| {
            let is_of = |at| past.is_of(at);
            file.is_file() && Some(file.len()) == past.bytes && file.modified().is_ok_and(is_of)
        });
        let expected = target.request().and_then(|request| request.sha256);
        let is_expected = |expected| sha256_of(&path).is_ok_and(|sha256| sha256 == expected);
        is_the_saved && expected.is_none_or(is_expected)
    }
}

fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let (mut context, mut buf) = (Context::new(&SHA256), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buf)? {
            0 => break,
            amount => context.update(&buf[..amount]),
        }
    }
    context
        .finish()
        .as_ref()
        .try_into()
        .map_err(io::Error::other)
}

/// Where the page of `past` was archived.
fn original(past: &PastRecord) -> Option<Original> {
    let (url, date) = (past.final_url.as_deref()?, past.started_at.as_deref()?);
    original_of(past.warc.as_ref()?, url, date)
}

/// Of an unchanged page the reply tells little: the record of the page tells the rest.
fn take_over(past: PastRecord, outcome: &mut Outcome, kept: &mut Kept) {
    outcome.result = Ok(Page {
        bytes: 0,
        size: past.bytes,
    });
    outcome.content_type = past.content_type;
    outcome.etag = past.etag;
    outcome.last_modified = past.last_modified;
    outcome.sha256 = past.sha256;
    kept.file = past.file;
}
