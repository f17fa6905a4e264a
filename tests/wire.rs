//! Every message in `tests/wire/`, as real products sent it, is read as a person would read it. One test a file; what
//! its README expects beyond the RFCs has tests of its own below.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ringpost::protocol::sip::diversion::{Diversion, DiversionReason, HistoryEntry, diversions};
use ringpost::protocol::sip::framing::{Frame, Framer, Limits};
use ringpost::protocol::sip::screen::{ACCEPT, ALLOW, screen};
use ringpost::protocol::sip::values::{CSeq, MinSe, RAck, Reason, Refresher, SessionExpires, Via};
use ringpost::protocol::sip::{HeaderName, Headers, Message, NameAddr, Request, Response, Status, Uri};

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

fn request(name: &str) -> Request {
    match read(name) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("{name} is a response"),
    }
}

fn response(name: &str) -> Response {
    match read(name) {
        Message::Response(response) => response,
        Message::Request(_) => panic!("{name} is a request"),
    }
}

/// The file whose name begins with this number.
fn numbered(number: u32) -> Request {
    let start = format!("{number:02}-");
    request(&files().into_iter().find(|name| name.starts_with(&start)).unwrap())
}

fn address(headers: &Headers, name: HeaderName) -> NameAddr {
    NameAddr::parse(headers.get(&name).unwrap_or_else(|| panic!("no {name}")))
}

fn vias(headers: &Headers) -> Vec<Via> {
    headers.values(&HeaderName::Via).map(|via| Via::parse(via).unwrap_or_else(|| panic!("{via}"))).collect()
}

fn other(name: &str) -> HeaderName {
    HeaderName::parse(name)
}

// Diversion

#[test]
fn diversion_written_without_blanks_and_with_flags_keeps_names_and_addresses() {
    let found = diversions(&numbered(91));
    let names: Vec<_> =
        found.iter().map(|diversion| (diversion.display.as_str(), diversion.uri.host().unwrap())).collect();
    assert_eq!(names, [("Foo Bar", "127.0.0.101".to_owned()), ("_ somewhere", "127.0.0.101".to_owned())]);
    let flags = NameAddr::parse(numbered(107).headers.values(&HeaderName::Diversion).next().unwrap());
    assert_eq!((flags.param("diversion-inhibited"), flags.param("privacy")), (Some(""), Some("off")));
    assert_eq!(
        diversions(&numbered(107)).first().map(|diversion| diversion.display.clone()),
        Some("Alice - Test Acct Example".into())
    );
}

#[test]
fn diversion_with_a_quoted_reason_in_a_redirect() {
    let redirect = response("104-snom370-302-diversion-quoted-reason.headers");
    let diversion = Diversion::parse(redirect.headers.get(&HeaderName::Diversion).unwrap());
    assert_eq!((diversion.user.as_deref(), diversion.reason), (Some("2907"), DiversionReason::Unconditional));
    assert_eq!(diversion.uri.param("line").as_deref(), Some("uw7mmqzi"));
}

#[test]
fn diversion_with_tel_uris_keeps_each_number_as_it_is() {
    let uris: Vec<_> = diversions(&numbered(92)).iter().map(|diversion| diversion.uri.to_string()).collect();
    assert_eq!(uris, ["tel:14255550103", "tel:4255550104"]);
}

#[test]
fn diversion_with_a_doubled_end_quote_is_the_same_diverter_and_the_call_is_not_refused() {
    let invite = numbered(98);
    let displays: Vec<_> = diversions(&invite).into_iter().map(|diversion| diversion.display).collect();
    assert_eq!(displays, ["Doe, Jane", "Jane"]);
    assert_eq!(address(&invite.headers, HeaderName::From).display, "Doe, John");
    assert_eq!(screen(&invite), Ok(()));
}

#[test]
fn diversion_after_content_length_and_naming_the_called_number_itself_counts() {
    let text = String::from_utf8(bytes("58-freepbx15-chansip-invite-date.sip")).unwrap();
    let text = text.replacen("\r\n\r\n", "\r\nDiversion:<sip:9999@192.0.2.10>;reason=no-answer\r\n\r\n", 1);
    let Ok(Message::Request(invite)) = Message::parse(text.as_bytes()) else { panic!("no request") };
    let [diversion] = diversions(&invite).try_into().unwrap();
    assert_eq!((diversion.user, diversion.reason), (invite.uri.user(), DiversionReason::NoAnswer));
}

