//! SIP methods (RFC 3261 7.1 and the extensions we speak).
//! Knows: names. Must not: know what a method means to a dialog.

use std::fmt;

/// A request method. Method names are case-sensitive (RFC 3261 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Info,
    Prack,
    Update,
    Refer,
    Notify,
    Subscribe,
    Register,
    Message,
    Publish,
    /// A method we do not know; it is answered with 405.
    Other(Box<str>),
}

impl Method {
    pub fn parse(text: &str) -> Method {
        use Method::*;
        match text {
            "INVITE" => Invite,
            "ACK" => Ack,
            "BYE" => Bye,
            "CANCEL" => Cancel,
            "OPTIONS" => Options,
            "INFO" => Info,
            "PRACK" => Prack,
            "UPDATE" => Update,
            "REFER" => Refer,
            "NOTIFY" => Notify,
            "SUBSCRIBE" => Subscribe,
            "REGISTER" => Register,
            "MESSAGE" => Message,
            "PUBLISH" => Publish,
            other => Other(other.into()),
        }
    }

    pub fn as_str(&self) -> &str {
        use Method::*;
        match self {
            Invite => "INVITE",
            Ack => "ACK",
            Bye => "BYE",
            Cancel => "CANCEL",
            Options => "OPTIONS",
            Info => "INFO",
            Prack => "PRACK",
            Update => "UPDATE",
            Refer => "REFER",
            Notify => "NOTIFY",
            Subscribe => "SUBSCRIBE",
            Register => "REGISTER",
            Message => "MESSAGE",
            Publish => "PUBLISH",
            Other(name) => name,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
