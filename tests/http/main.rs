//! The library's client against servers on loopback that send given bytes: one test program, so that it is linked once.
//! `http_servers` is a program of its own, as it needs installed servers, and so is `http_descriptors`, which runs itself
//! with few descriptors.

mod accept;
mod checks;
mod client_certificates;
mod codings;
mod edges;
mod fetch;
mod hostile;
mod limits;
mod options;
mod proxy;
mod records;
mod redirects;
mod requests;
mod reuse;
mod tls;

#[path = "../support/library.rs"]
mod library;