#[test]
fn a_redirect_followed_without_diversion_has_none_and_one_followed_with_it_keeps_it() {
    assert_eq!(diversions(&numbered(79)), []);
    let followed = numbered(98);
    assert_eq!((followed.uri.port(), followed.uri.param("transport").as_deref()), (Some(5065), Some("Tcp")));
    assert_eq!(diversions(&followed).len(), 2);
}

// History-Info

#[test]
fn history_of_direct_retargeted_and_pilot_calls_is_no_diversion() {
    for number in [37, 61, 125] {
        let invite = numbered(number);
        assert!(invite.headers.count(&HeaderName::HistoryInfo) > 0, "{number}");
        assert_eq!(diversions(&invite), [], "{number}");
    }
    assert_eq!(numbered(37).headers.values(&HeaderName::HistoryInfo).count(), 2);
    let mut to_the_pilot = numbered(103);
    to_the_pilot.uri = Uri::parse("sip:69001@corp.example.com");
    let entry = HistoryEntry::parse(to_the_pilot.headers.get(&HeaderName::HistoryInfo).unwrap());
    assert_eq!((entry.address.display.as_str(), entry.index), ("MSExchange", vec![1, 2]));
    assert_eq!(diversions(&to_the_pilot), []);
}

#[test]
fn history_says_why_by_the_cause_in_the_uri_of_the_next_entry() {
    let entries =
        |number| numbered(number).headers.values(&HeaderName::HistoryInfo).map(HistoryEntry::parse).collect::<Vec<_>>();
    for (number, causes) in [(32, [None, Some(480)]), (94, [None, Some(408)]), (97, [None, Some(408)])] {
        let entries = entries(number);
        assert_eq!(entries.iter().map(|entry| entry.came_for).collect::<Vec<_>>(), causes, "{number}");
        assert_eq!(
            entries.iter().map(|entry| entry.index.clone()).collect::<Vec<_>>(),
            [vec![1], vec![1, 1]],
            "{number}"
        );
    }
    assert_eq!(entries(94).first().and_then(|entry| entry.address.uri.header("Privacy")).as_deref(), Some("none"));
    let mut forwarded = numbered(97);
    forwarded
        .headers
        .set(HeaderName::HistoryInfo, forwarded.headers.get(&HeaderName::HistoryInfo).unwrap().replace("408", "302"));
    assert_eq!(
        diversions(&forwarded).first().map(|diversion| diversion.reason.clone()),
        Some(DiversionReason::Unconditional)
    );
}

// bodies

#[test]
fn multipart_with_the_last_boundary_unclosed_is_taken_apart() {
    let invite = numbered(125);
    let types: Vec<_> = invite.parts().iter().map(|part| part.content_type.split(';').next().unwrap()).collect();
    assert_eq!(types, ["application/sdp", "application/x-nt-mcdn-frag-hex", "application/x-nt-epid-frag-hex"]);
    assert_eq!(invite.parts().iter().map(|part| part.is_optional()).collect::<Vec<_>>(), [false, true, true]);
    let sdp = invite.part("application/sdp").unwrap();
    assert!(sdp.starts_with(b"v=0\r\no=- 1 1 IN") && sdp.ends_with(b"a=ptime:20\r\na=sendrecv\r\n"));
    assert_eq!(invite.part("application/x-nt-epid-frag-hex"), Some(&b"011201\r\n00:1b:ba:00:00:01"[..]));
}

#[test]
fn bodies_are_found_to_the_last_octet() {
    for (number, end) in [
        (7, "a=ptime:20 \r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"),
        (34, "a=SendRecv\r\n"),
        (40, "a=sendrecv\r\na=ptime:20"),
        (118, "a=ssrc:2348060575 cname:G1C/FVTf7W2cspeyYobiWw==\r\n"),
    ] {
        let request = numbered(number);
        let sdp = String::from_utf8(request.part("application/sdp").unwrap().to_vec()).unwrap();
        assert!(sdp.starts_with("v=0\r\n") && sdp.ends_with(end), "{number}: {sdp}");
    }
    assert_eq!(numbered(83).part("application/dtmf-relay"), Some(&b"Signal= 4\r\nDuration= 180\r\n"[..]));
    assert!(numbered(16).body.ends_with(b"</dialog-info>\r\n"));
    assert!(numbered(86).body.ends_with(b"Voice-Message: 2/0 (2/0)\r\n"));
}

