//! The labels of figures: closed lists as enums, configured names as text.
//! Knows: how each is spelled. Must not: count.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A closed list of label values, each spelled as written here.
macro_rules! choices {
    ($(#[$of:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)+
                }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
                encoder.write_str(self.as_str())
            }
        }
    };
}

choices! {
    /// The part of a node that answered.
    RefusedBy {
        CallRouter = "call_router",
        UmService = "um_service",
        UmWorker = "um_worker",
    }
}

choices! {
    /// How a request came.
    Transport {
        Udp = "udp",
        Tcp = "tcp",
    }
}

choices! {
    /// What a call router or UM service answered.
    Answered {
        /// 302 towards the UM service or worker.
        Redirected = "redirected",
        /// The INVITE was passed on to a worker, because its gateway cannot follow a 302.
        Forwarded = "forwarded",
        /// 4xx or 5xx to an INVITE; `ringpost_calls_refused_total` says why.
        Refused = "refused",
        /// 200 to OPTIONS.
        OptionsOk = "options_ok",
        /// 503 to OPTIONS.
        OptionsOutOfService = "options_out_of_service",
        /// Anything else: another method, a message that cannot be read.
        Other = "other",
    }
}

choices! {
    /// Why a call was refused: what its status means.
    RefusedWhy {
        BadRequest = "bad_request",
        NotAllowed = "peer_not_allowed",
        NotFound = "no_such_user",
        Unavailable = "temporarily_unavailable",
        Loop = "loop",
        NoCodec = "no_common_codec",
        Internal = "internal_error",
        OutOfService = "full_or_out_of_service",
        Extension = "extension_or_timer",
        Other = "other",
    }
}

choices! {
    /// How a worker process ended that nobody had told to.
    WorkerEnd {
        /// The process is gone.
        Died = "died",
        /// It lived and said nothing, and was killed.
        Silent = "silent",
        /// It could not begin.
        NotStarted = "not_started",
    }
}

choices! {
    /// Why a worker was replaced while nothing was wrong with its calls.
    RecycleReason {
        Command = "command",
        Age = "age",
        Memory = "memory",
        Program = "program",
        Addresses = "addresses",
    }
}

choices! {
    /// What came of reading the directory.
    RefreshResult {
        /// A new generation is in force.
        Applied = "applied",
        Unchanged = "unchanged",
        /// It has faults; the generation before stays in force.
        Invalid = "invalid",
        /// The provider could not be read.
        Unreadable = "unreadable",
    }
}

choices! {
    /// What came of one attempt to deliver a message.
    Delivered {
        Delivered = "delivered",
        /// It is tried again.
        Failed = "failed",
        /// It was the last: the message is in `failed/`.
        Parked = "parked",
    }
}

impl RefusedWhy {
    /// What a SIP status says about a refused call.
    pub fn of(status: u16) -> RefusedWhy {
        match status {
            400 | 405 | 413..=416 => RefusedWhy::BadRequest,
            401 | 403 | 407 => RefusedWhy::NotAllowed,
            404 | 410 | 604 => RefusedWhy::NotFound,
            408 | 480 | 486 | 600 => RefusedWhy::Unavailable,
            420..=422 => RefusedWhy::Extension,
            482 | 483 => RefusedWhy::Loop,
            488 | 606 => RefusedWhy::NoCodec,
            503 => RefusedWhy::OutOfService,
            500..=599 => RefusedWhy::Internal,
            _ => RefusedWhy::Other,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Calls {
    pub call_type: &'static str,
    pub result: &'static str,
    pub gateway: String,
    pub dial_plan: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Refusals {
    pub by: RefusedBy,
    pub status: u32,
    pub reason: RefusedWhy,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct By {
    pub by: RefusedBy,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Router {
    pub by: RefusedBy,
    pub transport: Transport,
    pub answer: Answered,
}

/// One label, `reason`, of a closed list.
pub(super) type Why<R> = [(&'static str, R); 1];

pub(super) fn why<R>(reason: R) -> Why<R> {
    [("reason", reason)]
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Attempts {
    pub result: Delivered,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Code {
    pub code: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Gateway {
    pub gateway: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Active {
    pub gateway: String,
    pub dial_plan: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Component {
    pub component: String,
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Worker {
    pub port: u32,
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct InState {
    pub state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Of {
    pub kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Build {
    pub version: &'static str,
}
