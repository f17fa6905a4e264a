//! SIP status codes (RFC 3261 21 and extensions).
//! Knows: numbers and the reason phrases their RFCs give (rsip would write `ServerTimeOut`). Must not: decide who
//! answers what.

use std::fmt;

/// A status code, 100 to 699.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

impl Status {
    pub const TRYING: Status = Status(100);
    pub const RINGING: Status = Status(180);
    pub const SESSION_PROGRESS: Status = Status(183);
    pub const OK: Status = Status(200);
    pub const ACCEPTED: Status = Status(202);
    pub const MOVED_TEMPORARILY: Status = Status(302);
    pub const BAD_REQUEST: Status = Status(400);
    pub const FORBIDDEN: Status = Status(403);
    pub const NOT_FOUND: Status = Status(404);
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    pub const REQUEST_TIMEOUT: Status = Status(408);
    pub const REQUEST_ENTITY_TOO_LARGE: Status = Status(413);
    pub const REQUEST_URI_TOO_LONG: Status = Status(414);
    pub const UNSUPPORTED_MEDIA_TYPE: Status = Status(415);
    pub const UNSUPPORTED_URI_SCHEME: Status = Status(416);
    pub const BAD_EXTENSION: Status = Status(420);
    pub const SESSION_INTERVAL_TOO_SMALL: Status = Status(422);
    pub const TEMPORARILY_UNAVAILABLE: Status = Status(480);
    pub const CALL_DOES_NOT_EXIST: Status = Status(481);
    pub const LOOP_DETECTED: Status = Status(482);
    pub const TOO_MANY_HOPS: Status = Status(483);
    pub const ADDRESS_INCOMPLETE: Status = Status(484);
    pub const BUSY_HERE: Status = Status(486);
    pub const REQUEST_TERMINATED: Status = Status(487);
    pub const NOT_ACCEPTABLE_HERE: Status = Status(488);
    pub const BAD_INFO_PACKAGE: Status = Status(469);
    pub const REQUEST_PENDING: Status = Status(491);
    pub const SERVER_INTERNAL_ERROR: Status = Status(500);
    pub const NOT_IMPLEMENTED: Status = Status(501);
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    pub const SERVER_TIMEOUT: Status = Status(504);
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);
    pub const MESSAGE_TOO_LARGE: Status = Status(513);

    /// `None` outside 100 to 699.
    pub fn new(code: u16) -> Option<Status> {
        (100..700).contains(&code).then_some(Status(code))
    }

    pub fn code(self) -> u16 {
        self.0
    }

    pub fn is_provisional(self) -> bool {
        self.0 < 200
    }

    pub fn is_success(self) -> bool {
        (200..300).contains(&self.0)
    }

    pub fn is_final(self) -> bool {
        self.0 >= 200
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Status {
    /// The reason phrase the defining RFC gives (RFC 3261 21, 3262, 4028 …).
    pub fn default_reason(self) -> &'static str {
        match self.0 {
            100 => "Trying",
            180 => "Ringing",
            181 => "Call Is Being Forwarded",
            182 => "Queued",
            183 => "Session Progress",
            200 => "OK",
            202 => "Accepted",
            300 => "Multiple Choices",
            301 => "Moved Permanently",
            302 => "Moved Temporarily",
            305 => "Use Proxy",
            380 => "Alternative Service",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            407 => "Proxy Authentication Required",
            408 => "Request Timeout",
            410 => "Gone",
            413 => "Request Entity Too Large",
            414 => "Request-URI Too Long",
            415 => "Unsupported Media Type",
            416 => "Unsupported URI Scheme",
            420 => "Bad Extension",
            421 => "Extension Required",
            422 => "Session Interval Too Small",
            423 => "Interval Too Brief",
            469 => "Bad Info Package",
            480 => "Temporarily Unavailable",
            481 => "Call/Transaction Does Not Exist",
            482 => "Loop Detected",
            483 => "Too Many Hops",
            484 => "Address Incomplete",
            485 => "Ambiguous",
            486 => "Busy Here",
            487 => "Request Terminated",
            488 => "Not Acceptable Here",
            489 => "Bad Event",
            491 => "Request Pending",
            493 => "Undecipherable",
            500 => "Server Internal Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Server Time-out",
            505 => "Version Not Supported",
            513 => "Message Too Large",
            600 => "Busy Everywhere",
            603 => "Decline",
            604 => "Does Not Exist Anywhere",
            606 => "Not Acceptable",
            code if code < 200 => "Progress",
            code if code < 300 => "OK",
            code if code < 400 => "Redirection",
            code if code < 500 => "Request Failure",
            code if code < 600 => "Server Failure",
            _ => "Global Failure",
        }
    }
}
