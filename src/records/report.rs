//! What many calls come to (`Get-UMCallSummaryReport`): counts and shares by kind, and how they sounded, by day, month
//! or altogether.
//! Knows: records, and the sums of days whose records are gone. Must not: know where they are kept.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};

use super::{CallDataRecord, CallType, OfferResult};

/// The rows of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Of the last 90 days.
    Day,
    /// Of the last 12 months.
    Month,
    Total,
}

/// Which calls count. Names in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub dial_plan: Option<String>,
    pub ip_gateway: Option<String>,
}

/// What kind a call is in a report. A failed or rejected one is nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    VoiceMessage,
    MissedCall,
    OutlookVoiceAccess,
    Outbound,
    AutomatedAttendant,
    Fax,
    Other,
    FailedOrRejected,
}

/// Sums of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    calls: BTreeMap<Kind, u64>,
    /// Calls whose sound was measured, and the sums of what was.
    measured: u64,
    nmos: f64,
    nmos_degradation: f64,
    jitter_ms: f64,
    packet_loss_percent: f64,
    burst_loss_duration_ms: f64,
    /// The round trip is not known of every one.
    round_trips: u64,
    round_trip_ms: f64,
}

/// The sums of one day, for each dial plan and gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaySummary {
    pub day: Date,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    dial_plan: String,
    ip_gateway: String,
    tally: Tally,
}

/// One row of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `MM/DD/YY`, `MMM/YY` or `---`.
    pub date: String,
    /// Empty: every one.
    pub dial_plan: String,
    pub ip_gateway: String,
    pub total_calls: u64,
    /// Percent of all calls.
    pub voice_message: f64,
    pub missed_call: f64,
    pub outlook_voice_access: f64,
    pub outbound: f64,
    pub automated_attendant: f64,
    pub fax: f64,
    pub other: f64,
    pub failed_or_rejected: f64,
    /// Calls of each kind.
    pub counts: BTreeMap<Kind, u64>,
    /// Excellent, Good, Average, Poor or Bad; `None`: no call was measured.
    pub audio_quality: Option<String>,
    /// Means over the calls that were measured.
    pub nmos: Option<f64>,
    pub nmos_degradation: Option<f64>,
    pub percent_packet_loss: Option<f64>,
    pub jitter: Option<f64>,
    pub round_trip_milliseconds: Option<f64>,
    pub burst_loss_duration_milliseconds: Option<f64>,
    pub total_audio_quality_calls_sampled: u64,
}

/// The report: one row a day or month that had calls, the newest first; or one altogether.
pub fn report<'s>(
    days: impl IntoIterator<Item = &'s DaySummary>,
    group_by: GroupBy,
    filter: &Filter,
    today: Date,
) -> Vec<Row> {
    let mut groups: BTreeMap<Option<Date>, Tally> = BTreeMap::new();
    for summary in days.into_iter().filter(|summary| group_by.looks_at(summary.day, today)) {
        let tally = groups.entry(group_by.group(summary.day)).or_default();
        summary.parts.iter().filter(|part| filter.admits(part)).for_each(|part| tally.add(&part.tally));
    }
    let rows = groups.into_iter().rev().filter(|(_, tally)| tally.total() > 0);
    rows.map(|(group, tally)| tally.row(group_by.label(group), filter)).collect()
}

impl DaySummary {
    /// Test calls of the node's own do not count.
    pub fn of(day: Date, records: &[CallDataRecord]) -> DaySummary {
        let mut parts: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
        for record in records.iter().filter(|record| !record.is_test) {
            parts.entry((&record.dial_plan_name, &record.ip_gateway_name)).or_default().count(record);
        }
        let part = |((dial_plan, ip_gateway), tally): ((&str, &str), Tally)| Part {
            dial_plan: dial_plan.to_owned(),
            ip_gateway: ip_gateway.to_owned(),
            tally,
        };
        DaySummary { day, parts: parts.into_iter().map(part).collect() }
    }

    pub fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.tally.total()).sum()
    }
}

impl Kind {
    pub fn of(record: &CallDataRecord) -> Kind {
        if matches!(record.offer_result, OfferResult::Failed | OfferResult::Rejected) {
            return Kind::FailedOrRejected;
        }
        match record.call_type {
            CallType::CallAnsweringVoiceMessage => Kind::VoiceMessage,
            CallType::CallAnsweringMissedCall => Kind::MissedCall,
            CallType::SubscriberAccess | CallType::UnauthenticatedPilotNumber => Kind::OutlookVoiceAccess,
            CallType::PlayOnPhone | CallType::FindMe | CallType::GreetingsRecording => Kind::Outbound,
            CallType::AutoAttendant => Kind::AutomatedAttendant,
            CallType::Fax => Kind::Fax,
            CallType::PromptProvisioning | CallType::None => Kind::Other,
        }
    }
}

