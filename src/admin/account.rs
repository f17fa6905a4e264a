//! Commands about calls and components, answered out of what is kept of them.
//! Knows: the folder of records, the node's methods. Must not: know who gave a command.

use std::net::IpAddr;

use jiff::civil::Date;

use super::command::{Answer, CallFilter, Reason, Refusal, Request, Row, Trace};
use super::execute::rows;
use super::organisation::Organisation;
use super::settings::Kind;
use crate::components::{Component, ComponentState, Requester, UnknownWord};
use crate::engine::Node;
use crate::records::report::{DaySummary, Filter, GroupBy, report};
use crate::records::trace::{NextCalls, TraceOrder};
use crate::records::traces;
use crate::records::{CallDataRecord, RecordError, RecordStore};

/// Answers a command about records; `None`: it is about something else. Blocks.
pub(super) fn of_records(
    organisation: &Organisation,
    records: &RecordStore,
    today: Date,
    request: &Request,
) -> Option<Result<Answer, Refusal>> {
    match request {
        Request::CallDataRecords { mailbox, day, filter } => {
            let found = list(records, mailbox.as_deref(), *day, filter);
            Some(found.and_then(|found| known(organisation, found, mailbox.as_deref(), filter)))
        }
        Request::CallSummaryReport { group_by, filter } => {
            let report = summary(records, today, group_by, filter);
            Some(report.and_then(|report| known(organisation, report, None, filter)))
        }
        _ => None,
    }
}

/// An answer about no call at all, unless it was asked for by a name that nobody has: that is a mistake. What is removed
/// by now may have records.
pub(super) fn known(
    organisation: &Organisation,
    answer: Answer,
    mailbox: Option<&str>,
    filter: &CallFilter,
) -> Result<Answer, Refusal> {
    let is_of_calls = |row: &Row| row.get("total_calls").is_none_or(|total| total.as_u64() != Some(0));
    if matches!(&answer, Answer::Rows(rows) if !rows.iter().any(is_of_calls)) {
        let wanted = [
            (Kind::Mailbox, "mailbox", mailbox),
            (Kind::DialPlan, "dial_plan", filter.dial_plan.as_deref()),
            (Kind::IpGateway, "ip_gateway", filter.ip_gateway.as_deref()),
        ];
        for (kind, key, name) in wanted {
            let Some(name) = name else { continue };
            if let Err(refusal) = organisation.get(kind, Some(name)) {
                return Err(Refusal::of_setting(refusal.reason, key, refusal.message));
            }
        }
    }
    Ok(answer)
}

fn list(
    records: &RecordStore,
    mailbox: Option<&str>,
    day: Option<Date>,
    filter: &CallFilter,
) -> Result<Answer, Refusal> {
    let days = day.map_or_else(|| records.days(), |day| Ok(vec![day])).map_err(unreadable)?;
    let mut found = Vec::new();
    for day in days {
        let of_day = records.read(day).map_err(unreadable)?;
        found.extend(of_day.into_iter().filter(|record| admits(record, mailbox, filter)));
    }
    Ok(Answer::Rows(rows(&found)))
}

fn admits(record: &CallDataRecord, mailbox: Option<&str>, filter: &CallFilter) -> bool {
    let is = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
    let of_mailbox = is(mailbox, &record.callee_mailbox_alias) || is(mailbox, &record.caller_mailbox_alias);
    of_mailbox
        && is(filter.dial_plan.as_deref(), &record.dial_plan_name)
        && is(filter.ip_gateway.as_deref(), &record.ip_gateway_name)
}

fn summary(records: &RecordStore, today: Date, group_by: &str, filter: &CallFilter) -> Result<Answer, Refusal> {
    let group_by =
        group_by.parse::<GroupBy>().map_err(|error| Refusal::of_setting(Reason::Invalid, "group_by", error))?;
    let mut days = records.summaries().map_err(unreadable)?;
    for day in records.days().map_err(unreadable)? {
        // summed up, but not removed yet
        days.retain(|summed| summed.day != day);
        days.push(DaySummary::of(day, &records.read(day).map_err(unreadable)?));
    }
    let filter = Filter { dial_plan: filter.dial_plan.clone(), ip_gateway: filter.ip_gateway.clone() };
    Ok(Answer::Rows(rows(&report(&days, group_by, &filter, today))))
}

