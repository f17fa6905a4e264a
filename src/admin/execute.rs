//! Commands executed by a running node: on its files, then on itself.
//! Knows: the node's methods, the organisation's files. Must not: know who gave a command.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use super::account::{self, known};
use super::command::{Answer, CallFilter, Changed, Changes, Force, Reason, Refusal, Request, Row, TestCall, in_force};
use super::organisation::Organisation;
use crate::actors::config_poller::Refreshed;
use crate::engine::{Node, TestTarget};
use crate::records::RecordStore;

/// A running node as its administration has it.
#[derive(Clone)]
pub struct Administered {
    pub node: Rc<Node>,
    pub organisation: Organisation,
}

/// Does what a command says.
pub async fn execute(here: &Administered, request: Request) -> Answer {
    let outcome = match request {
        Request::Status => Ok(Answer::Status(Box::new(here.node.status().await))),
        Request::Get { kind, identity } => {
            let organisation = here.organisation.clone();
            blocking(move || organisation.get(kind, identity.as_deref())).await.map(Answer::Objects)
        }
        Request::Change(changes) => change(here, changes).await.map(Answer::Changed),
        Request::Refresh => match here.node.refresh().await {
            Ok(refreshed) => Ok(Answer::Done(told(&refreshed))),
            Err(fault) => Err(Refusal::new(Reason::Invalid, fault.to_string())),
        },
        Request::Configuration => Ok(Answer::Rows(rows(&[here.node.configuration()]))),
        Request::Components { server: Some(server), .. }
        | Request::SetComponent { server: Some(server), .. }
        | Request::ActiveCalls { server: Some(server), .. }
            if !here.organisation.node().is_named(&server) =>
        {
            let own = &here.organisation.node().name;
            let message = format!("\"{server}\" is another server than this node, \"{own}\"; give the command there");
            Err(Refusal::new(Reason::NotFound, message))
        }
        Request::Gateways => Ok(Answer::Rows(rows(&here.node.gateways().await))),
        Request::Workers => Ok(Answer::Rows(rows(&here.node.workers().await))),
        Request::RecycleWorker => {
            here.node.recycle_worker();
            Ok(Answer::Done("a new worker is started; the old one ends with its last call".to_owned()))
        }
        Request::DropCalls(which) => {
            here.node.drop_calls(which);
            Ok(Answer::Done("the calls are ended; what was recorded is kept".to_owned()))
        }
        Request::Components { component, .. } => account::components(&here.node, component.as_deref()).await,
        Request::SetComponent { component, state, requester, .. } => {
            account::set_component(&here.node, &component, &state, &requester).await
        }
        Request::ActiveCalls { dial_plan, ip_gateway, .. } => {
            let answer = account::active_calls(&here.node, dial_plan.as_deref(), ip_gateway.as_deref()).await;
            let (organisation, filter) = (here.organisation.clone(), CallFilter { dial_plan, ip_gateway });
            blocking(move || known(&organisation, answer, None, &filter)).await
        }
        Request::Trace(trace) => account::trace(&here.node, trace).await,
        Request::TracedCalls => Ok(Answer::Rows(rows(&here.node.traced_calls().await))),
        Request::Test(call) => test(here, call).await,
        Request::Traced { call_identity } => account::traced(&here.node, call_identity).await,
        request @ (Request::CallDataRecords { .. } | Request::CallSummaryReport { .. }) => {
            let (records, today) = (here.node.records(), day(here.node.wall()));
            let organisation = here.organisation.clone();
            let answer = move || account::of_records(&organisation, &records, today, &request);
            blocking(move || answer().unwrap_or_else(|| Err(Refusal::new(Reason::NotBuilt, "no records of that"))))
                .await
        }
    };
    outcome.unwrap_or_else(Answer::Refused)
}

/// Does what concerns files alone, where no node runs.
pub fn execute_without_node(
    organisation: &Organisation,
    records: &RecordStore,
    now: jiff::Timestamp,
    request: Request,
) -> Answer {
    if let Some(answered) = account::of_records(organisation, records, day(now), &request) {
        return answered.unwrap_or_else(Answer::Refused);
    }
    let outcome = match request {
        Request::Get { kind, identity } => organisation.get(kind, identity.as_deref()).map(Answer::Objects),
        Request::Change(changes) => organisation.change(&changes).map(Answer::Changed),
        _ => Err(Refusal::new(Reason::NeedsNode, "this needs a running node, and none is running here")),
    };
    outcome.unwrap_or_else(Answer::Refused)
}

