//! TLS by rustls: the configuration, the store of roots, one session, and its errors in words.

pub(super) mod certificate;
pub(super) mod config;
pub(super) mod errors;
pub(super) mod pem;
pub(super) mod root_store;
pub(super) mod session;
pub(super) mod sessions;
pub(super) mod verifier;