// addresses

#[test]
fn parameters_inside_the_user_part_are_not_the_user() {
    let invite = numbered(125);
    for uri in [invite.uri.clone(), address(&invite.headers, HeaderName::To).uri] {
        assert_eq!(
            (uri.user().as_deref(), uri.user_param("phone-context").as_deref()),
            (Some("5201"), Some("cdp.udp"))
        );
        assert_eq!((uri.host().as_deref(), uri.param("user").as_deref()), (Some("example.com"), Some("phone")));
    }
    assert_eq!(address(&invite.headers, HeaderName::Contact).uri.param("maddr").as_deref(), Some("192.0.2.11"));
    let asserted: Vec<_> = numbered(32)
        .headers
        .values(&HeaderName::PAssertedIdentity)
        .map(|value| NameAddr::parse(value).uri.user().unwrap())
        .collect();
    assert_eq!(asserted, ["+14255550101", "+14255550103"]);
}

#[test]
fn parameters_outside_the_brackets_belong_to_the_header() {
    let to = address(&numbered(49).headers, HeaderName::To);
    assert_eq!((to.param("transport"), to.uri.param("transport")), (Some("UDP"), None));
    let refer = numbered(77);
    assert_eq!(address(&refer.headers, HeaderName::Contact).param("transport"), Some("udp"));
    assert_eq!(address(&refer.headers, HeaderName::ReferTo).param("timeout"), Some("30s"));
    assert_eq!(address(&numbered(50).headers, HeaderName::Route).param("ms-edge-route"), Some(""));
    for number in [17, 86] {
        assert_eq!(address(&numbered(number).headers, HeaderName::To).tag(), None, "{number}");
    }
    assert_eq!(
        address(&numbered(47).headers, HeaderName::To).tag(),
        Some("445~b5883d68-042a-4a73-adc3-6be8a5f9f263-25068153")
    );
}

#[test]
fn request_uris_without_user_and_of_every_shape() {
    let host = |number| (numbered(number).uri.host().unwrap(), numbered(number).uri.port());
    assert_eq!(host(14), ("192.0.2.10".into(), Some(5080)));
    assert_eq!(host(28), ("172.20.54.2".into(), Some(5060)));
    assert_eq!(host(119), ("fd17:625c:f037:2:a00:27ff:feb9:4222".into(), Some(25060)));
    assert_eq!(host(34), ("voip.example.net".into(), Some(55060)));
    assert_eq!(numbered(109).uri.param("x-m").as_deref(), Some("8:orgid:fce2158f-0e99-4ff7-a0b3-5b6b87d16689"));
    assert_eq!(numbered(112).uri.param("opaque").as_deref(), Some("app:voicemail"));
    assert_eq!(numbered(2).uri.param("sipx-noroute").as_deref(), Some("Voicemail"));
    assert_eq!(numbered(64).uri.param("bp").as_deref(), Some("1086996"));
    assert_eq!(numbered(71).uri.param("sdp_iwf").as_deref(), Some(""));
    let voicexml = numbered(76).uri.param("voicexml").unwrap();
    assert_eq!(voicexml, "http://192.0.2.10:12270/ExampleApp/Startup.jsp?Admin=false&clid=4255550101&dnis=4255550102");
}

#[test]
fn uris_with_escaped_and_unescaped_headers() {
    let refer_to = |number| address(&numbered(number).headers, HeaderName::ReferTo).uri;
    assert_eq!(
        refer_to(8).header("Replaces").as_deref(),
        Some("2e740908-7bdd278f-cdad8342@192.168.5.242;to-tag=1063975039;from-tag=7FDFF411-8A43AAAC")
    );
    assert_eq!(refer_to(11).header("require").as_deref(), Some("replaces"));
    assert_eq!(refer_to(11).param("x-sipx-nonat").as_deref(), Some(""));
    assert_eq!(
        refer_to(20).header("References").as_deref(),
        Some("LAXMGC0120100114235013005236@192.0.2.99.0;rel=refer")
    );
    assert_eq!(refer_to(19).user().as_deref(), Some("202"));
    let both: Vec<_> =
        numbered(74).headers.values(&HeaderName::ReferTo).map(|value| NameAddr::parse(value).uri).collect();
    let replaces: BTreeSet<_> = both.iter().map(|uri| uri.header("Replaces").unwrap()).collect();
    assert_eq!((both.len(), replaces.len()), (2, 1));
    assert!(both.iter().all(|uri| uri.user().is_none() && uri.host().as_deref() == Some("10.91.254.190")));
}

