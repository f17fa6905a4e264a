//! A connection of a virtual world: octets in their order, as late as the link between its ends makes them.
//! Knows: both ends, what the link does. Must not: lose an octet; TCP does not.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::{STREAM_BUFFER, VirtualEnvironment};

const SEGMENT: usize = 1460;
/// A link that was parted is tried again so often.
const TRIED_EVERY: Duration = Duration::from_millis(200);

/// The ends of a connection: who opened it, who accepts it.
pub(super) fn connect(
    environment: &VirtualEnvironment,
    from: SocketAddr,
    to: SocketAddr,
) -> (DuplexStream, DuplexStream) {
    let (opener, near) = duplex(STREAM_BUFFER);
    let (far, acceptor) = duplex(STREAM_BUFFER);
    let ((near_reader, near_writer), (far_reader, far_writer)) = (split(near), split(far));
    environment.runtime.spawn(carry(environment.clone(), near_reader, far_writer, (from, to)));
    environment.runtime.spawn(carry(environment.clone(), far_reader, near_writer, (to, from)));
    (opener, acceptor)
}

/// One direction, until one of its ends is gone.
async fn carry(
    environment: VirtualEnvironment,
    mut reader: ReadHalf<DuplexStream>,
    mut writer: WriteHalf<DuplexStream>,
    ends: (SocketAddr, SocketAddr),
) {
    let (put, mut take) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async {
        let mut buffer = [0; SEGMENT];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            let octets = buffer.get(..length).unwrap_or_default();
            if put.send((environment.carried(ends, octets), octets.to_vec())).is_err() {
                break;
            }
        }
        drop(put);
    };
    let writing = async {
        while let Some((at, octets)) = take.recv().await {
            if at > Instant::now() {
                sleep_until(at).await;
            }
            while environment.is_parted(ends) {
                sleep(TRIED_EVERY).await;
            }
            if writer.write_all(&octets).await.is_err() {
                break;
            }
        }
        // the other end may be gone before us
        let _ = writer.shutdown().await;
        drop(take);
    };
    tokio::join!(reading, writing);
}
