use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::records::{AudioQuality, CallType};

#[test]
fn a_call_counts_by_type_result_gateway_and_plan_with_its_quality() {
    let metrics = Metrics::new();
    metrics.call_ended(&record());
    metrics.call_ended(&record());

    let text = metrics.text();
    let line = "ringpost_calls_total{call_type=\"Call Answering Voice Message\",result=\"Answer\",gateway=\"Loopback\",dial_plan=\"Lab\"} 2";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("ringpost_call_duration_seconds_sum 14.0"), "{text}");
    assert!(text.contains("ringpost_call_duration_seconds_bucket{le=\"10.0\"} 2"), "{text}");
    assert!(text.contains("ringpost_call_duration_seconds_bucket{le=\"5.0\"} 0"), "{text}");
    assert!(text.contains("ringpost_rtp_packet_loss_ratio_bucket{le=\"0.03\"} 2"), "{text}");
    assert!(text.contains("ringpost_rtp_packet_loss_ratio_bucket{le=\"0.02\"} 0"), "{text}");
    assert!(text.contains("ringpost_rtp_jitter_seconds_bucket{le=\"0.01\"} 2"), "{text}");
    assert!(text.contains("ringpost_rtp_round_trip_seconds_count 0"), "{text}");
}

#[test]
fn a_test_call_counts_nowhere_and_an_unknown_peer_is_one_label() {
    let metrics = Metrics::new();
    metrics.call_ended(&CallDataRecord { is_test: true, ..record() });
    assert!(!metrics.text().contains("ringpost_calls_total{"));

    for peer in ["192.0.2.1", "192.0.2.2"] {
        let unknown = CallDataRecord {
            ip_gateway_name: String::new(),
            ip_gateway_address: peer.to_owned(),
            dial_plan_name: String::new(),
            call_type: CallType::None,
            offer_result: OfferResult::Rejected,
            ..record()
        };
        metrics.call_ended(&unknown);
    }
    let line =
        "ringpost_calls_total{call_type=\"None\",result=\"Rejected\",gateway=\"unknown\",dial_plan=\"unknown\"} 2";
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[test]
fn refusals_count_by_part_status_and_meaning() {
    let metrics = Metrics::new();
    metrics.call_refused(RefusedBy::CallRouter, 403);
    metrics.call_refused(RefusedBy::UmWorker, 503);
    let text = metrics.text();
    let router = "ringpost_calls_refused_total{by=\"call_router\",status=\"403\",reason=\"peer_not_allowed\"} 1";
    let worker = "ringpost_calls_refused_total{by=\"um_worker\",status=\"503\",reason=\"full_or_out_of_service\"} 1";
    assert!(text.contains(router) && text.contains(worker), "{text}");
}

#[test]
fn a_counter_taken_once_is_the_one_that_is_shown() {
    let metrics = Metrics::new();
    let redirected = metrics.answers(RefusedBy::CallRouter, Transport::Udp, Answered::Redirected);
    redirected.inc_by(3);
    let line = "ringpost_router_answers_total{by=\"call_router\",transport=\"udp\",answer=\"redirected\"} 3";
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[test]
fn a_moment_replaces_the_one_before_also_where_names_are_gone() {
    let metrics = Metrics::new();
    let gateway = |name: &str, up| GatewayMoment { name: name.to_owned(), up: Some(up) };
    let moment = Moment {
        calls: 3,
        active: vec![("Loopback".into(), "Lab".into(), 3)],
        gateways: vec![gateway("Loopback", true), gateway("Old", false)],
        components: vec![ComponentMoment { component: "UMCallRouter".into(), state: "Draining".into() }],
        workers: vec![WorkerMoment { port: 5065, state: "current".into(), calls: 3, rss: 1 << 20, age_s: 60.0 }],
        failed: Some(1),
        ..Moment::default()
    };
    metrics.observe(&moment);
    let text = metrics.text();
    for line in [
        "ringpost_current_calls 3",
        "ringpost_active_calls{gateway=\"Loopback\",dial_plan=\"Lab\"} 3",
        "ringpost_gateway_up{gateway=\"Old\"} 0",
        "ringpost_component_state{component=\"UMCallRouter\",state=\"Draining\"} 1",
        "ringpost_worker_resident_memory_bytes{port=\"5065\",state=\"current\"} 1048576",
        "ringpost_spool_messages{state=\"failed\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }

    metrics.observe(&Moment { gateways: vec![gateway("Loopback", true)], ..Moment::default() });
    let text = metrics.text();
    assert!(text.contains("ringpost_gateway_up{gateway=\"Loopback\"} 1"), "{text}");
    for gone in ["gateway=\"Old\"", "ringpost_active_calls{", "state=\"Draining\"", "port=\"5065\""] {
        assert!(!text.contains(gone), "{gone}\n{text}");
    }
}

#[test]
fn the_text_is_whole_and_every_figure_says_what_it_means() {
    let text = exercised().text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("ringpost_delivery_latency_seconds_bucket{le=\"0.5\"} 1"), "{text}");
    assert!(text.contains("ringpost_delivery_attempts_total{result=\"delivered\"} 1"), "{text}");
    assert!(text.contains("ringpost_build_info{version=\""), "{text}");
    let declared: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(declared.len() > 30, "{declared:?}");
    for declared in declared {
        let name = declared.split(' ').next().unwrap();
        assert!(name.starts_with("ringpost_") || name.starts_with("process_"), "{name}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
}

#[test]
fn the_dashboard_and_the_alerts_name_only_what_is_there() {
    let text = exercised().text();
    let shown: Vec<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    for file in ["grafana-dashboard.json", "prometheus-alerts.yml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
        let written = std::fs::read_to_string(path).unwrap();
        let words = written.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let names: std::collections::BTreeSet<&str> =
            words.filter(|word| word.starts_with("ringpost_") || word.starts_with("process_")).collect();
        assert!(names.len() > 10, "{file}: {names:?}");
        for name in names {
            assert!(shown.contains(&name), "{file}: {name} is no figure of ours");
        }
    }
}

#[test]
fn every_figure_is_in_the_documentation() {
    let text = exercised().text();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
    let documentation = std::fs::read_to_string(path).unwrap();
    for declared in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, of) = declared.split_once(' ').unwrap();
        let suffix = match of {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert!(documentation.contains(&format!("`{name}{suffix}")), "{name}{suffix} is not in docs/monitoring.md");
    }
}

#[test]
fn what_has_not_happened_yet_is_shown_as_zero() {
    let text = Metrics::new().text();
    for line in [
        "ringpost_worker_restarts_total{reason=\"died\"} 0",
        "ringpost_refreshes_total{reason=\"invalid\"} 0",
        "ringpost_delivery_attempts_total{result=\"parked\"} 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// A node that has seen everything.
fn exercised() -> Metrics {
    let metrics = Metrics::new();
    metrics.call_ended(&record());
    metrics.call_refused(RefusedBy::UmWorker, 488);
    metrics.answers(RefusedBy::CallRouter, Transport::Tcp, Answered::Forwarded).inc();
    metrics.worker_died(WorkerEnd::Died);
    metrics.worker_recycled(RecycleReason::Age);
    metrics.refreshed(RefreshResult::Applied, Duration::from_millis(20));
    metrics.gateway_changed("Loopback", true);
    metrics.delivered(Duration::from_millis(300));
    metrics.admin_answered(200);
    metrics.observe(&Moment {
        active: vec![("Loopback".into(), "Lab".into(), 1)],
        failed: Some(0),
        gateways: vec![GatewayMoment { name: "Loopback".into(), up: Some(true) }],
        components: vec![ComponentMoment { component: "UMCallRouter".into(), state: "Active".into() }],
        workers: vec![WorkerMoment { port: 5065, state: "current".into(), calls: 1, rss: 1, age_s: 1.0 }],
        configuration: Some(ConfigurationMoment::default()),
        process: Some(Process::default()),
        ..Moment::default()
    });
    metrics
}

fn record() -> CallDataRecord {
    CallDataRecord {
        call_start_time: Timestamp::UNIX_EPOCH,
        call_type: CallType::CallAnsweringVoiceMessage,
        call_identity: "1@pbx".into(),
        parent_call_identity: String::new(),
        um_server_name: "um".into(),
        dial_plan_name: "Lab".into(),
        call_duration_s: 7,
        ip_gateway_name: "Loopback".into(),
        ip_gateway_address: "127.0.0.1".into(),
        called_phone_number: "1001".into(),
        caller_phone_number: String::new(),
        offer_result: OfferResult::Answer,
        drop_call_reason: "Graceful Hangup".into(),
        reason_for_call: "DivertNoAnswer".into(),
        dialed_string: String::new(),
        caller_mailbox_alias: String::new(),
        callee_mailbox_alias: "alice".into(),
        auto_attendant_name: String::new(),
        audio_quality: Some(AudioQuality {
            nmos: 4.1,
            nmos_degradation: 0.2,
            nmos_degradation_jitter: 0.1,
            nmos_degradation_packet_loss: 0.1,
            jitter_ms: 8.0,
            packet_loss_percent: 2.5,
            round_trip_ms: None,
            burst_density_percent: 0.0,
            burst_gap_duration_ms: 0.0,
        }),
        audio_codec: "PCMU".into(),
        is_test: false,
    }
}