#[test]
fn display_names_of_every_kind() {
    for (number, name, display) in [
        (1, HeaderName::From, "Anonymous"),
        (32, HeaderName::From, "+14255550102"),
        (34, HeaderName::To, "alice@voip.example.net"),
        (62, HeaderName::From, "EXAMPLE Alice"),
        (70, HeaderName::Contact, "Example, Alice_virtuell"),
        (73, HeaderName::From, "TkUserFN0000000001 TkUserLN0000000001"),
        (83, HeaderName::From, "alice example"),
        (101, HeaderName::PAssertedIdentity, "x"),
        (113, HeaderName::To, "unknown"),
        (124, HeaderName::From, "теле Cном_3606"),
    ] {
        assert_eq!(address(&numbered(number).headers, name).display, display, "{number}");
    }
}

#[test]
fn vendors_parameters_are_all_there() {
    let from = address(&numbered(44).headers, HeaderName::From).uri;
    assert_eq!(from.as_str().split(";x-").count() - 1, 9);
    assert_eq!((from.param("x-nearend").as_deref(), from.param("x-farendaddr").as_deref()), (Some(""), Some("1006")));
    let contact = address(&numbered(110).headers, HeaderName::Contact).uri;
    assert_eq!((contact.port(), contact.param("x-c").map(|value| value.len())), (Some(443), Some(69)));
    assert_eq!(address(&numbered(109).headers, HeaderName::Contact).param("sip.ice"), Some(""));
    assert_eq!(address(&numbered(5).headers, HeaderName::Contact).param("+sip.rendering"), Some("no"));
    assert_eq!(address(&numbered(124).headers, HeaderName::Contact).param("reg-id"), Some("1"));
    assert_eq!(
        address(&numbered(122).headers, HeaderName::Contact).uri.param("opaque").as_deref(),
        Some("user:epid:Ub31lldjtFyGH5-ijiRSAgAA")
    );
    let remote = address(&numbered(88).headers, HeaderName::RemotePartyId);
    assert_eq!(
        (remote.uri.param("x-cisco-callback-number").as_deref(), remote.param("party")),
        (Some("1001"), Some("calling"))
    );
}

// headers

#[test]
fn header_names_in_capitals_small_letters_and_odd_places() {
    assert_eq!(Via::top(&numbered(50).headers).and_then(|via| via.port), Some(61182));
    for number in [10, 11, 17, 118] {
        assert!(numbered(number).headers.get(&HeaderName::CallId).is_some(), "{number}");
    }
    assert_eq!(numbered(10).headers.iter().last().map(|(name, _)| name.clone()), Some(HeaderName::Via));
    assert_eq!(
        vias(&numbered(67).headers).iter().map(|via| via.host.as_str()).collect::<Vec<_>>(),
        ["10.91.226.177", "10.91.226.178"]
    );
    assert!(numbered(125).headers.get(&HeaderName::HistoryInfo).is_some());
    assert_eq!(numbered(35).headers.values(&HeaderName::Accept).count(), 3);
    assert_eq!(numbered(28).headers.count(&other("x-genesys-calluuid")), 2);
    assert_eq!(numbered(56).headers.count(&HeaderName::Contact), 2);
    assert_eq!(numbered(107).headers.get(&HeaderName::Supported), Some(""));
    assert_eq!(
        numbered(44).headers.get(&other("Call-Info")),
        Some(";method=\"NOTIFY;Event=telephone-event;Duration=500\"")
    );
}

#[test]
fn a_line_without_a_colon_is_passed_over_and_the_rest_is_read() {
    let invite = numbered(31);
    assert_eq!(invite.headers.get(&HeaderName::UserAgent), None);
    assert_eq!(invite.headers.get(&HeaderName::ContentType), Some("application/sdp"));
}

#[test]
fn option_tags_over_several_lines() {
    let tags = |number| numbered(number).headers.values(&HeaderName::Supported).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(tags(44), ["timer", "resource-priority", "replaces", "X-cisco-srtp-fallback", "Geolocation"]);
    assert_eq!(tags(122).len(), 7);
    assert!(numbered(122).headers.has_token(&HeaderName::Supported, "100REL"));
    assert!(numbered(26).headers.has_token(&HeaderName::Supported, "timer"));
}

