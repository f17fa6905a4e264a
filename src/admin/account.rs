//! Commands about calls and components, answered out of what is kept of them.
//! Knows: the folder of records, the engine's methods. Must not: know who gave a command.

use jiff::civil::Date;

use super::command::{Answer, CallFilter, Reason, Refusal, Request};
use super::execute::rows;
use crate::components::{Component, ComponentState, Requester, UnknownWord};
use crate::engine::Engine;
use crate::records::report::{DaySummary, Filter, GroupBy, report};
use crate::records::{CallDataRecord, RecordError, RecordStore};

/// Answers a command about records; `None`: it is about something else. Blocks.
pub(super) fn of_records(records: &RecordStore, today: Date, request: &Request) -> Option<Result<Answer, Refusal>> {
    match request {
        Request::CallDataRecords { mailbox, day, filter } => Some(list(records, mailbox.as_deref(), *day, filter)),
        Request::CallSummaryReport { group_by, filter } => Some(summary(records, today, group_by, filter)),
        _ => None,
    }
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
pub(super) async fn components(engine: &Engine, component: Option<&str>) -> Result<Answer, Refusal> {
    let wanted = component.map(word::<Component>).transpose()?;
    let silent = || Refusal::new(Reason::Failed, "the component states do not answer");
    let mut states = engine.components().await.ok_or_else(silent)?;
    states.retain(|status| wanted.is_none_or(|wanted| status.component == wanted));
    Ok(Answer::Rows(rows(&states)))
}

pub(super) async fn set_component(
    engine: &Engine,
    component: &str,
    state: &str,
    requester: &str,
) -> Result<Answer, Refusal> {
    let (component, state, requester): (Component, ComponentState, Requester) =
        (word(component)?, word(state)?, word(requester)?);
    let set = engine.set_component(component, state, requester).await;
    set.map_err(|error| Refusal::new(Reason::Failed, error))?;
    Ok(Answer::Done(format!("{component} is {state} for {requester}")))
}

/// The calls in progress that a command is about.
pub(super) async fn active_calls(engine: &Engine, dial_plan: Option<&str>, ip_gateway: Option<&str>) -> Answer {
    let is = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
    let mut calls = engine.active_calls().await;
    calls.retain(|call| is(dial_plan, &call.dial_plan) && is(ip_gateway, &call.ip_gateway));
    Answer::Rows(rows(&calls))
}

fn word<T: std::str::FromStr<Err = UnknownWord>>(given: &str) -> Result<T, Refusal> {
    given.parse().map_err(|error: UnknownWord| Refusal::new(Reason::Invalid, error.to_string()))
}

fn unreadable(error: RecordError) -> Refusal {
    Refusal::new(Reason::Failed, error.to_string())
}
