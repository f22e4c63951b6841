//! Gives the HTTP library connections: an idle one, or a new one.

use std::sync::Arc;
use std::time::Instant;

use ureq::unversioned::transport::{ConnectionDetails, Connector as ClientConnector};

use super::connect_attempt::ConnectAttempt;
use super::context::{ExchangeContext, RequestState};
use super::transport::Transport;
use crate::fetch::failure::Failure;
use crate::fetch::net::idle::Connection;
use crate::fetch::net::io::stream::Stream;
use crate::fetch::outcome::ConnectionInfo;
use crate::fetch::proxy::{Protocol, Proxy};
use crate::span::Span;

#[derive(Debug)]
pub(super) struct Connector {
    pub(super) context: Arc<ExchangeContext>,
}

impl ClientConnector for Connector {
    type Out = Transport;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Transport>, ureq::Error> {
        let connection = match self.idle() {
            Some(connection) => connection,
            None => self.open()?,
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
        let connection = context
            .net
            .idle
            .used
            .take(&state.request.key, Instant::now())?;
        state.reply.is_reused = true;
        state.attempt.connection = ConnectionInfo {
            remote_ip: connection.info.remote_ip,
            is_reused: true,
            ..ConnectionInfo::default()
        };
        drop(state);
        context.register(connection.stream.socket()).ok()?;
        Some(connection)
    }

    fn open(&self) -> Result<Connection, Failure> {
        let context = &self.context;
        let RequestState {
            key,
            host,
            port,
            is_tls,
            proxy,
            ..
        } = context.state().request.clone();
        let mut attempt = ConnectAttempt::new(context, &host, port);
        match open(&mut attempt, is_tls, proxy.as_deref()) {
            Ok(stream) => {
                let info = context.state().attempt.connection;
                if let Some(remote) = info.remote_ip {
                    let took = Span(attempt.began.elapsed());
                    log::debug!("{host}:{port}: connected to {remote} in {took}");
                }
                Ok(Connection::new(&key, stream, info, attempt.permit))
            }
            Err(failure) => {
                // Close the socket before the attempt returns the permit for its descriptor.
                context.slot.clear();
                Err(failure)
            }
        }
    }
}

/// Opens a connection: through the proxy if one was chosen, and never past it.
fn open(
    attempt: &mut ConnectAttempt<'_>,
    is_tls: bool,
    proxy: Option<&Proxy>,
) -> Result<Box<dyn Stream>, Failure> {
    if is_tls || proxy.is_some_and(|proxy| proxy.protocol == Protocol::Https) {
        // Read the trust store before a socket is open: a thread with a descriptor must not wait for another one.
        // Reading does not count as connecting.
        attempt.tls_config()?;
        attempt.began = Instant::now();
    }
    let stream = match proxy {
        None => match attempt.first_connection() {
            Some(stream) => stream?,
            None => attempt.connect(attempt.host, attempt.port, false)?,
        },
        Some(proxy) => attempt.via_proxy(proxy, is_tls)?,
    };
    if is_tls {
        attempt.start_tls(attempt.host, stream)
    } else {
        Ok(stream)
    }
}