#[test]
fn via_of_every_kind() {
    assert_eq!(vias(&numbered(37).headers).len(), 10);
    assert_eq!(numbered(37).headers.count(&HeaderName::RecordRoute), 8);
    assert_eq!(
        vias(&numbered(2).headers).get(1).and_then(Via::branch),
        Some("z9hG4bK-XX-00c9VQnzV`HSMtw6ExvnpN79dg~LwTpMoxic1_63Y30f5kClQ")
    );
    // branches without the cookie of RFC 3261, in another case, or none at all (RFC 2543 matching)
    assert_eq!(vias(&numbered(32).headers)[0].branch(), Some("yxxxcvvvbbbnnmm1"));
    assert_eq!(vias(&numbered(77).headers)[0].branch(), Some("z9Hg4Bkcc0eeb84-1dd1-11b2-a1be-bed56fce387b"));
    assert_eq!(vias(&numbered(122).headers)[0].branch(), None);
    let six = &vias(&numbered(119).headers)[0];
    assert_eq!((six.host.as_str(), six.port), ("fd17:625c:f037:2:a00:27ff:feb9:1521", Some(15060)));
    let one_label = &vias(&numbered(82).headers)[0];
    assert_eq!(
        (one_label.host.as_str(), one_label.param("maddr"), one_label.param("received")),
        ("GWC02CAEMGC", Some("10.92.10.80"), Some("10.92.10.80"))
    );
    let alias = &vias(&numbered(115).headers)[0];
    assert_eq!((alias.transport.as_str(), alias.param("rport"), alias.param("alias")), ("TCP", Some(""), Some("")));
}

#[test]
fn call_ids_and_cseqs_of_every_kind() {
    assert_eq!(numbered(16).headers.get(&HeaderName::CallId), Some("wbky5PMD`k0003"));
    assert_eq!(numbered(53).headers.get(&HeaderName::CallId), Some("f4iHKU879MNbzux400DI3A.."));
    assert_eq!(numbered(58).headers.get(&HeaderName::CallId), Some("730b38441622c64738f571ed38a6c21d@192.0.2.10:5061"));
    for (number, cseq) in [(25, 2), (40, 656_516_155), (58, 102), (61, 1_052_050_797), (17, 4713)] {
        assert_eq!(CSeq::of(&numbered(number).headers).map(|cseq| cseq.number), Some(cseq), "{number}");
    }
    let mut from_zero = numbered(46);
    from_zero.headers.set(HeaderName::CSeq, "0 OPTIONS");
    assert_eq!(screen(&from_zero), Ok(()));
}

#[test]
fn session_timers_of_every_kind() {
    for (number, seconds, refresher, min) in [
        (28, 1800, Some(Refresher::Uac), Some(90)),
        (29, 1800, None, Some(1800)),
        (61, 43_080, None, None),
        (62, 14_400, Some(Refresher::Uac), Some(900)),
        (124, 3600, Some(Refresher::Uas), Some(90)),
    ] {
        let headers = numbered(number).headers;
        assert_eq!(SessionExpires::of(&headers), Some(SessionExpires { seconds, refresher }), "{number}");
        assert_eq!(MinSe::of(&headers).map(|min| min.seconds), min, "{number}");
    }
    assert_eq!(MinSe::of(&numbered(125).headers), Some(MinSe { seconds: 0 }));
    assert_eq!(RAck::of(&numbered(67).headers).map(|rack| (rack.rseq, rack.cseq)), Some((1, 1)));
}

#[test]
fn reasons_of_a_bye() {
    let reason = |number| Reason::all(&numbered(number).headers).remove(0);
    assert_eq!((reason(47).protocol.as_str(), reason(47).cause, reason(47).text), ("Q.850", Some(16), None));
    assert_eq!((reason(82).cause, reason(82).text.as_deref()), (Some(16), Some("Normal call clearing")));
}

#[test]
fn several_routes_in_one_line() {
    let routes: Vec<_> =
        numbered(119).headers.values(&HeaderName::Route).map(|route| NameAddr::parse(route).uri).collect();
    assert_eq!(routes.iter().map(|uri| uri.port()).collect::<Vec<_>>(), [Some(5062), Some(25060)]);
    assert_eq!(numbered(32).headers.values(&HeaderName::Route).count(), 2);
    assert_eq!(numbered(68).headers.values(&HeaderName::Route).count(), 5);
    assert_eq!(address(&numbered(67).headers, HeaderName::RecordRoute).uri.param("892-").as_deref(), Some(""));
}

