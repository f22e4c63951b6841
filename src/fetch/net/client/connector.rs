//! Takes an idle connection or opens a new one, and gives it to the HTTP library when it has the head of a reply.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
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

/// The transport whose reply the library reads next. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Connector(Arc<Mutex<Option<Box<Transport>>>>);

impl Connector {
    /// Changes the transport, and returns the one before.
    pub(super) fn replace(&self, transport: Option<Box<Transport>>) -> Option<Box<Transport>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mem::replace(&mut *held, transport)
    }
}

impl ClientConnector for Connector {
    type Out = Box<Transport>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Box<Transport>>, ureq::Error> {
        Ok(self.replace(None))
    }
}

/// The connection for the next request.
pub(super) fn connect(context: &Arc<ExchangeContext>) -> Result<Box<Transport>, Failure> {
    let connection = match idle(context) {
        Some(connection) => connection,
        None => open_new(context)?,
    };
    Ok(Box::new(Transport::new(Arc::clone(context), connection)))
}

fn idle(context: &ExchangeContext) -> Option<Connection> {
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

fn open_new(context: &ExchangeContext) -> Result<Connection, Failure> {
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
