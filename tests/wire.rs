//! Every message in `tests/wire/`, as real products sent it, is read as a person would read it. One test a file; what
//! its README expects beyond the RFCs has tests of its own in `wire/readme.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ringpost::protocol::sip::diversion::{DiversionReason, diversions};
use ringpost::protocol::sip::framing::{Frame, Framer, Limits};
use ringpost::protocol::sip::screen::screen;
use ringpost::protocol::sip::values::{CSeq, Via};
use ringpost::protocol::sip::{HeaderName, Headers, Message, NameAddr};

#[path = "wire/readme.rs"]
mod readme;

macro_rules! every_file {
    ($($test:ident = $file:literal,)*) => {
        $(
            #[test]
            fn $test() {
                is_read_as_a_person_reads_it($file);
            }
        )*

        #[test]
        fn every_file_is_tested_and_in_the_index() {
            let tested: BTreeSet<String> = [$($file),*].map(str::to_owned).into();
            assert_eq!(tested, files());
            assert_eq!(index().into_keys().collect::<BTreeSet<_>>(), files());
        }
    };
}

every_file! {
    w01_level3_bandwidth_anonymous_invite = "01-level3-bandwidth-anonymous-invite.sip",
    w02_sipxecs_forked_forward_noroute_voicemail = "02-sipxecs-forked-forward-noroute-voicemail.sip",
    w04_sipxbridge_moh_invite_recvonly = "04-sipxbridge-moh-invite-recvonly.sip",
    w05_polycom_320_reinvite_without_sdp = "05-polycom-320-reinvite-without-sdp.sip",
    w07_polycom_320_ack_with_sdp_answer = "07-polycom-320-ack-with-sdp-answer.sip",
    w08_polycom_320_refer_attended = "08-polycom-320-refer-attended.sip",
    w10_sipxecs_park_hold_0000 = "10-sipxecs-park-hold-0000.sip",
    w11_sipxecs_park_refer_replaces_upper = "11-sipxecs-park-refer-replaces-upper.sip",
    w13_level3_bandwidth_bye_record_route = "13-level3-bandwidth-bye-record-route.sip",
    w14_sonus_reinvite_no_user_request_uri = "14-sonus-reinvite-no-user-request-uri.sip",
    w16_polycom_320_notify_dialog_info = "16-polycom-320-notify-dialog-info.sip",
    w17_sipxecs_subscribe_dialog_oneshot = "17-sipxecs-subscribe-dialog-oneshot.sip",
    w19_polycom_refer_blind_noangle = "19-polycom-refer-blind-noangle.sip",
    w20_sipxproxy_refer_to_with_uri_headers = "20-sipxproxy-refer-to-with-uri-headers.sip",
    w22_italtel_imss_initial_cdsc_t38 = "22-italtel-imss-initial-cdsc-t38.sip",
    w23_acme_sbc_tags_sd_prefix = "23-acme-sbc-tags-sd-prefix.sip",
    w25_italtel_imss_options_indialog = "25-italtel-imss-options-indialog.sip",
    w26_italtel_imss_reinvite_t38_bare = "26-italtel-imss-reinvite-t38-bare.sip",
    w28_oracle_sbc_scz92_no_user_requri = "28-oracle-sbc-scz92-no-user-requri.sip",
    w29_cisco_cube_invite_xcap_t38 = "29-cisco-cube-invite-xcap-t38.sip",
    w31_sbc_invite_malformed_header_line = "31-sbc-invite-malformed-header-line.sip",
    w32_swiss_carrier_diversion_two_lines = "32-swiss-carrier-diversion-two-lines.sip",
    w34_clarent_c5cm_invite_sendrecv_case = "34-clarent-c5cm-invite-sendrecv-case.sip",
    w35_audiocodes_vsbc_broadworks_two_audio_avp_savp = "35-audiocodes-vsbc-broadworks-two-audio-avp-savp.sip",
    w37_avaya_sm_invite_history_info = "37-avaya-sm-invite-history-info.sip",
    w38_audiocodes_mediant1000_anonymous_invite = "38-audiocodes-mediant1000-anonymous-invite.sip",
    w40_sonus_session_refresh_reinvite = "40-sonus-session-refresh-reinvite.sip",
    w41_sonus_tcp_invite_four_codecs = "41-sonus-tcp-invite-four-codecs.sip",
    w43_exchange_um_online_200ok_srtp = "43-exchange-um-online-200ok-srtp.sip",
    w44_cucm105_bib_recording_invite = "44-cucm105-bib-recording-invite.sip",
    w46_cucm115_options_max_forwards_0 = "46-cucm115-options-max-forwards-0.sip",
    w47_cucm125_bye_reason_prtpstat = "47-cucm125-bye-reason-prtpstat.sip",
    w49_amazon_chime_voice_connector_invite = "49-amazon-chime-voice-connector-invite.sip",
    w50_lync2010_edge_options = "50-lync2010-edge-options.sip",
    w52_freeswitch_gateway_ping_as_sonus = "52-freeswitch-gateway-ping-as-sonus.headers",
    w53_3cx18_notify_mwi_no_subscription_state = "53-3cx18-notify-mwi-no-subscription-state.sip",
    w55_htek_ucv20_video_hold_port0 = "55-htek-ucv20-video-hold-port0.sip",
    w56_zoiper_subscribe_mwi_two_contacts = "56-zoiper-subscribe-mwi-two-contacts.sip",
    w58_freepbx15_chansip_invite_date = "58-freepbx15-chansip-invite-date.sip",
    w59_asterisk_pjsip_options_rinstance = "59-asterisk-pjsip-options-rinstance.sip",
    w61_alcatel_oxo_r31_invite_history_info_direct = "61-alcatel-oxo-r31-invite-history-info-direct.sip",
    w62_alcatel_oxe_r122_invite = "62-alcatel-oxe-r122-invite.sip",
    w64_audiocodes_teams_direct_routing_invite_xi_xc = "64-audiocodes-teams-direct-routing-invite-xi-xc.sip",
    w65_dialogic_hmp_vocalcom_invite_no_user_from = "65-dialogic-hmp-vocalcom-invite-no-user-from.sip",
    w67_genesys_prack_with_sdp_gsid = "67-genesys-prack-with-sdp-gsid.sip",
    w68_acme_sbc_prack_with_sdp_routes = "68-acme-sbc-prack-with-sdp-routes.sip",
    w70_avaya_update_through_genesys_sbc = "70-avaya-update-through-genesys-sbc.sip",
    w71_broadworks_acme_ack_with_sdp_iwf = "71-broadworks-acme-ack-with-sdp-iwf.sip",
    w73_ericsson_bgf_eribind_from = "73-ericsson-bgf-eribind-from.headers",
    w74_genesys_refer_to_replaces_unescaped = "74-genesys-refer-to-replaces-unescaped.headers",
    w76_nuance_ivr_invite_voicexml_requri = "76-nuance-ivr-invite-voicexml-requri.sip",
    w77_nuance_nvp_refer_blind_timeout_outside = "77-nuance-nvp-refer-blind-timeout-outside.sip",
    w79_b2bua_invite_after_302_no_diversion = "79-b2bua-invite-after-302-no-diversion.sip",
    w80_b2bua_3pcc_reinvite_p_line = "80-b2bua-3pcc-reinvite-p-line.sip",
    w82_nortel_cs2000_bye_reason_q850 = "82-nortel-cs2000-bye-reason-q850.sip",
    w83_ekiga_info_dtmf_relay_space = "83-ekiga-info-dtmf-relay-space.sip",
    w85_ovh_sbc_options_to_phone = "85-ovh-sbc-options-to-phone.sip",
    w86_sems_mwi_notify_to_noangle = "86-sems-mwi-notify-to-noangle.sip",
    w88_cucm115_to_phone_invite_alert_info = "88-cucm115-to-phone-invite-alert-info.sip",
    w91_broadworks_diversion_answered_count = "91-broadworks-diversion-answered-count.headers",
    w92_eltex_smg_diversion_tel_uri_two_lines = "92-eltex-smg-diversion-tel-uri-two-lines.headers",
    w94_china_telecom_ims_history_info_folded = "94-china-telecom-ims-history-info-folded.headers",
    w95_voxbone_diversion_upper_case_reason = "95-voxbone-diversion-upper-case-reason.headers",
    w97_telecom_italia_history_info_one_line = "97-telecom-italia-history-info-one-line.headers",
    w98_cucm70_diversion_double_end_quote = "98-cucm70-diversion-double-end-quote.headers",
    w100_cucm_sip_line_three_diversions = "100-cucm-sip-line-three-diversions.headers",
    w101_cucm_cube_sp_diversion_extension = "101-cucm-cube-sp-diversion-extension.headers",
    w103_avaya_ses_history_info_as_diversion = "103-avaya-ses-history-info-as-diversion.headers",
    w104_snom370_302_diversion_quoted_reason = "104-snom370-302-diversion-quoted-reason.headers",
    w106_digium_phone_refer_diversion_send_to_vm_unquoted = "106-digium-phone-refer-diversion-send-to-vm-unquoted.headers",
    w107_broadworks_follow_me_three_values = "107-broadworks-follow-me-three-values.headers",
    w108_exchange_um_302_to_worker_port = "108-exchange-um-302-to-worker-port.headers",
    w109_teams_refer_target_invite_referred_by = "109-teams-refer-target-invite-referred-by.headers",
    w110_teams_contact_xi_xc = "110-teams-contact-xi-xc.headers",
    w112_teams_requri_opaque_voicemail = "112-teams-requri-opaque-voicemail.headers",
    w113_cisco_phone_to_doubled_quotes = "113-cisco-phone-to-doubled-quotes.headers",
    w115_grandstream_gxp2200_invite = "115-grandstream-gxp2200-invite.sip",
    w116_polycom_spip650_invite_g722 = "116-polycom-spip650-invite-g722.sip",
    w118_tcp_b2bua_invite_two_telephone_event_rates = "118-tcp-b2bua-invite-two-telephone-event-rates.sip",
    w119_ims_ipv6_update_telephone_event_16000 = "119-ims-ipv6-update-telephone-event-16000.sip",
    w121_polycom_spip430_hold_0000_sendrecv = "121-polycom-spip430-hold-0000-sendrecv.headers",
    w122_ocs2007r2_communicator_invite = "122-ocs2007r2-communicator-invite.headers",
    w124_snom360_invite_utf8_display_name = "124-snom360-invite-utf8-display-name.sip",
    w125_nortel_cs1000_invite_multipart_phone_context = "125-nortel-cs1000-invite-multipart-phone-context.sip",
}

