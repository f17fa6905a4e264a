//! What a call costs does not depend on how many mailboxes there are. Counted, not timed.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use super::super::lookup::steps;
use super::super::*;
use super::directory;
use crate::protocol::sip::Uri;

fn organisation(mailboxes: usize) -> String {
    let mut text = String::from(
        "[[dial_plan]]\nname = \"Lab\"\nnumber_of_digits_in_extension = 6\ncountry_or_region_code = \"1\"\n\
         [[mailbox_policy]]\nname = \"Policy\"\ndial_plan = \"Lab\"\n\
         [[ip_gateway]]\nname = \"Gateway\"\naddress = \"192.0.2.1\"\n\
         [[hunt_group]]\nname = \"Pilot\"\nip_gateway = \"Gateway\"\ndial_plan = \"Lab\"\npilot_identifier = [\"5000\"]\n",
    );
    for n in 0..mailboxes {
        let _ = write!(
            text,
            "[[mailbox]]\nalias = \"user{n}\"\nemail_address = \"user{n}@example.test\"\nmailbox_policy = \"Policy\"\n\
             extensions = [\"{:06}\"]\ne164_numbers = [\"+1425{n:07}\"]\nsip_addresses = [\"user{n}@example.test\"]\n",
            n
        );
    }
    text
}

/// Lookups of one diverted call for the last mailbox, from the first.
fn steps_of_a_call(mailboxes: usize) -> usize {
    let directory = directory(&organisation(mailboxes));
    let pilot = Uri::parse("sip:5000@192.0.2.9");
    let last = mailboxes - 1;
    let diversions =
        [DivertedFrom { user: format!("+1425{last:07}"), host: None, reason: ReasonForCall::DivertNoAnswer }];
    let calling = Some(Caller { user: "000000".to_owned(), host: None, anonymous: false });
    let peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let call = CallFacts { peer, peer_port: 5060, called: &pilot, to: &pilot, calling, diversions: &diversions };
    steps::take();
    let resolved = resolve(&directory, &call).unwrap();
    let taken = steps::take();
    let Destination::CallAnswering { mailbox, .. } = resolved.destination else { panic!("no mailbox") };
    assert_eq!(mailbox.alias.as_str(), format!("user{last}"));
    assert_eq!(resolved.caller.unwrap().alias.as_str(), "user0");
    taken
}

#[test]
fn a_call_takes_as_many_lookups_among_100_000_mailboxes_as_among_10() {
    let few = steps_of_a_call(10);
    assert!((1..20).contains(&few), "{few}");
    assert_eq!(steps_of_a_call(100_000), few);
}
