//! One UDP socket for SIP: datagrams in, messages to the endpoint.
//! Knows: the socket. Must not: know transactions.

use std::future::poll_fn;
use std::sync::Arc;

use actix::prelude::*;

use crate::actors::sip_endpoint::{Received, SipEndpoint, Unreadable};
use crate::engine::environment::DatagramSocket;
use crate::protocol::sip::message::is_keep_alive;
use crate::protocol::sip::screen::unreadable;
use crate::protocol::sip::{Flow, Message, Transport};

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
/// After so many datagrams in a row the Arbiter's other work gets its turn.
const BURST: usize = 64;

/// Reads one UDP socket for as long as it lives.
pub struct DatagramListener {
    pub socket: Arc<dyn DatagramSocket>,
    pub endpoint: Addr<SipEndpoint>,
}

impl Actor for DatagramListener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let reading = read(self.socket.clone(), self.endpoint.clone());
        ctx.spawn(reading.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

async fn read(socket: Arc<dyn DatagramSocket>, endpoint: Addr<SipEndpoint>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let local = socket.local();
    loop {
        if let Err(error) = poll_fn(|cx| socket.poll_readable(cx)).await {
            tracing::error!(%local, %error, "SIP socket cannot be read any more");
            return;
        }
        for _ in 0..BURST {
            // an error here is either "nothing more" or the report of an earlier datagram that found nobody
            let Ok((length, remote)) = socket.try_receive(&mut buffer) else { break };
            let bytes = buffer.get(..length).unwrap_or_default();
            if is_keep_alive(bytes) {
                continue;
            }
            let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
            match Message::parse(bytes) {
                // a full mailbox is an overloaded node: the datagram is dropped, the peer sends it again
                Ok(message) => {
                    if endpoint.try_send(Received { message, flow }).is_err() {
                        tracing::debug!(%remote, "SIP datagram dropped: the endpoint is overloaded");
                    }
                }
                Err(error) => {
                    tracing::debug!(%remote, %error, "datagram is no SIP message");
                    if let Some(response) = unreadable(bytes, &error) {
                        endpoint.do_send(Unreadable { response, flow });
                    }
                }
            }
        }
        tokio::task::yield_now().await;
    }
}