/// The message says what `INDEX.tsv` expects of it, loses no header line when it is written out, and comes whole out
/// of a stream however it is cut.
fn is_read_as_a_person_reads_it(name: &str) {
    let message = read(name);
    let expected = index().remove(name).unwrap_or_else(|| panic!("{name} is not in INDEX.tsv"));
    assert_eq!(describe(&message), expected, "{name}");
    assert_eq!(message.headers().len(), header_lines(name), "{name}: header lines");
    loses_nothing_when_written(name, &message);
    if name.ends_with(".sip") {
        comes_whole_out_of_a_stream(name);
    }
    agrees_with_rsip_where_it_can_read(name, &message);
}

/// In the words of `INDEX.tsv`.
fn describe(message: &Message) -> String {
    let user = |user: Option<String>| user.unwrap_or_else(|| "nobody".into());
    let named = |name| user(message.headers().get(&name).and_then(|value| NameAddr::parse(value).uri.user()));
    let (first, offer) = match message {
        Message::Request(request) => {
            (format!("{} to {}", request.method, user(request.uri.user())), request.part("application/sdp"))
        }
        Message::Response(response) => (response.status.to_string(), response.part("application/sdp")),
    };
    let mut words = vec![first, format!("from {}", named(HeaderName::From)), format!("for {}", named(HeaderName::To))];
    words.extend(offer.map(|sdp| format!("sdp of {} octets", sdp.len())));
    if let Message::Request(request) = message {
        words.extend(diversions(request).into_iter().map(|diversion| {
            let counter = diversion.counter.map_or(String::new(), |counter| format!(" x{counter}"));
            format!("diverted by {} ({}{counter})", user(diversion.user), said(&diversion.reason))
        }));
        words.push(screen(request).map_or_else(|refusal| format!("refused {}", refusal.status), |()| "passes".into()));
    }
    words.join("; ")
}