/// One row a value, by its fields.
pub(super) fn rows<T: Serialize>(values: &[T]) -> Vec<Row> {
    let row = |value: &T| match serde_json::to_value(value) {
        Ok(serde_json::Value::Object(row)) => Some(row),
        _ => None,
    };
    values.iter().filter_map(row).collect()
}

/// One line an object, then the generation.
fn told(refreshed: &Refreshed) -> String {
    let lines =
        |what: &'static str, names: &[String]| names.iter().map(|name| format!("{what} {name}\n")).collect::<String>();
    let changes =
        [lines("added", &refreshed.added), lines("changed", &refreshed.changed), lines("removed", &refreshed.removed)];
    let state = if refreshed.unchanged { "unchanged, and " } else { "" };
    format!("{}the directory is {state}{}", changes.concat(), in_force(Some(refreshed.generation)))
}

/// The day in UTC, by which records are kept.
fn day(now: jiff::Timestamp) -> jiff::civil::Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

async fn change(here: &Administered, changes: Changes) -> Result<Changed, Refusal> {
    let organisation = here.organisation.clone();
    let mut changed = blocking(move || organisation.change(&changes)).await?;
    if matches!(changed.force, Force::Later(_)) {
        changed.force = match here.node.refresh().await {
            Ok(refreshed) => Force::Now { generation: Some(refreshed.generation) },
            Err(faults) => Force::Later(format!("the node does not take it: {faults}")),
        };
    }
    Ok(changed)
}

/// A call that was placed is answered with a row, whatever came of it.
async fn test(here: &Administered, call: TestCall) -> Result<Answer, Refusal> {
    let TestCall { call_router, ip_gateway, phone, from, dtmf, timeout } = call;
    let invalid = |key: &str, message: &str| Refusal::of_setting(Reason::Invalid, key, message);
    let plain = |uri: &String| {
        uri.starts_with("sip:") && uri.contains('@') && !uri.contains(['<', '>', '"', ';', '\r', '\n', ' '])
    };
    let target = match (ip_gateway, phone) {
        (Some(_), Some(_)) if call_router => {
            return Err(invalid("call_router", "a test goes to the call router or through a gateway, not both"));
        }
        (Some(name), Some(phone)) => TestTarget::Gateway { name, phone },
        (None, None) if call_router => TestTarget::CallRouter,
        (None, None) => TestTarget::UmService,
        (Some(_), None) => return Err(invalid("phone", "is needed with a gateway: the number to call")),
        (None, Some(_)) if call_router => {
            return Err(invalid("call_router", "a test goes to the call router or to somebody else, not both"));
        }
        (None, Some(uri)) if plain(&uri) => TestTarget::FrontEnd { uri },
        (None, Some(_)) => {
            return Err(invalid(
                "ip_gateway",
                "is needed with a number, the gateway to call through; a SIP URI needs none",
            ));
        }
    };
    let keys = |dtmf: &String| !dtmf.is_empty() && dtmf.chars().all(|key| "0123456789*#ABCDabcd".contains(key));
    if dtmf.as_ref().is_some_and(|dtmf| dtmf.len() > 64 || !keys(dtmf)) {
        return Err(invalid("dtmf", "is 1 to 64 keys: 0-9, *, #, A-D"));
    }
    if timeout.is_some_and(|seconds| !(5..=1800).contains(&seconds)) {
        return Err(invalid("timeout", "is a number of seconds; 5 to 1800 is allowed"));
    }
    if from.as_ref().is_some_and(|from| !plain(from)) {
        return Err(invalid("from", "is a SIP URI, as sip:1001@example.com"));
    }
    let outcome = here.node.test(target, from, dtmf, timeout.map(Duration::from_secs)).await;
    let outcome = outcome.map_err(|why| Refusal::new(Reason::Failed, why))?;
    Ok(Answer::Rows(rows(&[outcome])))
}

/// Files may keep us waiting: not on the thread that carries calls.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    let died = |error| Refusal::new(Reason::Failed, format!("the command did not end: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(died)?
}
