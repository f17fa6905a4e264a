//! Refusals and the answer to OPTIONS: what is said to a request without a dialog.
//! Knows: status, sentence, Retry-After. Must not: decide who is refused.

use std::time::Duration;

use super::{Refusal, warning};
use crate::protocol::sip::screen::{ACCEPT, ALLOW, SUPPORTED};
use crate::protocol::sip::{HeaderName, Request, Response, Status};

/// Miscellaneous warning (RFC 3261 20.43): free text for whoever reads the trace.
const MISCELLANEOUS: u16 = 399;

impl Refusal {
    /// `text` is a sentence for the administrator of the peer.
    pub fn new(status: Status, text: &str) -> Refusal {
        Refusal { status, text: text.to_owned(), retry_after: None }
    }

    pub fn retry_after(self, wait: Duration) -> Refusal {
        Refusal { retry_after: Some(wait), ..self }
    }

    /// The response to a request outside any dialog, without its To tag.
    pub fn response(&self, request: &Request) -> Response {
        let mut response = request.response(self.status);
        response.headers.push(HeaderName::Warning, warning(MISCELLANEOUS, &self.text));
        if let Some(wait) = self.retry_after {
            response.headers.push(HeaderName::RetryAfter, wait.as_secs().max(1).to_string());
        }
        if self.status == Status::METHOD_NOT_ALLOWED {
            response.headers.push(HeaderName::Allow, ALLOW);
        }
        response
    }
}

/// The 200 to OPTIONS (RFC 3261 11.2), without its To tag: what a call could use.
pub fn options_answer(request: &Request) -> Response {
    request
        .response(Status::OK)
        .with(HeaderName::Allow, ALLOW)
        .with(HeaderName::Accept, ACCEPT)
        .with(HeaderName::AcceptEncoding, "identity")
        .with(HeaderName::AcceptLanguage, "en")
        .with(HeaderName::Supported, SUPPORTED)
}