fn said(reason: &DiversionReason) -> &str {
    match reason {
        DiversionReason::Unknown(word) => word,
        known => known.as_str(),
    }
}

/// Header lines of the file, counted without our parser: lines with a colon that continue no other.
fn header_lines(name: &str) -> usize {
    let bytes = if name.ends_with(".sip") { bytes(name) } else { wrap(name) };
    let text = String::from_utf8(bytes).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap();
    head.lines().skip(1).filter(|line| line.contains(':') && !line.starts_with([' ', '\t'])).count()
}

fn loses_nothing_when_written(name: &str, message: &Message) {
    let again = Message::parse(&message.to_bytes()).unwrap();
    let fields = |headers: &Headers| {
        let fields = headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength);
        fields.map(|(name, value)| (name.to_string(), value.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(fields(again.headers()), fields(message.headers()), "{name}");
    assert_eq!(Message::parse(&again.to_bytes()).as_ref(), Ok(&again), "{name}");
    match (message, &again) {
        (Message::Request(sent), Message::Request(again)) => {
            assert_eq!((&sent.method, &sent.uri, &sent.body), (&again.method, &again.uri, &again.body), "{name}");
        }
        (Message::Response(sent), Message::Response(again)) => {
            assert_eq!((sent.status, &sent.reason, &sent.body), (again.status, &again.reason, &again.body), "{name}");
        }
        _ => panic!("{name}: a request became a response"),
    }
}

fn comes_whole_out_of_a_stream(name: &str) {
    let whole = bytes(name);
    for size in [1, 7, 536, whole.len()] {
        let mut framer = Framer::new(Limits::default());
        let mut found = Vec::new();
        // twice in a row: the first must not eat of the second
        for chunk in [whole.as_slice(), whole.as_slice()].concat().chunks(size) {
            framer.push(chunk);
            found.extend(std::iter::from_fn(|| framer.next()));
        }
        let frame = || Ok(Frame::Message(whole.clone()));
        assert_eq!(found, [frame(), frame()], "{name} in segments of {size}");
        assert!(!framer.is_partial(), "{name}");
    }
}

/// rsip as a second reader: what it can read, it reads as we do.
fn agrees_with_rsip_where_it_can_read(name: &str, message: &Message) {
    use rsip::headers::{ToTypedHeader, UntypedHeader};
    use rsip::message::HeadersExt;
    let Ok(theirs) = message.to_rsip() else { return };
    let ours = message.headers();
    if let (Message::Request(ours), rsip::SipMessage::Request(theirs)) = (message, &theirs) {
        assert_eq!(ours.method.as_str(), theirs.method.to_string(), "{name}");
        assert_eq!(ours.uri.user().as_deref(), theirs.uri.user(), "{name}");
        assert_eq!(ours.uri.host(), Some(theirs.uri.host().to_string()), "{name}");
        assert_eq!(ours.uri.port(), theirs.uri.port().map(|port| *port.value()), "{name}");
    }
    assert_eq!(ours.get(&HeaderName::CallId), theirs.call_id_header().ok().map(|id| id.value()), "{name}");
    assert_eq!(
        CSeq::of(ours).map(|cseq| cseq.number),
        theirs.cseq_header().ok().and_then(|cseq| cseq.seq().ok()),
        "{name}"
    );
    if let Some(via) = theirs.via_header().ok().and_then(|via| via.typed().ok()) {
        let ours = Via::top(ours).unwrap();
        assert_eq!(ours.transport, via.transport.to_string(), "{name}");
        assert_eq!(
            (ours.host, ours.port),
            (via.uri.host().to_string(), via.uri.port().map(|port| *port.value())),
            "{name}"
        );
        assert_eq!(Via::top(message.headers()).unwrap().branch(), via.branch().map(|branch| branch.value()), "{name}");
    }
    if let Some(from) = theirs.from_header().ok().and_then(|from| from.typed().ok()) {
        let ours = address(ours, HeaderName::From);
        assert_eq!(ours.tag(), from.tag().map(|tag| tag.value()), "{name}");
        // rsip leaves the parameters inside a user part in the user
        let user = from.uri.user().and_then(|user| user.split(';').next());
        assert_eq!(ours.uri.user().as_deref(), user, "{name}");
    }
}

fn index() -> std::collections::BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder().join("INDEX.tsv")).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), row[3].to_owned())).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire")
}