// answers

#[test]
fn options_with_no_hop_left_passes_and_options_without_from_is_refused() {
    assert_eq!(numbered(46).headers.get(&HeaderName::MaxForwards), Some("0"));
    assert_eq!(screen(&numbered(46)), Ok(()));
    let refusal = screen(&numbered(50)).unwrap_err();
    assert_eq!(refusal.status, Status::BAD_REQUEST);
    assert_eq!(refusal.headers.get(&HeaderName::Warning), Some("399 ringpost \"From is missing\""));
    assert_eq!(Via::top(&refusal.headers).map(|via| via.host), Some("10.10.10.10".into()));
}

#[test]
fn refusals_say_what_would_be_served() {
    let refusal = screen(&numbered(86)).unwrap_err();
    assert_eq!((refusal.status, refusal.headers.get(&HeaderName::Allow)), (Status::METHOD_NOT_ALLOWED, Some(ALLOW)));
    let mut odd = numbered(38);
    odd.headers.set(HeaderName::ContentType, "application/x-unheard-of");
    let refusal = screen(&odd).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.headers.get(&HeaderName::Accept)),
        (Status::UNSUPPORTED_MEDIA_TYPE, Some(ACCEPT))
    );
}

#[test]
fn proxy_require_is_not_for_us() {
    let invite = numbered(107);
    assert_eq!(invite.headers.get(&HeaderName::ProxyRequire), Some("privacy"));
    assert_eq!(screen(&invite), Ok(()));
}

#[test]
fn the_redirect_of_exchange_names_the_next_hop_in_full() {
    let redirect = response("108-exchange-um-302-to-worker-port.headers");
    assert_eq!(redirect.status, Status::MOVED_TEMPORARILY);
    let contact = address(&redirect.headers, HeaderName::Contact).uri;
    assert_eq!(
        (contact.user().as_deref(), contact.host().as_deref(), contact.port()),
        (Some("101"), Some("pabx.local"), Some(5065))
    );
    assert_eq!(
        (contact.param("user").as_deref(), contact.param("transport").as_deref(), contact.param("maddr").as_deref()),
        (Some("phone"), Some("Tcp"), Some("pabx.local"))
    );
    assert_eq!(vias(&redirect.headers).len(), 2);
    assert_eq!(address(&redirect.headers, HeaderName::To).tag(), Some("4c63a61135"));
}

#[test]
fn the_answer_of_exchange_is_read_with_its_capitals() {
    let answer = response("43-exchange-um-online-200ok-srtp.sip");
    assert_eq!(answer.headers.get(&HeaderName::Server), Some("RTCC/5.0.0.0 MSExchangeUM/15.01.0231.021"));
    assert_eq!(answer.headers.values(&HeaderName::Allow).count(), 12);
    assert_eq!(answer.headers.values(&HeaderName::Supported).collect::<Vec<_>>(), ["Replaces", "timer", "100rel"]);
    let contact = address(&answer.headers, HeaderName::Contact);
    assert_eq!(contact.params.len(), 5);
    assert!(answer.part("application/sdp").unwrap().ends_with(b"inline:FHoHEZk7wM6b/frTeX+fzQ/K0PtuAvfIzRqjol9K\r\n"));
}

#[test]
fn rsip_takes_all_but_these_once_the_front_has_cleaned_them() {
    let given_up: Vec<_> = files().into_iter().filter(|name| read(name).to_rsip().is_err()).collect();
    let colons_in_a_parameter =
        ["109-teams-refer-target-invite-referred-by.headers", "112-teams-requri-opaque-voicemail.headers"];
    let ipv6 = "119-ims-ipv6-update-telephone-event-16000.sip";
    let dot_in_the_user_part = "125-nortel-cs1000-invite-multipart-phone-context.sip";
    assert_eq!(given_up, [colons_in_a_parameter[0], colons_in_a_parameter[1], ipv6, dot_in_the_user_part]);
    let malformed_line = bytes("31-sbc-invite-malformed-header-line.sip");
    assert!(rsip::SipMessage::try_from(malformed_line).is_err());
}
