//! Cmdlets that a running node answers: component states, calls, records, test calls.
//! Knows: which request a cmdlet is. Must not: know how the node answers it.

use super::super::bind::Bound;
use super::super::sense::{Action, action};
use super::{ScriptError, Shell, Shown};
use crate::admin::command::{Answer, CallFilter, Request, Row, TestCall};
use crate::link::CallSelector;

/// Properties of Get-UMCallDataRecord, and where they are in a record.
const RECORD: &[(&str, &str)] = &[
    ("Date", "call_start_time"),
    ("Duration", "call_duration_s"),
    ("AudioCodec", "audio_codec"),
    ("DialPlan", "dial_plan_name"),
    ("CallType", "call_type"),
    ("CallingNumber", "caller_phone_number"),
    ("CalledNumber", "called_phone_number"),
    ("Gateway", "ip_gateway_name"),
    ("NMOS", "audio_quality.nmos"),
    ("NMOSDegradation", "audio_quality.nmos_degradation"),
    ("NMOSDegradationJitter", "audio_quality.nmos_degradation_jitter"),
    ("NMOSDegradationPacketLoss", "audio_quality.nmos_degradation_packet_loss"),
    ("PercentagePacketLoss", "audio_quality.packet_loss_percent"),
    ("Jitter", "audio_quality.jitter_ms"),
    ("RoundTripMilliseconds", "audio_quality.round_trip_ms"),
    ("BurstLossDurationMilliseconds", "audio_quality.burst_loss_duration_ms"),
];

/// Properties of Get-UMCallSummaryReport, and where they are in a row.
const REPORT: &[(&str, &str)] = &[
    ("Date", "date"),
    ("UMDialPlanName", "dial_plan"),
    ("UMIPGatewayName", "ip_gateway"),
    ("VoiceMessages", "voice_message"),
    ("MissedCalls", "missed_call"),
    ("OutlookVoiceAccess", "outlook_voice_access"),
    ("Outbound", "outbound"),
    ("AutoAttendant", "automated_attendant"),
    ("Fax", "fax"),
    ("Other", "other"),
    ("FailedOrRejected", "failed_or_rejected"),
    ("TotalCalls", "total_calls"),
    ("AudioQuality", "audio_quality"),
    ("NMOS", "nmos"),
    ("NMOSDegradation", "nmos_degradation"),
    ("PercentagePacketLoss", "percent_packet_loss"),
    ("Jitter", "jitter"),
    ("RoundTripMilliseconds", "round_trip_milliseconds"),
    ("BurstLossDurationMilliseconds", "burst_loss_duration_milliseconds"),
    ("TotalAudioQualityCallsSampled", "total_audio_quality_calls_sampled"),
];

/// Properties of Get-ServerComponentState, and where they are in a row.
const COMPONENT: &[(&str, &str)] = &[
    ("Server", "server"),
    ("Component", "component"),
    ("State", "state"),
    ("Requesters", "requesters"),
    ("Drained", "drained"),
    ("Detail", "detail"),
];

