//! One listening stream socket: every connection it accepts becomes a [`Connection`] actor.
//! Knows: the socket. Must not: read from a connection.

use std::future::poll_fn;
use std::time::Duration;

use actix::prelude::*;

use super::connection::Connection;
use crate::actors::sip_endpoint::{NewConnection, SipEndpoint};
use crate::actors::wiretap::Wiretap;
use crate::engine::environment::StreamListener;
use crate::protocol::sip::Transport;

/// Out of file descriptors: connections that end give some back; asking again at once would only burn CPU.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

pub struct StreamAcceptor {
    pub listener: Option<Box<dyn StreamListener>>,
    pub transport: Transport,
    pub endpoint: Addr<SipEndpoint>,
    pub idle_timeout: Duration,
    /// Of the process.
    pub tap: Wiretap,
}

impl Actor for StreamAcceptor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(mut listener) = self.listener.take() else { return };
        let (endpoint, transport, idle_timeout) = (self.endpoint.clone(), self.transport, self.idle_timeout);
        let tap = self.tap.clone();
        let accepting = async move {
            let local = listener.local();
            loop {
                match poll_fn(|cx| listener.poll_accept(cx)).await {
                    Ok((stream, remote)) => {
                        let (endpoint, tap) = (endpoint.clone(), tap.clone());
                        let connection =
                            Connection::start(stream, transport, local, remote, endpoint.clone(), idle_timeout, tap);
                        endpoint.do_send(NewConnection { connection, transport, remote });
                    }
                    Err(error) => {
                        tracing::warn!(%local, %error, "connection not accepted");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                }
            }
        };
        ctx.spawn(accepting.into_actor(self));
    }
}