impl Filter {
    fn admits(&self, part: &Part) -> bool {
        let same = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.to_lowercase() == name.to_lowercase())
        };
        same(&self.dial_plan, &part.dial_plan) && same(&self.ip_gateway, &part.ip_gateway)
    }
}

impl Tally {
    pub fn count(&mut self, record: &CallDataRecord) {
        *self.calls.entry(Kind::of(record)).or_default() += 1;
        if let Some(quality) = &record.audio_quality {
            self.measured += 1;
            self.nmos += quality.nmos;
            self.nmos_degradation += quality.nmos_degradation;
            self.jitter_ms += quality.jitter_ms;
            self.packet_loss_percent += quality.packet_loss_percent;
            self.burst_loss_duration_ms += quality.burst_loss_duration_ms;
            self.round_trips += u64::from(quality.round_trip_ms.is_some());
            self.round_trip_ms += quality.round_trip_ms.unwrap_or(0.0);
        }
    }

    fn add(&mut self, other: &Tally) {
        for (kind, calls) in &other.calls {
            *self.calls.entry(*kind).or_default() += calls;
        }
        self.measured += other.measured;
        self.nmos += other.nmos;
        self.nmos_degradation += other.nmos_degradation;
        self.jitter_ms += other.jitter_ms;
        self.packet_loss_percent += other.packet_loss_percent;
        self.burst_loss_duration_ms += other.burst_loss_duration_ms;
        self.round_trips += other.round_trips;
        self.round_trip_ms += other.round_trip_ms;
    }

    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    fn row(&self, date: String, filter: &Filter) -> Row {
        let total = self.total();
        let percent = |kind| match total {
            0 => 0.0,
            total => 100.0 * self.calls.get(&kind).copied().unwrap_or(0) as f64 / total as f64,
        };
        let mean = |sum: f64, of: u64| (of > 0).then(|| sum / of as f64);
        let nmos = mean(self.nmos, self.measured);
        Row {
            date,
            dial_plan: filter.dial_plan.clone().unwrap_or_default(),
            ip_gateway: filter.ip_gateway.clone().unwrap_or_default(),
            total_calls: total,
            voice_message: percent(Kind::VoiceMessage),
            missed_call: percent(Kind::MissedCall),
            outlook_voice_access: percent(Kind::OutlookVoiceAccess),
            outbound: percent(Kind::Outbound),
            automated_attendant: percent(Kind::AutomatedAttendant),
            fax: percent(Kind::Fax),
            other: percent(Kind::Other),
            failed_or_rejected: percent(Kind::FailedOrRejected),
            counts: self.calls.clone(),
            audio_quality: nmos.map(|nmos| grade(nmos).to_owned()),
            nmos,
            nmos_degradation: mean(self.nmos_degradation, self.measured),
            percent_packet_loss: mean(self.packet_loss_percent, self.measured),
            jitter: mean(self.jitter_ms, self.measured),
            round_trip_milliseconds: mean(self.round_trip_ms, self.round_trips),
            burst_loss_duration_milliseconds: mean(self.burst_loss_duration_ms, self.measured),
            total_audio_quality_calls_sampled: self.measured,
        }
    }
}

impl GroupBy {
    /// As Exchange names them.
    pub const WORDS: [&'static str; 3] = ["Day", "Month", "Total"];

    fn looks_at(self, day: Date, today: Date) -> bool {
        let since = |span: Span| day > today.saturating_sub(span);
        match self {
            GroupBy::Day => since(90.days()),
            GroupBy::Month => day >= today.first_of_month().saturating_sub(11.months()),
            GroupBy::Total => true,
        }
    }

    fn group(self, day: Date) -> Option<Date> {
        match self {
            GroupBy::Day => Some(day),
            GroupBy::Month => Some(day.first_of_month()),
            GroupBy::Total => None,
        }
    }

    fn label(self, group: Option<Date>) -> String {
        match (self, group) {
            (GroupBy::Day, Some(day)) => day.strftime("%m/%d/%y").to_string(),
            (GroupBy::Month, Some(month)) => month.strftime("%b/%y").to_string(),
            _ => "---".to_owned(),
        }
    }
}

impl std::str::FromStr for GroupBy {
    type Err = String;

    fn from_str(text: &str) -> Result<GroupBy, String> {
        match text.to_ascii_lowercase().as_str() {
            "day" => Ok(GroupBy::Day),
            "month" => Ok(GroupBy::Month),
            "total" => Ok(GroupBy::Total),
            _ => Err(format!("\"{text}\" is no way to group calls: {}", GroupBy::WORDS.join(", "))),
        }
    }
}

/// How Exchange names a mean opinion score.
pub fn grade(nmos: f64) -> &'static str {
    match nmos {
        nmos if nmos >= 4.5 => "Excellent",
        nmos if nmos >= 3.5 => "Good",
        nmos if nmos >= 2.5 => "Average",
        nmos if nmos >= 1.5 => "Poor",
        _ => "Bad",
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