/// The component states, or one of them.
pub(super) async fn components(node: &Node, component: Option<&str>) -> Result<Answer, Refusal> {
    let wanted = component.map(word::<Component>).transpose()?;
    let silent = || Refusal::new(Reason::Failed, "the component states do not answer");
    let mut states = node.components().await.ok_or_else(silent)?;
    states.retain(|status| wanted.is_none_or(|wanted| status.component == wanted));
    Ok(Answer::Rows(rows(&states)))
}

pub(super) async fn set_component(
    node: &Node,
    component: &str,
    state: &str,
    requester: &str,
) -> Result<Answer, Refusal> {
    let (component, state, requester): (Component, ComponentState, Requester) =
        (word(component)?, word(state)?, word(requester)?);
    let set = node.set_component(component, state, requester).await;
    set.map_err(|error| Refusal::new(Reason::Failed, error))?;
    Ok(Answer::Done(format!("{component} is {state} for {requester}")))
}

/// The calls in progress that a command is about.
pub(super) async fn active_calls(node: &Node, dial_plan: Option<&str>, ip_gateway: Option<&str>) -> Answer {
    let is = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
    let mut calls = node.active_calls().await;
    calls.retain(|call| is(dial_plan, &call.dial_plan) && is(ip_gateway, &call.ip_gateway));
    Answer::Rows(rows(&calls))
}

/// Begins or ceases to trace calls.
pub(super) async fn trace(node: &Node, trace: Trace) -> Result<Answer, Refusal> {
    let (order, done) = match trace {
        Trace::Call { call_identity, on } => {
            let done = match on {
                true => format!("call {call_identity} is traced from now on"),
                false => format!("call {call_identity} is not traced any more; what was kept stays"),
            };
            (TraceOrder::Call { call_identity, on }, done)
        }
        Trace::Off => (TraceOrder::Nothing, "no call is traced any more; what was kept stays".to_owned()),
        Trace::Next { calls, ip_gateway, number } => {
            let most = traces::CALLS as u32;
            if !(1..=most).contains(&calls) {
                let message = format!("{calls} calls are not allowed; 1 to {most} are");
                return Err(Refusal::of_setting(Reason::Invalid, "next", message));
            }
            let from = ip_gateway.as_deref().map(|name| addresses(node, name)).transpose()?.unwrap_or_default();
            let count = if calls == 1 { "call is".to_owned() } else { format!("{calls} calls are") };
            let from_whom = ip_gateway.map(|gateway| format!(" from {gateway}")).unwrap_or_default();
            let for_whom = number.as_ref().map(|number| format!(" for {number}")).unwrap_or_default();
            let done = format!("the next {count} traced{from_whom}{for_whom}");
            (TraceOrder::Next(NextCalls { calls, from, number }), done)
        }
    };
    let hint = "; \"ringpost active-calls get\" shows those that are, --next traces the next ones";
    let ordered = node.trace(order).await;
    ordered.map_err(|unknown| Refusal::new(Reason::NotFound, format!("{unknown}{hint}")))?;
    Ok(Answer::Done(done))
}

/// Where a gateway's calls come from.
fn addresses(node: &Node, name: &str) -> Result<Vec<IpAddr>, Refusal> {
    let directory = node.directory();
    let gateway = directory.ip_gateways().iter().find(|gateway| gateway.name.as_str().eq_ignore_ascii_case(name));
    let unknown = || Refusal::new(Reason::NotFound, format!("there is no UM IP gateway \"{name}\""));
    match directory.addresses_of(&gateway.ok_or_else(unknown)?.address) {
        [] => Err(Refusal::new(Reason::Failed, format!("the host name of UM IP gateway \"{name}\" is not resolved"))),
        addresses => Ok(addresses.to_vec()),
    }
}

/// The SIP that was kept of a call.
pub(super) async fn traced(node: &Node, call_identity: Option<String>) -> Result<Answer, Refusal> {
    let nothing = match &call_identity {
        Some(call) => format!("nothing was kept of call \"{call}\": it is not traced, or has said nothing since"),
        None => "no call was traced".to_owned(),
    };
    let kept = node.traced(call_identity).await;
    kept.map(Answer::Trace).ok_or_else(|| Refusal::new(Reason::NotFound, nothing))
}

fn word<T: std::str::FromStr<Err = UnknownWord>>(given: &str) -> Result<T, Refusal> {
    given.parse().map_err(|error: UnknownWord| Refusal::new(Reason::Invalid, error.to_string()))
}

fn unreadable(error: RecordError) -> Refusal {
    Refusal::new(Reason::Failed, error.to_string())
}
