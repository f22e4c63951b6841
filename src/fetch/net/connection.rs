//! A connection that requests can be sent over, one after another: it lies idle under the key of
//! what it leads to.

#[cfg(test)]
use std::net::TcpStream;
use std::sync::Arc;

use super::io::stream::Stream;
use super::reach::descriptors::Ticket;
use super::reach::seats::Seat;

#[derive(Debug)]
pub(crate) struct Connection {
    key: Box<str>,
    pub(crate) layer: Stream,
    /// Given back when the descriptor is closed: after `layer`, as fields are dropped in order.
    _ticket: Ticket,
    _seat: Arc<Seat>,
}

impl Connection {
    pub(crate) fn new(key: &str, layer: Stream, ticket: Ticket, seat: Arc<Seat>) -> Self {
        Self {
            key: key.into(),
            layer,
            _ticket: ticket,
            _seat: seat,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(key: &str, stream: TcpStream) -> Self {
        let ticket = Arc::<super::reach::descriptors::Descriptors>::default().ticket();
        let layer = Stream::Tcp(super::io::tcp::Tcp::new(stream));
        Self::new(key, layer, ticket, Arc::new(Seat::without_limit()))
    }

    /// Under what it lies idle: scheme, host and port as the beginning of a URL, and the proxy in
    /// front of them.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether it is open and silent, as an idle connection should be.
    pub(crate) fn is_quiet(&self) -> bool {
        self.layer.wire().is_quiet()
    }
}
