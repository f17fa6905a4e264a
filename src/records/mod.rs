//! What is known of calls: those in progress, and the call data record of each that ended.
//! Knows: the fields of Exchange's records, how they are kept ([`store`]), exported and summed up. Must not: know SIP,
//! actors, or how a call is made.

mod call_data_record;
pub mod export;
pub mod refusals;
pub mod report;
pub mod store;
mod taken;
pub mod test_call;
pub mod trace;
pub mod traces;

pub use call_data_record::{ActiveCall, AudioQuality, CallDataRecord, CallType, OfferResult};
pub use store::{KeptRecord, RecordError, RecordStore, RecordWriter};
pub use taken::Taken;
