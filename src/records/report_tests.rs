use super::*;
use crate::records::{ActiveCall, AudioQuality};

fn call(start: &str, call_type: CallType, offer_result: OfferResult, gateway: &str) -> CallDataRecord {
    let call = ActiveCall {
        call_identity: "1@test".to_owned(),
        call_type,
        started: start.parse().unwrap(),
        dial_plan: "Lab".to_owned(),
        ip_gateway: gateway.to_owned(),
        ip_gateway_address: "127.0.0.1".to_owned(),
        called_phone_number: "1001".to_owned(),
        caller_phone_number: String::new(),
        reason_for_call: "Direct".to_owned(),
        callee_mailbox_alias: "alice".to_owned(),
        answered: true,
        is_test: false,
    };
    CallDataRecord { offer_result, ..CallDataRecord::of(call, "um.example.test") }
}

fn sounding(record: CallDataRecord, nmos: f64, round_trip_ms: Option<f64>) -> CallDataRecord {
    let quality = AudioQuality {
        nmos,
        nmos_degradation: 4.4 - nmos,
        nmos_degradation_jitter: 0.0,
        nmos_degradation_packet_loss: 0.0,
        jitter_ms: 2.0,
        packet_loss_percent: 1.0,
        round_trip_ms,
        burst_density_percent: 0.0,
        burst_gap_duration_ms: 0.0,
        burst_loss_duration_ms: 0.0,
    };
    CallDataRecord { audio_quality: Some(quality), ..record }
}

fn days(records: &[CallDataRecord]) -> Vec<DaySummary> {
    let mut days: BTreeMap<Date, Vec<CallDataRecord>> = BTreeMap::new();
    for record in records {
        days.entry(record.day()).or_default().push(record.clone());
    }
    days.iter().map(|(day, records)| DaySummary::of(*day, records)).collect()
}

const TODAY: Date = jiff::civil::date(2026, 3, 15);

#[test]
fn every_call_counts_once_and_the_shares_make_a_hundred() {
    use {CallType::*, OfferResult::*};
    let records = [
        sounding(call("2026-03-15T10:00:00Z", CallAnsweringVoiceMessage, Answer, "A"), 4.4, Some(20.0)),
        sounding(call("2026-03-15T11:00:00Z", CallAnsweringMissedCall, Answer, "A"), 3.0, std::option::Option::None),
        call("2026-03-15T12:00:00Z", CallAnsweringVoiceMessage, Rejected, "B"),
        call("2026-03-14T12:00:00Z", SubscriberAccess, Answer, "B"),
        CallDataRecord { is_test: true, ..call("2026-03-15T12:00:00Z", CallType::None, Answer, "A") },
    ];
    let rows = report(&days(&records), GroupBy::Day, &Filter::default(), TODAY);
    let dates: Vec<_> = rows.iter().map(|row| (row.date.as_str(), row.total_calls)).collect();
    assert_eq!(dates, [("03/15/26", 3), ("03/14/26", 1)]);
    let today = &rows[0];
    let third = 100.0 / 3.0;
    assert_eq!((today.voice_message, today.missed_call, today.failed_or_rejected), (third, third, third));
    assert_eq!((today.outlook_voice_access, today.other), (0.0, 0.0));
    assert!((today.nmos.unwrap() - 3.7).abs() < 1e-9);
    assert_eq!(today.audio_quality.as_deref(), Some("Good"));
    assert_eq!((today.round_trip_milliseconds, today.total_audio_quality_calls_sampled), (Some(20.0), 2));
    assert_eq!(
        (rows[1].nmos, rows[1].audio_quality.clone(), rows[1].outlook_voice_access),
        (Option::None, Option::None, 100.0)
    );
}

#[test]
fn a_report_is_of_one_gateway_or_plan_if_so_asked() {
    use {CallType::*, OfferResult::*};
    let records =
        ["A", "A", "B"].map(|gateway| call("2026-03-15T10:00:00Z", CallAnsweringVoiceMessage, Answer, gateway));
    let total = |dial_plan: Option<&str>, ip_gateway: Option<&str>| {
        let own = |name: Option<&str>| name.map(str::to_owned);
        let filter = Filter { dial_plan: own(dial_plan), ip_gateway: own(ip_gateway) };
        report(&days(&records), GroupBy::Total, &filter, TODAY).first().map_or(0, |row| row.total_calls)
    };
    assert_eq!(total(Option::None, Option::None), 3);
    assert_eq!(total(Some("lab"), Some("a")), 2);
    assert_eq!(total(Some("Other"), Option::None), 0);
}

#[test]
fn days_go_back_ninety_and_months_twelve() {
    use {CallType::*, OfferResult::*};
    let starts = ["2026-03-15", "2025-12-16", "2025-12-15", "2025-04-01", "2025-03-31", "2024-01-01"];
    let records = starts.map(|day| call(&format!("{day}T10:00:00Z"), CallAnsweringVoiceMessage, Answer, "A"));
    let dates = |group_by| {
        let rows = report(&days(&records), group_by, &Filter::default(), TODAY);
        rows.into_iter().map(|row| (row.date, row.total_calls)).collect::<Vec<_>>()
    };
    let row = |date: &str, calls| (date.to_owned(), calls);
    assert_eq!(dates(GroupBy::Day), [row("03/15/26", 1), row("12/16/25", 1)]);
    assert_eq!(dates(GroupBy::Month), [row("Mar/26", 1), row("Dec/25", 2), row("Apr/25", 1)]);
    assert_eq!(dates(GroupBy::Total), [row("---", 6)]);
}

#[test]
fn scores_have_exchanges_names() {
    let grades = [4.5, 4.49, 3.5, 2.5, 1.5, 1.0].map(grade);
    assert_eq!(grades, ["Excellent", "Good", "Good", "Average", "Poor", "Bad"]);
}