impl Shell<'_> {
    /// `piped`: the server that came through the pipe.
    pub(super) fn ask_node(&mut self, piped: Option<String>, bound: &Bound) -> Result<Vec<Shown>, ScriptError> {
        let server =
            piped.or_else(|| ["Identity", "Server", "InstanceServer"].iter().find_map(|name| bound.text(name)));
        let filter = || CallFilter { dial_plan: bound.text("UMDialPlan"), ip_gateway: bound.text("UMIPGateway") };
        let request = match action(bound.cmdlet.name) {
            Action::GetComponents => Request::Components { server, component: bound.text("Component") },
            Action::SetComponent => Request::SetComponent {
                server,
                component: bound.text("Component").unwrap_or_default(),
                state: bound.text("State").unwrap_or_default(),
                requester: bound.text("Requester").unwrap_or_default(),
            },
            Action::ActiveCalls => {
                let given = ["DialPlan", "IPGateway", "Server", "InstanceServer"].map(|name| bound.get(name).is_some());
                if given.into_iter().filter(|given| *given).count() > 1 {
                    return bound.error("one of -Server, -DialPlan, -IPGateway and -InstanceServer may be given");
                }
                Request::ActiveCalls { server, dial_plan: bound.text("DialPlan"), ip_gateway: bound.text("IPGateway") }
            }
            Action::CallDataRecords => {
                Request::CallDataRecords { mailbox: bound.text("Mailbox"), day: None, filter: CallFilter::default() }
            }
            Action::ExportRecords => {
                let date = bound.text("Date").unwrap_or_default();
                let Some(day) = day(&date) else {
                    return bound.error(format!("-Date \"{date}\" is no day; write 2026-11-26 or 11/26/2026"));
                };
                if bound.what_if {
                    (self.print)(&format!("What if: the records of {day} are written\n"));
                    return Ok(Vec::new());
                }
                let request = Request::CallDataRecords { mailbox: None, day: Some(day), filter: filter() };
                let Answer::Rows(rows) = self.answer(request, bound)? else {
                    return bound.error("the node answered with something else");
                };
                let file = (self.export)(day, rows).or_else(|error| bound.error(error))?;
                (self.print)(&format!("{file}\n"));
                return Ok(Vec::new());
            }
            Action::SummaryReport => {
                Request::CallSummaryReport { group_by: bound.text("GroupBy").unwrap_or_default(), filter: filter() }
            }
            Action::TestCall => Request::Test(test_call(bound)?),
            Action::Service { enable } => {
                return self.service(enable, server, bound);
            }
            _ => return Ok(Vec::new()),
        };
        if bound.what_if {
            (self.print)(&format!("What if: {} is carried out\n", bound.cmdlet.name));
            return Ok(Vec::new());
        }
        self.rows(request, bound)
    }

    fn rows(&mut self, request: Request, bound: &Bound) -> Result<Vec<Shown>, ScriptError> {
        match self.answer(request, bound)? {
            Answer::Rows(rows) => Ok(rows.into_iter().map(|row| spelled(bound.cmdlet.name, row)).collect()),
            Answer::Done(done) => {
                (self.print)(&format!("{done}\n"));
                Ok(Vec::new())
            }
            _ => bound.error("the node answered with something else"),
        }
    }

    /// `Enable-/Disable-UMService`: in Exchange 2013 the state of a component.
    fn service(&mut self, enable: bool, server: Option<String>, bound: &Bound) -> Result<Vec<Shown>, ScriptError> {
        if bound.what_if {
            (self.print)(&format!("What if: the UM service is {}\n", if enable { "enabled" } else { "disabled" }));
            return Ok(Vec::new());
        }
        let state = if enable { "Active" } else { "Inactive" };
        self.rows(functional(server, state), bound)?;
        if !enable && bound.is_true("Immediate") {
            self.rows(Request::DropCalls(CallSelector::All), bound)?;
        }
        Ok(Vec::new())
    }

    /// `Set-UMService -Status`.
    pub(super) fn set_status(&mut self, status: &str, bound: &Bound) -> Result<(), ScriptError> {
        let state = match status.to_ascii_lowercase().as_str() {
            "enabled" => "Active",
            "disabled" => "Inactive",
            "nonewcalls" => "Draining",
            _ => {
                return bound
                    .error(format!("-Status: \"{status}\" is not allowed; allowed are Enabled, Disabled, NoNewCalls"));
            }
        };
        if bound.what_if {
            (self.print)(&format!("What if: UnifiedMessaging is {state} for Functional\n"));
            return Ok(());
        }
        let server = bound.text("Identity");
        self.rows(functional(server, state), bound)?;
        Ok(())
    }
}

/// A row with the properties that Exchange gives the objects of this cmdlet.
fn spelled(cmdlet: &str, row: Row) -> Shown {
    match action(cmdlet) {
        Action::CallDataRecords => Shown::properties(row, RECORD),
        Action::SummaryReport => Shown::properties(row, REPORT),
        Action::GetComponents => Shown::properties(row, COMPONENT),
        _ => Shown::row(row),
    }
}

fn functional(server: Option<String>, state: &str) -> Request {
    Request::SetComponent {
        server,
        component: "UnifiedMessaging".to_owned(),
        state: state.to_owned(),
        requester: "Functional".to_owned(),
    }
}

fn test_call(bound: &Bound) -> Result<TestCall, ScriptError> {
    let timeout = match bound.text("Timeout").map(|text| text.parse::<u64>()) {
        None => None,
        Some(Ok(seconds)) if (5..=1800).contains(&seconds) => Some(seconds),
        Some(_) => return bound.error("-Timeout is a number of seconds; 5 to 1800 is allowed"),
    };
    let (ip_gateway, phone) = (bound.text("UMIPGateway"), bound.text("Phone"));
    Ok(TestCall {
        call_router: bound.is_true("CallRouter"),
        ip_gateway,
        phone,
        from: bound.text("From"),
        dtmf: bound.text("DiagDtmfSequence"),
        timeout,
    })
}

/// ISO, or as Exchange's examples write days: month first.
fn day(text: &str) -> Option<jiff::civil::Date> {
    if let Ok(day) = text.parse() {
        return Some(day);
    }
    let mut parts = text.split('/').map(|part| part.parse::<i16>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
