//! TLS by rustls: the configuration, the store of roots, one session, and its errors in words.

mod certificate;
pub(super) mod config;
pub(super) mod errors;
mod pem;
mod root_store;
pub(super) mod session;
mod sessions;
mod verifier;
