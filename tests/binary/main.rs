//! The real binary against loopback servers: one test program for all of it, so that it is linked once.
//!
//! Every test goes through `support::fetchpool()`, which always checks status, standard output and standard error. No
//! test sleeps: gates order events. The tests need signals and pseudo-terminals, so they run only on Unix.
#![cfg(unix)]

mod addresses;
mod archive_cuts;
mod archive_files;
mod archives;
mod bombs;
mod certificates;
mod check;
mod contacts;
mod continued;
mod continued_digests;
mod continued_elsewhere;
mod continued_parts;
mod contract;
mod cookies;
mod descriptors;
mod documents;
mod downloads;
mod dry_run;
mod encodings;
mod ending;
mod expectations;
mod failures;
mod feedback;
mod full_disk;
mod header_files;
mod heads;
mod hostile;
mod hosts;
mod jsonl;
mod limit_rate;
mod limits;
mod lists;
mod login_portal;
mod memory;
mod names;
mod netrc;
mod newcomer;
mod parts;
mod python_example;
mod readers;
mod record_fields;
mod remote_time;
mod replies;
mod report;
mod report_files;
mod requests;
mod resume;
mod resumption;
mod retries;
mod retry_after;
mod routes;
mod row_mistakes;
mod row_requests;
mod row_runs;
mod rows;
mod saved;
mod secrets;
mod sessions;
mod signals;
mod sites;
mod stalled;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by all test programs")]
mod support;
mod tables;
mod terminal;
mod text;
mod trust;
mod unsaved;
mod update;
mod update_files;
mod update_journal;
mod usage;
mod waits;
