//! The OPTIONS request that asks a peer whether it lives (RFC 3261 11).
//! Knows: who asks, where. Must not: add what its endpoint adds (Via, Max-Forwards).

use std::net::{IpAddr, SocketAddr};

use super::Target;
use crate::protocol::sip::{HeaderName, Method, Request, Uri};

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Value of User-Agent.
    pub server: String,
    /// Where calls are taken: what Contact names to a peer of this IP version.
    pub port: u16,
}

/// `local`: our address, as the peer sees it. `call_id` and `tag` are drawn by the caller.
pub fn options(asker: &Asker, target: Target, local: IpAddr, call_id: &str, tag: &str) -> Request {
    let uri = target.uri();
    let own = SocketAddr::new(local, asker.port);
    let own = Uri::parse(&format!("sip:{own}"));
    let mut request = Request::new(Method::Options, uri.clone());
    let mut add = |name, value: String| request.headers.push(name, value);
    add(HeaderName::From, format!("<{own}>;tag={tag}"));
    add(HeaderName::To, format!("<{uri}>"));
    add(HeaderName::CallId, call_id.to_owned());
    add(HeaderName::CSeq, "1 OPTIONS".to_owned());
    add(HeaderName::Contact, format!("<{own}>"));
    add(HeaderName::Accept, "application/sdp".to_owned());
    add(HeaderName::UserAgent, asker.server.clone());
    request
}

impl Target {
    pub fn uri(&self) -> Uri {
        let transport = self.transport.as_str().to_ascii_lowercase();
        Uri::parse(&format!("sip:{};transport={transport}", self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::Transport;

    #[test]
    fn a_request_any_peer_can_answer() {
        let asker = Asker { server: "Ringpost".to_owned(), port: 5060 };
        let address: SocketAddr = "[2001:db8::5]:5070".parse().unwrap();
        let target = Target { address, transport: Transport::Tcp };
        let request = options(&asker, target, "2001:db8::1".parse().unwrap(), "c1", "t1");
        let text = String::from_utf8(request.to_bytes()).unwrap();
        let expected = "OPTIONS sip:[2001:db8::5]:5070;transport=tcp SIP/2.0\r\n\
            From: <sip:[2001:db8::1]:5060>;tag=t1\r\nTo: <sip:[2001:db8::5]:5070;transport=tcp>\r\nCall-ID: c1\r\n\
            CSeq: 1 OPTIONS\r\nContact: <sip:[2001:db8::1]:5060>\r\nAccept: application/sdp\r\nUser-Agent: Ringpost\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(text, expected);
    }
}