fn files() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".sip") || name.ends_with(".headers")).collect()
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(name: &str) -> Message {
    let bytes = if name.ends_with(".sip") { bytes(name) } else { wrap(name) };
    Message::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What was published as header lines alone, made a message: a start line and the fields every request must have are
/// added where they are missing; Content-Length is left to the body there is.
fn wrap(name: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes(name)).unwrap();
    let text = match name.split('-').next().unwrap() {
        "73" => format!("From: {text}"),
        "74" => text.lines().map(|value| format!("Refer-To: {value}\r\n")).collect(),
        "103" => format!("History-Info: {text}"),
        "112" => format!("INVITE {} SIP/2.0\r\n", text.trim()),
        _ => text,
    };
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.trim_end(), ""));
    let mut lines: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with("Content-Length:")).collect();
    let is_start_line = |line: &str| line.starts_with("SIP/2.0 ") || line.ends_with(" SIP/2.0");
    let cseq = lines.iter().find_map(|line| line.strip_prefix("CSeq:")).unwrap_or("1 INVITE").trim().to_owned();
    let method = cseq.split(' ').next_back().unwrap();
    let start_line = format!("{method} sip:5000@pilot.example.com SIP/2.0");
    if !lines.first().is_some_and(|line| is_start_line(line)) {
        lines.insert(0, &start_line);
    }
    let cseq = format!("CSeq: {cseq}");
    if !lines[0].starts_with("SIP/2.0") {
        for missing in [
            "Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKwire",
            "From: <sip:caller@example.com>;tag=wire",
            "To: <sip:5000@pilot.example.com>",
            "Call-ID: wire",
            "Contact: <sip:caller@192.0.2.99>",
            &cseq,
        ] {
            let field = missing.split_inclusive(':').next().unwrap().to_ascii_lowercase();
            if !lines.iter().any(|line| line.to_ascii_lowercase().starts_with(&field)) {
                lines.push(missing);
            }
        }
    }
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

fn address(headers: &Headers, name: HeaderName) -> NameAddr {
    NameAddr::parse(headers.get(&name).unwrap_or_else(|| panic!("no {name}")))
}
