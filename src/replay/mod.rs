//! SIPp scenarios: read, and played against any target over the network or against an engine of their own.
//!
//! What lives here: the reader ([`Scenario`]), the machine of one call ([`call::Call`]), and who plays many of them.
//! It may know sockets only through [`crate::engine::Environment`]. It must not know anything of a node's insides.

pub mod call;
mod case;
mod crowd;
mod digest;
mod fault;
mod line;
mod message;
mod outcome;
mod partner;
mod pcap;
mod player;
pub mod scenario;
mod setup;
mod sounds;
mod summary;
mod value;
mod voice;
mod xml;

pub use case::Case;
pub use crowd::{Crowd, Load};
pub use fault::Fault;
pub use line::Line;
pub use outcome::{Failed, Failure, Outcome};
pub use partner::Partner;
pub use player::{Player, Terms};
pub use scenario::Scenario;
pub use setup::{FieldFile, Setup};
pub use sounds::Sounds;
pub use summary::{FailedCall, Passed, Percentiles, Summary, Times};
pub use value::{Value, Variable};

/// The text of a scenario that is built in.
pub fn builtin(name: &str) -> Option<&'static str> {
    match name {
        "uac" => Some(include_str!("builtin/uac.xml")),
        "uas" => Some(include_str!("builtin/uas.xml")),
        "uac_audio" => Some(include_str!("builtin/uac_audio.xml")),
        _ => None,
    }
}
