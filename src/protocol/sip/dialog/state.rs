//! What a dialog remembers of its INVITE (RFC 3261 12): identifiers, route set, remote target, CSeq of both sides.
//! Knows: header values. Must not: know what the requests it builds are for.

use crate::protocol::sip::values::CSeq;
use crate::protocol::sip::{Flow, HeaderName, Headers, Method, NameAddr, Request, Response, Status, Uri};

/// The dialog of an INVITE that was sent to us, or by us.
#[derive(Debug, Clone)]
pub(super) struct DialogState {
    pub call_id: String,
    pub local_tag: String,
    /// Empty for a caller of RFC 2543, which needs none (RFC 3261 12.1.1).
    pub remote_tag: String,
    /// Our address with our tag: From of our requests.
    local: String,
    /// The peer's address: To of our requests.
    remote: String,
    local_cseq: u32,
    remote_cseq: u32,
    route_set: Vec<String>,
    target: Uri,
    /// The way the INVITE came or goes; the endpoint finds the way to the next hop from it.
    flow: Flow,
}

/// A request of ours on its way out, as [`super::Command::Request`] and [`super::Command::SendAck`] tell it.
#[derive(Debug, Clone)]
pub(super) struct Outbound {
    pub request: Request,
    pub next_hop: Uri,
    pub flow: Flow,
}

/// A request came with a lower CSeq than one before it (RFC 3261 12.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfOrder;

impl DialogState {
    /// RFC 3261 12.1.1. Without a Contact the caller is reached at its From address until it names a better one.
    pub fn of_invite(invite: &Request, local_tag: &str, flow: Flow) -> DialogState {
        let value = |name| invite.headers.get(&name).unwrap_or_default().to_owned();
        let remote = value(HeaderName::From);
        let from = NameAddr::parse(&remote);
        let answered = invite.response(Status::OK).with_to_tag(local_tag);
        DialogState {
            call_id: value(HeaderName::CallId),
            local_tag: local_tag.to_owned(),
            remote_tag: from.tag().unwrap_or_default().to_owned(),
            local: answered.headers.get(&HeaderName::To).unwrap_or_default().to_owned(),
            remote,
            local_cseq: 0,
            remote_cseq: cseq_of(&invite.headers).unwrap_or_default(),
            route_set: invite.headers.values(&HeaderName::RecordRoute).map(str::to_owned).collect(),
            target: contact(&invite.headers).unwrap_or(from.uri),
            flow,
        }
    }

    /// What an INVITE of ours goes out with (RFC 3261 8.1.1). `from` and `to` are addresses without tags. There is no
    /// dialog before [`DialogState::confirm`].
    pub fn of_call(
        target: Uri,
        route: Option<Uri>,
        (from, to): (&str, &str),
        call_id: String,
        local_tag: String,
        flow: Flow,
    ) -> DialogState {
        DialogState {
            call_id,
            local: format!("{from};tag={local_tag}"),
            local_tag,
            remote_tag: String::new(),
            remote: to.to_owned(),
            local_cseq: 0,
            remote_cseq: 0,
            route_set: route.map(|route| format!("<{route}>")).into_iter().collect(),
            target,
            flow,
        }
    }

    /// The INVITE goes to another place than the one it was refused at (RFC 3261 8.1.3.4).
    pub fn turn_to(&mut self, target: Uri) {
        self.target = target;
    }

    /// The dialog that a response to an INVITE of ours makes (RFC 3261 12.1.2). One without Contact leaves the target.
    pub fn confirm(&mut self, response: &Response) {
        let to = response.headers.get(&HeaderName::To).unwrap_or(&self.remote).to_owned();
        self.remote_tag = NameAddr::parse(&to).tag().unwrap_or_default().to_owned();
        self.remote = to;
        let mut routes: Vec<_> = response.headers.values(&HeaderName::RecordRoute).map(str::to_owned).collect();
        routes.reverse();
        self.route_set = routes;
        self.refresh_target(&response.headers);
    }

    /// Whether a response to our INVITE is of this dialog, and not of another that a proxy made by forking it.
    pub fn is_of(&self, response: &Response) -> bool {
        let to = response.headers.get(&HeaderName::To).map(NameAddr::parse);
        to.is_some_and(|to| to.tag().unwrap_or_default() == self.remote_tag)
    }

    /// Takes note of a request's CSeq.
    pub fn receive(&mut self, request: &Request) -> Result<(), OutOfOrder> {
        let number = cseq_of(&request.headers).unwrap_or(self.remote_cseq);
        if number < self.remote_cseq {
            return Err(OutOfOrder);
        }
        self.remote_cseq = number;
        Ok(())
    }

