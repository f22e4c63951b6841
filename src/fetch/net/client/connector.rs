//! Hands the HTTP library connections: an idle one, or a new one that is opened here.

use std::sync::Arc;
use std::time::Instant;

use http::{Uri, uri::Scheme};
use ureq::unversioned::transport::{ConnectionDetails, Connector as ClientConnector};

use super::connect_attempt::ConnectAttempt;
use super::context::ExchangeContext;
use super::transport::Transport;
use crate::fetch::failure::Failure;
use crate::fetch::net::connection::Connection;
use crate::fetch::proxy::Protocol;
use crate::span::Span;

#[derive(Debug)]
pub(super) struct Connector {
    pub(super) context: Arc<ExchangeContext>,
}

impl ClientConnector for Connector {
    type Out = Transport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Transport>, ureq::Error> {
        let connection = match self.idle() {
            Some(connection) => connection,
            None => self.open(details.uri)?,
        };
        Ok(Some(Transport::new(Arc::clone(&self.context), connection)))
    }
}

impl Connector {
    fn idle(&self) -> Option<Connection> {
        let context = &self.context;
        let mut state = context.state();
        if !state.request.may_reuse {
            return None;
        }
        let connection = context.net.idle.take(&state.request.key, Instant::now())?;
        state.reply.is_reused = true;
        drop(state);
        context.register(connection.stream.socket()).ok()?;
        Some(connection)
    }

    /// Opens a connection: through the proxy if one was chosen, and never past it.
    fn open(&self, uri: &Uri) -> Result<Connection, Failure> {
        let context = &self.context;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let (proxy, key) = {
            let request = &context.state().request;
            (request.proxy.clone(), request.key.clone())
        };
        let mut attempt = ConnectAttempt::new(context, host, port);
        // Dropped before the attempt, whose permit is returned once the descriptor is closed.
        let registration = context.unregister_on_drop();
        // Read before a socket is open: a thread with a descriptor must not wait for another.
        let needs_tls = is_tls
            || proxy
                .as_ref()
                .is_some_and(|p| p.protocol == Protocol::Https);
        let config = needs_tls.then(|| attempt.tls_config()).transpose()?;
        // Reading the trust store happens once, and does not count as connecting.
        attempt.began = Instant::now();
        let mut stream = match &proxy {
            None => attempt.connect(host, port, false)?,
            Some(proxy) => attempt.via_proxy(proxy, is_tls, config.as_ref())?,
        };
        if let Some(config) = config.filter(|_| is_tls) {
            stream = attempt.start_tls(host, stream, config)?;
        }
        registration.keep();
        log::debug!(
            "{host}:{port}: connected to {} in {}",
            stream
                .socket()
                .peer_addr()
                .map_or_else(|error| error.to_string(), |peer| peer.to_string()),
            Span(attempt.began.elapsed()),
        );
        Ok(attempt.into_connection(&key, stream))
    }
}
