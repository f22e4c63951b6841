//! The bridge to the HTTP client library: the only module that knows it.
//!
//! The library's extension points are outside semver, so its version is pinned. It speaks HTTP over connections that the
//! connector hands it, one exchange at a time.

pub(super) mod addresses;
pub(super) mod connector;
pub(super) mod exchange;
pub(super) mod transport;
pub(super) mod via_proxy;
