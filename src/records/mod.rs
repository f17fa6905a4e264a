//! What is known of calls: those in progress, and the call data record of each that ended.
//! Knows: plain values, the fields of Exchange's records. Must not: know SIP, actors, where records are kept.

mod call_data_record;

pub use call_data_record::{ActiveCall, AudioQuality, CallDataRecord, CallType, OfferResult};
