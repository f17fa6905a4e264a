//! Records as Exchange exports them (`Export-UMCallDataRecord`): `um_cdr_YYYY-MM-DD.csv`, one line a call.
//! Knows: the columns and RFC 4180. Must not: know where the records come from or the file goes.

use jiff::civil::Date;

use super::CallDataRecord;

/// The columns, as Exchange names them; the gateway's name is ours.
pub const COLUMNS: [&str; 28] = [
    "CallStartTime",
    "CallType",
    "CallIdentity",
    "ParentCallIdentity",
    "UMServerName",
    "DialPlanName",
    "CallDuration",
    "IPGatewayAddress",
    "IPGatewayName",
    "CalledPhoneNumber",
    "CallerPhoneNumber",
    "OfferResult",
    "DropCallReason",
    "ReasonForCall",
    "DialedString",
    "CallerMailboxAlias",
    "CalleeMailboxAlias",
    "AutoAttendantName",
    "NMOS",
    "NMOSDegradation",
    "NMOSDegradationJitter",
    "NMOSDegradationPacketLoss",
    "Jitter",
    "PacketLoss",
    "RoundTrip",
    "BurstDensity",
    "BurstGapDuration",
    "AudioCodec",
];

/// The name of a day's file.
pub fn file_name(day: Date) -> String {
    format!("um_cdr_{day}.csv")
}

/// The file's text. Test calls of the node's own are left out.
pub fn csv<'r>(records: impl IntoIterator<Item = &'r CallDataRecord>) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for record in records.into_iter().filter(|record| !record.is_test) {
        let line: Vec<String> = fields(record).iter().map(|field| quoted(field)).collect();
        text += &line.join(",");
        text += "\r\n";
    }
    text
}

/// The fields of a record, in the order of [`COLUMNS`].
pub fn fields(record: &CallDataRecord) -> [String; 28] {
    let quality = record.audio_quality.as_ref();
    let figure = |value: Option<f64>| value.map(|value| format!("{value:.2}")).unwrap_or_default();
    [
        record.call_start_time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        record.call_type.as_str().to_owned(),
        record.call_identity.clone(),
        record.parent_call_identity.clone(),
        record.um_server_name.clone(),
        record.dial_plan_name.clone(),
        record.call_duration_s.to_string(),
        record.ip_gateway_address.clone(),
        record.ip_gateway_name.clone(),
        record.called_phone_number.clone(),
        record.caller_phone_number.clone(),
        record.offer_result.as_str().to_owned(),
        record.drop_call_reason.clone(),
        record.reason_for_call.clone(),
        record.dialed_string.clone(),
        record.caller_mailbox_alias.clone(),
        record.callee_mailbox_alias.clone(),
        record.auto_attendant_name.clone(),
        figure(quality.map(|quality| quality.nmos)),
        figure(quality.map(|quality| quality.nmos_degradation)),
        figure(quality.map(|quality| quality.nmos_degradation_jitter)),
        figure(quality.map(|quality| quality.nmos_degradation_packet_loss)),
        figure(quality.map(|quality| quality.jitter_ms)),
        figure(quality.map(|quality| quality.packet_loss_percent)),
        figure(quality.and_then(|quality| quality.round_trip_ms)),
        figure(quality.map(|quality| quality.burst_density_percent)),
        figure(quality.map(|quality| quality.burst_gap_duration_ms)),
        record.audio_codec.clone(),
    ]
}

/// RFC 4180. What a peer sent must not become a formula where the file is opened: it gets an apostrophe in front, a
/// telephone number as `+1425` does not.
fn quoted(field: &str) -> String {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b" .-()".contains(&byte));
    let formula = match field.chars().next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !number(&field[1..]),
        _ => false,
    };
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{ActiveCall, AudioQuality, CallType, OfferResult};

    fn record() -> CallDataRecord {
        let call = ActiveCall {
            call_identity: "a84b4c76e66710@pbx.example.test".to_owned(),
            call_type: CallType::CallAnsweringVoiceMessage,
            started: "2026-03-01T09:05:07.250Z".parse().unwrap(),
            dial_plan: "Lab".to_owned(),
            ip_gateway: "Loopback".to_owned(),
            ip_gateway_address: "127.0.0.1".to_owned(),
            called_phone_number: "1001".to_owned(),
            caller_phone_number: "+14255550100".to_owned(),
            reason_for_call: "DivertNoAnswer".to_owned(),
            callee_mailbox_alias: "alice".to_owned(),
            answered: true,
            is_test: false,
        };
        CallDataRecord {
            call_duration_s: 17,
            drop_call_reason: "Graceful Hangup".to_owned(),
            audio_codec: "PCMU".to_owned(),
            audio_quality: Some(AudioQuality {
                nmos: 4.35,
                nmos_degradation: 0.06,
                nmos_degradation_jitter: 0.0,
                nmos_degradation_packet_loss: 0.0,
                jitter_ms: 1.25,
                packet_loss_percent: 0.5,
                round_trip_ms: None,
                burst_density_percent: 0.0,
                burst_gap_duration_ms: 17000.0,
                burst_loss_duration_ms: 0.0,
            }),
            ..CallDataRecord::of(call, "um.example.test")
        }
    }

    #[test]
    fn a_call_is_one_line_under_exchanges_columns() {
        insta::assert_snapshot!(csv([&record()]), @r"
        CallStartTime,CallType,CallIdentity,ParentCallIdentity,UMServerName,DialPlanName,CallDuration,IPGatewayAddress,IPGatewayName,CalledPhoneNumber,CallerPhoneNumber,OfferResult,DropCallReason,ReasonForCall,DialedString,CallerMailboxAlias,CalleeMailboxAlias,AutoAttendantName,NMOS,NMOSDegradation,NMOSDegradationJitter,NMOSDegradationPacketLoss,Jitter,PacketLoss,RoundTrip,BurstDensity,BurstGapDuration,AudioCodec
        2026-03-01 09:05:07Z,Call Answering Voice Message,a84b4c76e66710@pbx.example.test,,um.example.test,Lab,17,127.0.0.1,Loopback,1001,+14255550100,Answer,Graceful Hangup,DivertNoAnswer,,,alice,,4.35,0.06,0.00,0.00,1.25,0.50,,0.00,17000.00,PCMU
        ");
        assert_eq!(file_name("2026-03-01".parse().unwrap()), "um_cdr_2026-03-01.csv");
    }

    #[test]
    fn what_peers_send_neither_breaks_the_line_nor_becomes_a_formula() {
        for (sent, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"\n", "\"say \"\"hi\"\"\n\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1 (425) 555-0100", "+1 (425) 555-0100"),
            ("+cmd|x", "'+cmd|x"),
            ("@sum", "'@sum"),
        ] {
            assert_eq!(quoted(sent), written);
        }
    }

    #[test]
    fn test_calls_are_left_out_and_refused_ones_are_not() {
        let refused = CallDataRecord { offer_result: OfferResult::Rejected, ..record() };
        let test = CallDataRecord { is_test: true, ..record() };
        assert_eq!(csv([&refused, &test]).lines().count(), 2);
    }
}
