//! Who calls, from where, and what the INVITE says.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::caller::{Caller, Way};
use crate::rtp::Network;
use crate::sip::Sip;
use crate::sound::Law;
use crate::world::World;

/// A host that speaks SIP.
pub struct Peer {
    world: World,
    address: IpAddr,
}

/// Why a call was diverted (RFC 5806).
#[derive(Debug, Clone, Copy)]
pub enum Diverted {
    NoAnswer,
    UserBusy,
    Unconditional,
}

/// How the peer's SIP travels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transport {
    Udp,
    Tcp,
    /// TCP, an octet a segment.
    TrickledTcp,
}

/// An INVITE that is being written.
pub struct Invite {
    pub world: World,
    pub address: IpAddr,
    pub user: String,
    pub number: String,
    pub headers: Vec<(String, String)>,
    pub transport: Transport,
    pub law: Law,
    pub network: Network,
    /// Where the SDP says media is received, if not where it is.
    pub signalled_media: Option<SocketAddr>,
    /// In place of the usual offer; empty: none.
    pub offer: Option<String>,
    /// The host of the request URI, if not the node's address.
    pub host: Option<String>,
    /// Which part of the node is called.
    pub node: SocketAddr,
}

impl Peer {
    pub fn new(world: World, address: IpAddr) -> Peer {
        Peer { world, address }
    }

    pub fn invite(&self, user: &str) -> Invite {
        Invite {
            world: self.world.clone(),
            address: self.address,
            user: user.to_owned(),
            number: "+14255550100".to_owned(),
            headers: Vec::new(),
            transport: Transport::Udp,
            law: Law::Mu,
            network: Network::default(),
            signalled_media: None,
            offer: None,
            host: None,
            node: self.world.node(),
        }
    }

    /// A call for alice that nobody answered, as the sample organisation's phone system sends it.
    pub fn call_for_alice(&self) -> Invite {
        self.invite("5000").diverted_from("1001", Diverted::NoAnswer)
    }

    /// A request outside any call.
    pub fn request(&self, method: &str) -> Caller {
        let mut caller = self.invite("ringpost").ready();
        caller.outside_dialog(method);
        caller
    }
}

impl Invite {
    pub fn diverted_from(self, user: &str, reason: Diverted) -> Invite {
        let reason = match reason {
            Diverted::NoAnswer => "no-answer",
            Diverted::UserBusy => "user-busy",
            Diverted::Unconditional => "unconditional",
        };
        self.header("Diversion", &format!("<sip:{user}@pbx.example.test>;reason={reason};counter=1"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Invite {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn numbered(self, number: &str) -> Invite {
        Invite { number: number.to_owned(), ..self }
    }

    pub fn anonymously(self) -> Invite {
        self.numbered("anonymous").header("Privacy", "id")
    }

    pub fn calling_host(self, host: &str) -> Invite {
        Invite { host: Some(host.to_owned()), ..self }
    }

    /// Calls another part of the node than the worker.
    pub fn calling_port(mut self, port: u16) -> Invite {
        self.node.set_port(port);
        self
    }

    pub fn over(self, transport: Transport) -> Invite {
        Invite { transport, ..self }
    }

    /// Offers this law of G.711 only.
    pub fn speaking(self, law: Law) -> Invite {
        Invite { law, ..self }
    }

    pub fn through(self, loss: u32, jitter: Duration) -> Invite {
        Invite { network: Network { loss, jitter }, ..self }
    }

    /// The SDP names this address, though media comes from elsewhere.
    pub fn signalling_media_at(self, address: &str) -> Invite {
        Invite { signalled_media: Some(address.parse().unwrap()), ..self }
    }

    pub fn offering(self, sdp: &str) -> Invite {
        Invite { offer: Some(sdp.to_owned()), ..self }
    }

    /// The offer is left to the node.
    pub fn without_offer(self) -> Invite {
        self.offering("")
    }

    /// Sends it.
    pub fn dial(self) -> Caller {
        let mut caller = self.ready();
        caller.dial();
        caller
    }

    /// Everything is ready; nothing is sent yet.
    pub fn ready(self) -> Caller {
        let number = self.world.number();
        let node = self.node;
        let local = SocketAddr::new(self.address, 30_000 + (number % 1_000_000) as u16 * 4);
        let way = match self.transport {
            Transport::Udp => Way::datagrams(&self.world, local, node),
            Transport::Tcp => Way::stream(&self.world, local, node, usize::MAX),
            Transport::TrickledTcp => Way::stream(&self.world, local, node, 1),
        };
        Caller::new(self, way, local, number)
    }

    pub fn request_uri(&self) -> String {
        match &self.host {
            Some(host) => format!("sip:{}@{host}", self.user),
            None => format!("sip:{}@{}", self.user, self.node),
        }
    }

    pub fn add_headers(&self, request: Sip) -> Sip {
        self.headers.iter().fold(request, |request, (name, value)| request.with(name, value.clone()))
    }
}

/// The usual offer of a gateway.
pub fn offer(media: SocketAddr, law: Law, attributes: &str) -> String {
    let formats = match law {
        Law::Mu => "0 8 101",
        Law::A => "8 101",
    };
    let (address, port) = (media.ip(), media.port());
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=gateway 2890844526 2890844526 IN {family} {address}\r\ns=call\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n{attributes}"
    )
}
