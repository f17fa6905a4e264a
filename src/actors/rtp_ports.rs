//! The RTP ports of this process: lent in pairs (RTP even, RTCP the next odd one), given back on drop.
//! Knows: which are lent. Must not: know a call.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Environment;
use crate::engine::environment::MediaSocket;

/// The pool; clones share it.
#[derive(Clone)]
pub struct RtpPorts {
    lent: Arc<Mutex<Lent>>,
    range: RangeInclusive<u16>,
}

struct Lent {
    ports: BTreeSet<u16>,
    next: u16,
}

/// A bound pair of sockets; the port goes back to the pool when it is dropped.
pub struct MediaSockets {
    pub rtp: Box<dyn MediaSocket>,
    pub rtcp: Box<dyn MediaSocket>,
    _lease: Lease,
}

struct Lease {
    pool: RtpPorts,
    port: u16,
}

impl RtpPorts {
    /// Ports of `range`, both ends included; `first` (any number) says where lending starts, so that a restarted
    /// node does not hand out at once the ports its predecessor's peers still send to.
    pub fn new(range: RangeInclusive<u16>, first: u64) -> RtpPorts {
        let span = u64::from(range.end().saturating_sub(*range.start())).max(1);
        let next = range.start().saturating_add((first % span) as u16) & !1;
        RtpPorts { lent: Arc::new(Mutex::new(Lent { ports: BTreeSet::new(), next })), range }
    }

    /// How many pairs are lent.
    pub fn lent(&self) -> usize {
        self.with(|lent| lent.ports.len())
    }

    /// Binds the next free pair on `address`. Ports another program holds are passed over.
    pub fn bind(&self, environment: &dyn Environment, address: IpAddr) -> io::Result<MediaSockets> {
        let pairs = usize::from(self.range.end().saturating_sub(*self.range.start())) / 2 + 1;
        let mut last = io::Error::other("every RTP port of the configured range is in use");
        for _ in 0..pairs {
            let Some(lease) = self.lend() else { break };
            let bind = |port| environment.bind_media(SocketAddr::new(address, port));
            match bind(lease.port).and_then(|rtp| Ok((rtp, bind(lease.port + 1)?))) {
                Ok((rtp, rtcp)) => return Ok(MediaSockets { rtp, rtcp, _lease: lease }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn lend(&self) -> Option<Lease> {
        self.with(|lent| {
            let start = self.range.start().saturating_add(1) & !1;
            let last = self.range.end().checked_sub(1)?;
            for _ in 0..=(last.checked_sub(start)? / 2) {
                let port = if (start..=last).contains(&lent.next) { lent.next } else { start };
                lent.next = port.checked_add(2).unwrap_or(start);
                if lent.ports.insert(port) {
                    return Some(Lease { pool: self.clone(), port });
                }
            }
            None
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Lent) -> T) -> T {
        work(&mut self.lent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.with(|lent| lent.ports.remove(&self.port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::virtual_::VirtualEnvironment;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[tokio::test]
    async fn pairs_are_even_and_come_back_when_dropped() {
        let environment = VirtualEnvironment::new(HOME, 1);
        let ports = RtpPorts::new(20_000..=20_003, 0);
        let first = ports.bind(&environment, HOME).unwrap();
        let second = ports.bind(&environment, HOME).unwrap();
        assert_eq!([first.rtp.local().port(), second.rtp.local().port()], [20_000, 20_002]);
        assert_eq!(first.rtcp.local().port(), 20_001);
        assert!(ports.bind(&environment, HOME).is_err());
        drop(first);
        assert_eq!(ports.lent(), 1);
        assert_eq!(ports.bind(&environment, HOME).unwrap().rtp.local().port(), 20_000);
    }

    #[tokio::test]
    async fn a_port_somebody_else_holds_is_passed_over() {
        let environment = VirtualEnvironment::new(HOME, 1);
        let _theirs = environment.bind_media(SocketAddr::new(HOME, 20_001)).unwrap();
        let ports = RtpPorts::new(20_000..=20_009, 0);
        assert_eq!(ports.bind(&environment, HOME).unwrap().rtp.local().port(), 20_002);
        assert_eq!(ports.lent(), 0, "nothing stays lent after the sockets are gone");
    }
}
