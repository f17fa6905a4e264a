//! The responses of a session: what each has to carry, and the refusals with their reasons.
//! Knows: RFC 3261 8.2, 12.1.1 and 20.43, RFC 4028 9. Must not: decide which response is due.

use super::{SDP, Session};
use crate::protocol::sdp::{Description, Incompatible, NotSdp};
use crate::protocol::sip::dialog::session_timer::{SessionTimer, Side};
use crate::protocol::sip::dialog::warning;
use crate::protocol::sip::screen::{ALLOW, SUPPORTED};
use crate::protocol::sip::{HeaderName, Request, Response, Status};

impl Session {
    /// A response with our tag and name.
    pub(super) fn reply(&self, request: &Request, status: Status) -> Response {
        self.signed(request.response(status))
    }

    /// The same, as ours.
    pub(super) fn signed(&self, response: Response) -> Response {
        response.with_to_tag(&self.dialog.local_tag).with(HeaderName::Server, &self.server)
    }

    /// A response to the INVITE that makes the dialog (RFC 3261 12.1.1).
    pub(super) fn dialog_response(&self, invite: &Request, status: Status) -> Response {
        let mut response = self.reply(invite, status);
        response.headers.copy_from(&invite.headers, &HeaderName::RecordRoute);
        self.with_capabilities(response)
    }

    pub(super) fn with_capabilities(&self, response: Response) -> Response {
        response
            .with(HeaderName::Contact, format!("<{}>", self.contact))
            .with(HeaderName::Allow, ALLOW)
            .with(HeaderName::Supported, SUPPORTED)
    }

    /// Adds our answer to the INVITE's offer, or our offer; nothing when an earlier response carried it.
    pub(super) fn with_session_description(&mut self, response: Response) -> Response {
        let offer = std::mem::take(&mut self.offer_due).then(|| self.negotiation.offer());
        match self.answer.take().or(offer) {
            Some(description) => with_sdp(response, &description),
            None => response,
        }
    }

    /// 488 with the Warning that says why.
    pub(super) fn incompatible(&self, request: &Request, why: Incompatible) -> Response {
        self.reply(request, Status::NOT_ACCEPTABLE_HERE)
            .with(HeaderName::Warning, warning(why.warning_code(), &why.to_string()))
    }

    /// 400 for a body that calls itself a session description.
    pub(super) fn unreadable(&self, request: &Request, why: &NotSdp) -> Response {
        let text = format!("The session description cannot be read: {why}");
        self.reply(request, Status::BAD_REQUEST).with(HeaderName::Warning, warning(399, &text))
    }

    /// What the request makes of the session timer, or the 422 it gets (RFC 4028 6).
    pub(super) fn agree_on_timer(&self, request: &Request) -> Result<Option<SessionTimer>, Response> {
        SessionTimer::agree(&request.headers, self.limits, self.session_timer).map_err(|_| {
            self.reply(request, Status::SESSION_INTERVAL_TOO_SMALL)
                .with(HeaderName::MinSe, self.limits.min_se.to_string())
        })
    }

    /// Session-Expires of a 2xx of ours, and `Require: timer` when the peer must refresh (RFC 4028 9).
    pub(super) fn add_session_timer(&self, response: &mut Response) {
        if let Some(timer) = self.session_timer {
            response.headers.push(HeaderName::SessionExpires, timer.in_response().to_string());
            if timer.refresher == Side::Peer {
                response.headers.push(HeaderName::Require, "timer");
            }
        }
    }
}

pub(super) fn with_sdp(response: Response, description: &Description) -> Response {
    response.with_body(SDP, description.to_string().into_bytes())
}
