//! SIP transports: one actor a datagram socket, one a stream listener, one a stream connection.
//! Knows: sockets and framing. Must not: know transactions; whole messages go to the `SipEndpoint`.

mod connection;
mod datagram;
mod listener;

pub use connection::{Connection, Write};
pub use datagram::DatagramListener;
pub use listener::StreamAcceptor;
