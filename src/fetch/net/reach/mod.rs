//! From a host to a connection: look-ups, happy eyeballs, and the connection budget.

pub(super) mod budget;
pub(super) mod getaddrinfo;
pub(super) mod happy_eyeballs;
pub(super) mod lookup_queue;
pub(super) mod private;
pub(super) mod resolver;
pub(super) mod special_names;