    /// Takes a new remote target from a target refresh request or its 2xx (RFC 3261 12.2.1.2, 12.2.2).
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    /// The next request of our own (RFC 3261 12.2.1.1), without Via.
    pub fn request(&mut self, method: Method) -> Outbound {
        self.local_cseq += 1;
        self.build(method, self.local_cseq)
    }

    /// The ACK for a 2xx to an INVITE of ours (RFC 3261 13.2.2.4).
    pub fn ack(&self, accepted: &Response) -> Outbound {
        self.build(Method::Ack, cseq_of(&accepted.headers).unwrap_or(self.local_cseq))
    }

    fn build(&self, method: Method, cseq: u32) -> Outbound {
        let first = self.route_set.first().map(|route| NameAddr::parse(route).uri);
        let (uri, routes) = match &first {
            None => (self.target.clone(), Vec::new()),
            Some(first) if first.param("lr").is_some() => (self.target.clone(), self.route_set.clone()),
            // a strict router wants itself as Request-URI and finds the target at the end
            Some(strict) => {
                let rest = self.route_set.iter().skip(1).cloned();
                (without_headers(strict), rest.chain([format!("<{}>", self.target)]).collect())
            }
        };

        let mut request = Request::new(method, uri);
        for route in routes {
            request.headers.push(HeaderName::Route, route);
        }
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, &self.local);
        request.headers.push(HeaderName::To, &self.remote);
        request.headers.push(HeaderName::CallId, &self.call_id);
        let cseq = format!("{cseq} {}", request.method);
        request.headers.push(HeaderName::CSeq, cseq);
        // the first of the route set, loose or strict (8.1.2)
        let next_hop = first.unwrap_or_else(|| self.target.clone());
        Outbound { request, next_hop, flow: self.flow }
    }
}

/// The CSeq number of a message.
pub(super) fn cseq_of(headers: &Headers) -> Option<u32> {
    CSeq::of(headers).map(|cseq| cseq.number)
}

/// The address of the first Contact; `*` and emptiness are none.
fn contact(headers: &Headers) -> Option<Uri> {
    let uri = NameAddr::parse(headers.values(&HeaderName::Contact).next()?).uri;
    uri.as_str().contains(':').then_some(uri)
}

/// A Request-URI has no header part (RFC 3261 19.1.1).
fn without_headers(uri: &Uri) -> Uri {
    Uri::parse(uri.as_str().split('?').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::Transport;

    #[test]
    fn a_route_set_of_loose_and_strict_routers_makes_the_request_and_its_next_hop() {
        let address = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: None };
        for (record_route, uri, routes, next_hop) in [
            // RFC 3261 12.2.1.1: the first of the route set decides, whatever comes after it
            (vec![], "sip:ann@10.9.9.9", vec![], "sip:ann@10.9.9.9"),
            (
                vec!["<sip:10.0.0.1;lr>", "<sip:10.0.0.2;lr>"],
                "sip:ann@10.9.9.9",
                vec!["<sip:10.0.0.1;lr>", "<sip:10.0.0.2;lr>"],
                "sip:10.0.0.1;lr",
            ),
            (
                vec!["<sip:10.0.0.1;lr>", "<sip:10.0.0.2>"],
                "sip:ann@10.9.9.9",
                vec!["<sip:10.0.0.1;lr>", "<sip:10.0.0.2>"],
                "sip:10.0.0.1;lr",
            ),
            (
                vec!["<sip:10.0.0.1>", "<sip:10.0.0.2;lr>"],
                "sip:10.0.0.1",
                vec!["<sip:10.0.0.2;lr>", "<sip:ann@10.9.9.9>"],
                "sip:10.0.0.1",
            ),
            (vec!["<sip:10.0.0.1:5070>"], "sip:10.0.0.1:5070", vec!["<sip:ann@10.9.9.9>"], "sip:10.0.0.1:5070"),
        ] {
            let mut invite = Request::new(Method::Invite, Uri::parse("sip:5000@192.0.2.1"));
            invite.headers.push(HeaderName::Contact, "<sip:ann@10.9.9.9>");
            record_route.iter().for_each(|route| invite.headers.push(HeaderName::RecordRoute, *route));
            let mut state = DialogState::of_invite(&invite, "ours", flow);
            let accepted = invite.response(Status::OK);
            for sent in [state.request(Method::Bye), state.ack(&accepted)] {
                assert_eq!(sent.request.uri.as_str(), uri, "{record_route:?}");
                assert_eq!(sent.request.headers.values(&HeaderName::Route).collect::<Vec<_>>(), routes);
                assert_eq!(sent.next_hop.as_str(), next_hop, "{record_route:?}");
            }
        }
    }
}
