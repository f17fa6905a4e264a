use super::*;
use proptest::prelude::*;

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 7,
        fraction_lost: 12,
        cumulative_lost: -3,
        highest_sequence: 0x0001_FFFF,
        jitter: 44,
        last_report: 0xAABB_CCDD,
        delay: 65_536,
    }
}

fn sender() -> SenderReport {
    SenderReport { ntp: 0x0102_0304_0506_0708, rtp_timestamp: 160, packets: 50, octets: 8000 }
}

#[test]
fn a_compound_reads_back_as_written() {
    for cname in ["", "a", "ab", "abc", "abcd", "ringpost@192.0.2.1"] {
        let octets = Compound::report(1, Some(sender()), &[block()]).cname(1, cname).bye(1).into_octets();
        assert_eq!(octets.len() % 4, 0);
        let expected = vec![
            Packet::Report { ssrc: 1, sender: Some(sender()), blocks: vec![block()] },
            Packet::Cname { ssrc: 1, cname: cname.into() },
            Packet::Bye { ssrcs: vec![1] },
        ];
        assert_eq!(parse(&octets), Ok(expected));
    }
    let receiver = Compound::report(1, None, &[]).into_octets();
    assert_eq!(parse(&receiver), Ok(vec![Packet::Report { ssrc: 1, sender: None, blocks: vec![] }]));
}

#[test]
fn padding_profile_extensions_and_unknown_kinds_do_not_hide_a_bye() {
    let mut octets = vec![0x80, 201, 0, 3, 0, 0, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8]; // receiver report with a profile extension
    octets.extend([0x80, 207, 0, 1, 0, 0, 0, 5]); // extended report
    octets.extend([0x80, 204, 0, 2, 0, 0, 0, 5, b'n', b'a', b'm', b'e']); // application defined
    octets.extend([0xA1, 203, 0, 3, 0, 0, 0, 5, 3, 0xFF, 0xFE, 0xFD, 0, 0, 0, 4]); // BYE, reason not UTF-8, padded
    assert_eq!(
        parse(&octets),
        Ok(vec![Packet::Report { ssrc: 5, sender: None, blocks: vec![] }, Packet::Bye { ssrcs: vec![5] }])
    );
}

#[test]
fn a_report_shorter_than_its_count_is_refused() {
    let mut octets = Compound::report(1, Some(sender()), &[block()]).into_octets();
    octets[0] = 0x80 | 2;
    assert_eq!(parse(&octets), Err(Malformed::Short));
    octets[3] = 0xFF;
    assert_eq!(parse(&octets), Err(Malformed::Short));
    octets[0] = 0x40;
    assert_eq!(parse(&octets), Err(Malformed::Version));
    assert_eq!(parse(&[0x81, 202, 0, 0]), Err(Malformed::NoReport));
    assert_eq!(parse(&[]), Err(Malformed::Short));
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    /// Random octets seldom pass the header; these always do.
    #[test]
    fn any_body_behind_a_good_header_is_read_or_refused(parts in prop::collection::vec((200u8..208, any::<u8>(), prop::collection::vec(any::<[u8; 4]>(), 0..20)), 1..5), cut in 0usize..8) {
        let mut octets = Vec::new();
        for (kind, flags, words) in parts {
            octets.extend([0x80 | flags & 0x3F, kind, 0, words.len() as u8]);
            octets.extend(words.concat());
        }
        octets.truncate(octets.len().saturating_sub(cut));
        let _ = parse(&octets);
    }

    #[test]
    fn any_report_reads_back(ssrc: u32, lost in -0x80_0000i32..0x80_0000, fraction_lost: u8, highest_sequence: u32, jitter: u32, last_report: u32, delay: u32) {
        let block = ReportBlock { ssrc, fraction_lost, cumulative_lost: lost, highest_sequence, jitter, last_report, delay };
        let octets = Compound::report(ssrc, None, &[block]).into_octets();
        prop_assert_eq!(parse(&octets), Ok(vec![Packet::Report { ssrc, sender: None, blocks: vec![block] }]));
    }
}
