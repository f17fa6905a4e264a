//! The diversion in an ISUP part (`application/isup`, RFC 3204): redirecting number, original called number and the
//! reason, from the IAM of ITU-T Q.763.
//! Knows: octets of an IAM. Must not: understand more of ISUP than who diverted a call.

use super::diversion::{Diversion, DiversionReason};
use super::{Request, Uri};

/// The diversions that an IAM in the body tells of, the latest first; empty when there is none.
pub(super) fn diversions(request: &Request) -> Vec<Diversion> {
    request.part("application/isup").and_then(read_iam).unwrap_or_default()
}

// message type (Q.763 table 4) and parameter names (table 5)
const IAM: u8 = 0x01;
const REDIRECTING_NUMBER: u8 = 0x0b;
const REDIRECTION_INFORMATION: u8 = 0x13;
const ORIGINAL_CALLED_NUMBER: u8 = 0x28;

/// The fixed part of an IAM: nature of connection, forward call (2), calling party's category, transmission medium.
const FIXED: usize = 5;

fn read_iam(bytes: &[u8]) -> Option<Vec<Diversion>> {
    let (IAM, rest) = bytes.split_first().map(|(kind, rest)| (*kind, rest))? else { return None };
    // Q.763 1.5: pointer to the called party number, then the pointer to the optional part, counted from itself
    let pointers = rest.get(FIXED..)?;
    let optional = match usize::from(*pointers.get(1)?) {
        0 => return None,
        offset => pointers.get(1 + offset..)?,
    };
    let (mut latest, mut original, mut reasons) = (None, None, (0, 0, 0));
    for (name, value) in params(optional) {
        match name {
            REDIRECTING_NUMBER => latest = read_number(value),
            ORIGINAL_CALLED_NUMBER => original = read_number(value),
            REDIRECTION_INFORMATION => {
                // Q.763 3.45: original reason in the high half of octet 1; reason and counter in octet 2
                let second = value.get(1).copied().unwrap_or_default();
                reasons = (second >> 4, value.first().copied().unwrap_or_default() >> 4, second & 0x07);
            }
            _ => {}
        }
    }
    let (reason, original_reason, counter) = reasons;
    let only_one = latest.is_none() || latest == original;
    let counter = (counter > 0).then_some(u32::from(counter));
    let latest = latest.or(original.clone()).map(|number| diversion(number, reason, counter));
    let original = original.filter(|_| !only_one).map(|number| diversion(number, original_reason, None));
    Some(latest.into_iter().chain(original).collect())
}

fn diversion(number: String, reason: u8, counter: Option<u32>) -> Diversion {
    use DiversionReason::*;
    // Q.763 3.45 d
    let reason = match reason {
        1 => UserBusy,
        2 => NoAnswer,
        3 => Unconditional,
        4 | 5 => Deflection,
        6 => Unavailable,
        _ => Unknown(String::new()),
    };
    Diversion { uri: Uri::parse(&format!("tel:{number}")), user: Some(number), display: String::new(), reason, counter }
}

/// The optional parameters: name, length, value, until name 0.
fn params(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let [name @ 1..=u8::MAX, length, after @ ..] = rest else { return None };
        let (value, next) = after.split_at_checked(usize::from(*length))?;
        rest = next;
        Some((*name, value))
    })
}

/// A number as in Q.763 3.9: odd/even and nature of address, numbering plan, digits two an octet, low half first.
fn read_number(value: &[u8]) -> Option<String> {
    let [nature, _plan, digits @ ..] = value else { return None };
    const INTERNATIONAL: u8 = 4;
    let mut number = String::from(if nature & 0x7f == INTERNATIONAL { "+" } else { "" });
    let halves = digits.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]);
    let count = digits.len() * 2 - usize::from(nature & 0x80 != 0 && !digits.is_empty());
    // 15 ends the address (ST)
    number.extend(
        halves.take(count).take_while(|half| *half < 15).filter_map(|half| char::from_digit(u32::from(half), 16)),
    );
    number.chars().any(|c| c.is_ascii_digit()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sip::{HeaderName, Method, diversion::diversions};
    use proptest::prelude::*;

    /// An IAM to 5000 with these optional parameters.
    fn iam(optional: &[&[u8]]) -> Vec<u8> {
        let called = [4, 0x03, 0x10, 0x05, 0x00];
        let mut bytes = vec![IAM, 0x00, 0x20, 0x01, 0x0a, 0x00, 2, called.len() as u8 + 1];
        bytes.extend(called);
        optional.iter().for_each(|param| bytes.extend(*param));
        bytes.push(0);
        bytes
    }

    fn invite(isup: &[u8]) -> Request {
        let mut request = Request::new(Method::Invite, Uri::parse("sip:5000@x"));
        request.headers.push(HeaderName::ContentType, "multipart/mixed; boundary=b");
        request.body = b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/isup;version=itu-t92+\r\n\
            Content-Disposition: signal;handling=optional\r\n\r\n".to_vec();
        request.body.extend(isup);
        request.body.extend(b"\r\n--b--");
        request
    }

    #[test]
    fn redirecting_number_with_reason_and_counter_is_the_diversion() {
        // +14255550103, no reply, second diversion; originally 1001, busy
        let request = invite(&iam(&[
            &[REDIRECTING_NUMBER, 8, 0x84, 0x10, 0x41, 0x52, 0x55, 0x05, 0x01, 0x03],
            &[0x0a, 2, 0x03, 0x13],
            &[REDIRECTION_INFORMATION, 2, 0x13, 0x22],
            &[ORIGINAL_CALLED_NUMBER, 4, 0x03, 0x10, 0x01, 0x10],
        ]));
        let found = diversions(&request);
        let told: Vec<_> =
            found.iter().map(|d| (d.user.as_deref().unwrap_or_default(), &d.reason, d.counter)).collect();
        assert_eq!(
            told,
            [("+14255550103", &DiversionReason::NoAnswer, Some(2)), ("1001", &DiversionReason::UserBusy, None)]
        );
        assert_eq!(found.first().map(|d| d.uri.as_str()), Some("tel:+14255550103"));
    }

    #[test]
    fn an_iam_of_a_direct_call_and_octets_cut_short_tell_of_none() {
        assert_eq!(diversions(&invite(&iam(&[]))), []);
        let whole = iam(&[&[REDIRECTING_NUMBER, 4, 0x03, 0x10, 0x01, 0x10]]);
        assert_eq!(diversions(&invite(&whole)).len(), 1);
        for end in 0..whole.len() - 2 {
            assert_eq!(diversions(&invite(&whole[..end])), [], "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_iam(&[&[IAM][..], &bytes].concat());
        }
    }
}
