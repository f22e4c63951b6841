//! The library's client against servers of bytes on loopback: one test program, so that it is linked once.
//! Programs of their own are `http_servers`, which needs servers that have to be installed, and `http_descriptors`,
//! which runs itself with few descriptors.

mod client_certificates;
mod codings;
mod edges;
mod fetch;
mod hostile;
mod limits;
mod options;
mod proxy;
mod redirects;
mod reuse;
mod tls;

#[path = "../support/library.rs"]
mod library;
