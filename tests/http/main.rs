//! The library's client against servers of bytes on loopback, in one test program, so that it is linked once. Two
//! others are separate: `http_servers`, which needs installed servers, and `http_descriptors`, which runs the binary
//! with few descriptors.

mod client_certificates;
mod codings;
mod edges;
mod fetch;
mod hostile;
mod options;
mod proxy;
mod reuse;
mod tls;

#[path = "../support/library.rs"]
mod library;
