#![no_main]
//! Values: URIs, addresses, lists, diversions, history.

use libfuzzer_sys::fuzz_target;
use ringpost::protocol::sip::diversion::{Diversion, HistoryEntry};
use ringpost::protocol::sip::headers::split_list;
use ringpost::protocol::sip::values::{CSeq, RAck, Reason, SessionExpires, Via};
use ringpost::protocol::sip::{NameAddr, Uri};

fuzz_target!(|text: &str| {
    let uri = Uri::parse(text);
    let _ = (uri.user(), uri.user_param("a"), uri.host(), uri.port(), uri.address(), uri.param("a"), uri.header("a"));
    for value in split_list(text) {
        let _ = NameAddr::parse(value).to_string();
        let _ = (Diversion::parse(value), HistoryEntry::parse(value));
        let _ = (Via::parse(value), CSeq::parse(value), RAck::parse(value), Reason::parse(value), SessionExpires::parse(value));
    }
});
