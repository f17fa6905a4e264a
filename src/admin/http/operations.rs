//! Everything that can be asked below `/api/v1`: paths, methods, roles, and the command each makes of a request.
//! Knows: commands, kinds of objects. Must not: know sockets, or what a command does.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::answers::{Format, Shape};
use super::tokens::Role;
use crate::admin::command::{CallFilter, Changes, Reason, Refusal, Request, Step, TestCall, Trace};
use crate::admin::settings::{Change, Edit, Kind, Value};
use crate::link::CallSelector;

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Operation {
    pub method: Method,
    /// Below `/api/v1`, such as `/dial-plan/{identity}`.
    pub path: String,
    pub role: Role,
    pub summary: String,
    pub queries: Vec<Query>,
    pub body: Body,
    pub shape: Shape,
    /// The object it is about.
    pub kind: Option<Kind>,
    command: fn(&Given) -> Result<Request, Refusal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A parameter behind the question mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    pub name: &'static str,
    pub meaning: &'static str,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    /// Settings of a new object.
    New(Kind),
    /// Settings to change.
    Edits(Kind),
    /// These keys, texts unless said otherwise; the first so many are needed.
    Keys {
        keys: &'static [(&'static str, &'static str)],
        needed: usize,
    },
}

/// What a request gave, taken apart.
#[derive(Debug, Default)]
pub struct Given {
    pub kind: Option<Kind>,
    /// What stands in the path.
    pub identity: Option<String>,
    pub query: BTreeMap<String, String>,
    pub body: Map<String, Json>,
}

const WHAT_IF: Query = Query { name: "what_if", meaning: "true: say what would be done, and do nothing" };
const DIAL_PLAN: Query = Query { name: "dial_plan", meaning: "calls of this dial plan only" };
const IP_GATEWAY: Query = Query { name: "ip_gateway", meaning: "calls of this UM IP gateway only" };

/// All of them.
pub fn operations() -> Vec<Operation> {
    use Method::{Get, Post, Put};
    let op = |method, path: &str, summary: &str, shape, command| Operation {
        method,
        path: path.to_owned(),
        role: if method == Get { Role::Read } else { Role::Manage },
        summary: summary.to_owned(),
        queries: Vec::new(),
        body: Body::None,
        shape,
        kind: None,
        command,
    };
    let keys = |keys, needed| Body::Keys { keys, needed };
    let mut all = vec![
        op(Get, "/status", "How the node is: listeners, load, problems", Shape::One, |_| Ok(Request::Status)),
        op(Get, "/configuration", "Which directory is in force, and what is wrong with the files", Shape::Many, |_| {
            Ok(Request::Configuration)
        }),
        op(Post, "/refresh", "Read the directory now", Shape::Done, |_| Ok(Request::Refresh)),
        op(Get, "/gateways", "The UM IP gateways as the node sees them: do they answer?", Shape::Many, |_| {
            Ok(Request::Gateways)
        }),
        op(Get, "/workers", "The UM worker processes", Shape::Many, |_| Ok(Request::Workers)),
        op(Post, "/workers/recycle", "Replace the current UM worker; its calls go on", Shape::Done, |_| {
            Ok(Request::RecycleWorker)
        }),
        op(Get, "/components", "States of the components", Shape::Many, |_| components(None)),
        op(Get, "/components/{identity}", "State of one component", Shape::Many, |given| {
            components(given.identity.clone())
        }),
        Operation {
            body: keys(&[("state", "Active, Inactive, Draining"), ("requester", "Maintenance unless given")], 1),
            ..op(Put, "/components/{identity}", "Set the state one requester wants", Shape::Done, set_component)
        },
        Operation {
            queries: vec![DIAL_PLAN, IP_GATEWAY],
            ..op(Get, "/active-calls", "Calls in progress", Shape::Many, active_calls)
        },
        Operation {
            body: keys(
                &[
                    ("call_identity", "SIP Call-ID of a call in progress"),
                    ("next", "the next so many new calls (a number)"),
                    ("ip_gateway", "of them, those of this UM IP gateway only"),
                    ("number", "of them, those for this number or user only"),
                    ("on", "false: not any more, without call_identity no call (a boolean)"),
                ],
                0,
            ),
            ..op(Post, "/active-calls/trace", "Keep the SIP of calls, or cease to", Shape::Done, trace)
        },
        op(Get, "/active-calls/trace", "Calls whose SIP is kept", Shape::Many, |_| Ok(Request::TracedCalls)),
        Operation {
            // more is in it than in a record
            role: Role::Manage,
            queries: vec![Query { name: "format", meaning: "json, ladder or pcap" }],
            ..op(Get, "/active-calls/trace/{identity}", "The SIP of a traced call", Shape::Trace, |given| {
                Ok(Request::Traced { call_identity: given.identity.clone() })
            })
        },
        Operation {
            body: keys(
                &[
                    ("call_identity", "SIP Call-ID of the call that ends"),
                    ("ip_gateway", "all calls of this UM IP gateway end"),
                    ("all", "true (a boolean): every call ends"),
                ],
                0,
            ),
            ..op(Post, "/active-calls/drop", "End calls now; what was recorded is kept", Shape::Done, drop_calls)
        },
        Operation {
            queries: vec![
                Query { name: "mailbox", meaning: "of this mailbox only" },
                Query { name: "day", meaning: "of this day (UTC), YYYY-MM-DD" },
                DIAL_PLAN,
                IP_GATEWAY,
                Query { name: "format", meaning: "json or csv" },
            ],
            ..op(Get, "/call-data-records", "Call data records", Shape::Many, call_data_records)
        },
        Operation {
            queries: vec![
                Query { name: "group_by", meaning: "Day, Month or Total (unless given)" },
                DIAL_PLAN,
                IP_GATEWAY,
                Query { name: "format", meaning: "json or csv" },
            ],
            ..op(Get, "/call-summary-report", "Calls summed up", Shape::Many, summary_report)
        },
        Operation {
            body: keys(
                &[
                    ("call_router", "true (a boolean): through the call router"),
                    ("ip_gateway", "through this UM IP gateway"),
                    ("phone", "the number to call through it"),
                    ("from", "SIP URI of the caller"),
                    ("dtmf", "keys to send"),
                    ("timeout", "seconds (a number)"),
                ],
                0,
            ),
            ..op(Post, "/test", "Make a test call", Shape::Many, test_call)
        },
    ];
    all.extend(Kind::ALL.into_iter().flat_map(of_kind));
    all
}

/// What can be done with objects of a kind.
fn of_kind(kind: Kind) -> Vec<Operation> {
    let several = format!("/{}", kind.noun());
    let one = format!("{several}/{{identity}}");
    let op = |method, path: &str, summary: String, shape, command| Operation {
        method,
        path: path.to_owned(),
        role: if method == Method::Get { Role::Read } else { Role::Manage },
        summary,
        queries: if method == Method::Get { Vec::new() } else { vec![WHAT_IF] },
        body: Body::None,
        shape,
        kind: Some(kind),
        command,
    };
    let mut all = vec![
        op(Method::Get, &several, format!("All {}", kind.several()), Shape::Many, get),
        op(Method::Get, &one, format!("One {kind}"), Shape::One, get),
    ];
    let mut new = op(Method::Post, &several, format!("Make a {kind}"), Shape::Made, make);
    new.body = Body::New(kind);
    match kind {
        Kind::DialPlan => new.queries.push(Query {
            name: "mailbox_policy",
            meaning: "false: without the policy \"<name> Default Policy\" that is made with it",
        }),
        Kind::IpGateway => new.queries.push(Query {
            name: "for_dial_plan",
            meaning: "a hunt group without pilot is made with it, for this dial plan",
        }),
        _ => {}
    }
    all.push(new);
    // fixed once made, as in Exchange
    if kind != Kind::HuntGroup {
        let change = op(Method::Patch, &one, format!("Change a {kind}"), Shape::Changed, change);
        all.push(Operation { body: Body::Edits(kind), ..change });
    }
    all.push(op(Method::Delete, &one, format!("Remove a {kind}"), Shape::Changed, remove));
    all
}

impl Operation {
    /// The command a request makes.
    ///
    /// # Errors
    /// What is missing, unknown, or of the wrong type.
    pub fn command(&self, given: &Given) -> Result<Request, Refusal> {
        if let Some(unknown) = given.query.keys().find(|name| self.queries.iter().all(|query| query.name != **name)) {
            let names: Vec<_> = self.queries.iter().map(|query| query.name).collect();
            let known = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
            return Err(invalid(unknown, &format!("is no query parameter of this path; {known}")));
        }
        match self.body {
            Body::None if !given.body.is_empty() => return Err(invalid("", "this path takes no body")),
            Body::None | Body::New(_) | Body::Edits(_) => {}
            Body::Keys { keys, needed } => {
                if let Some(unknown) = given.body.keys().find(|key| keys.iter().all(|(name, _)| name != key)) {
                    let known: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
                    return Err(invalid(unknown, &format!("is not known here; {}", known.join(", "))));
                }
                if let Some((missing, _)) = keys.iter().take(needed).find(|(name, _)| !given.body.contains_key(*name)) {
                    return Err(invalid(missing, "is needed"));
                }
            }
        }
        (self.command)(given)
    }

    /// How its answer can be had.
    pub fn formats(&self) -> &'static [Format] {
        match self.shape {
            Shape::Trace => &[Format::Json, Format::Ladder, Format::Pcap],
            _ if self.queries.iter().any(|query| query.name == "format") => &[Format::Json, Format::Csv],
            _ => &[Format::Json],
        }
    }
}

impl Given {
    fn kind(&self) -> Result<Kind, Refusal> {
        self.kind.ok_or_else(|| invalid("", "no kind of object"))
    }

    fn identity(&self) -> String {
        self.identity.clone().unwrap_or_default()
    }

    fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        match self.body.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(invalid(key, "is a text")),
        }
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, Refusal> {
        match self.body.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(switch)) => Ok(Some(*switch)),
            Some(_) => Err(invalid(key, "is true or false")),
        }
    }

    fn switch_of_query(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.query.get(name).map(String::as_str) {
            None => Ok(default),
            Some("true" | "") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(invalid(name, "is true or false")),
        }
    }

    fn filter(&self) -> CallFilter {
        CallFilter {
            dial_plan: self.query.get("dial_plan").cloned(),
            ip_gateway: self.query.get("ip_gateway").cloned(),
        }
    }

    fn changes(&self, steps: Vec<Step>) -> Result<Request, Refusal> {
        Ok(Request::Change(Changes { steps, what_if: self.switch_of_query("what_if", false)? }))
    }
}

fn get(given: &Given) -> Result<Request, Refusal> {
    Ok(Request::Get { kind: given.kind()?, identity: given.identity.clone() })
}

fn make(given: &Given) -> Result<Request, Refusal> {
    let kind = given.kind()?;
    let name = given.text(kind.identity())?.ok_or_else(|| invalid(kind.identity(), "is needed"))?;
    let others = given.body.iter().filter(|(key, _)| *key != kind.identity());
    let edits = others.map(|(key, value)| set(key, value)).collect::<Result<Vec<_>, _>>()?;
    let mut steps = vec![Step::New { kind, name: name.clone(), edits }];
    match kind {
        Kind::DialPlan if given.switch_of_query("mailbox_policy", true)? => steps.push(Step::default_policy(&name)),
        Kind::IpGateway => {
            steps.extend(given.query.get("for_dial_plan").map(|plan| Step::default_hunt_group(&name, plan)));
        }
        _ => {}
    }
    given.changes(steps)
}

fn change(given: &Given) -> Result<Request, Refusal> {
    let mut edits = Vec::new();
    for (key, value) in &given.body {
        let edit = |change| Edit { key: key.clone(), change };
        match value {
            Json::Null => edits.push(edit(Change::Unset)),
            Json::Object(parts) => {
                for (part, members) in parts {
                    let members = list(key, members)?;
                    edits.push(edit(match part.as_str() {
                        "add" => Change::Add(members),
                        "remove" => Change::Remove(members),
                        _ => return Err(invalid(key, "is a value, null, or an object with \"add\" and \"remove\"")),
                    }));
                }
            }
            value => edits.push(set(key, value)?),
        }
    }
    given.changes(vec![Step::Set { kind: given.kind()?, identity: given.identity(), edits }])
}

fn remove(given: &Given) -> Result<Request, Refusal> {
    given.changes(vec![Step::Remove { kind: given.kind()?, identity: given.identity() }])
}

fn set(key: &str, value: &Json) -> Result<Edit, Refusal> {
    let value = match value {
        Json::Bool(switch) => Value::Switch(*switch),
        Json::Number(number) => Value::Number(number.as_i64().ok_or_else(|| invalid(key, "is a whole number"))?),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) => Value::List(list(key, value)?),
        Json::Null | Json::Object(_) => return Err(invalid(key, "is a text, a number, true or false, or a list")),
    };
    Ok(Edit::set(key, value))
}

fn list(key: &str, members: &Json) -> Result<Vec<String>, Refusal> {
    let Json::Array(members) = members else { return Err(invalid(key, "is a list")) };
    let text = |member: &Json| member.as_str().map(str::to_owned).ok_or_else(|| invalid(key, "is a list of texts"));
    members.iter().map(text).collect()
}

fn components(component: Option<String>) -> Result<Request, Refusal> {
    Ok(Request::Components { server: None, component })
}

fn set_component(given: &Given) -> Result<Request, Refusal> {
    Ok(Request::SetComponent {
        server: None,
        component: given.identity(),
        state: given.text("state")?.unwrap_or_default(),
        requester: given.text("requester")?.unwrap_or_else(|| "Maintenance".to_owned()),
    })
}

fn active_calls(given: &Given) -> Result<Request, Refusal> {
    let CallFilter { dial_plan, ip_gateway } = given.filter();
    Ok(Request::ActiveCalls { server: None, dial_plan, ip_gateway })
}

fn trace(given: &Given) -> Result<Request, Refusal> {
    let next = match given.body.get("next") {
        None | Some(Json::Null) => None,
        Some(calls) => {
            let calls = calls.as_u64().and_then(|calls| u32::try_from(calls).ok());
            Some(calls.ok_or_else(|| invalid("next", "is a number of calls"))?)
        }
    };
    let (ip_gateway, number) = (given.text("ip_gateway")?, given.text("number")?);
    let on = given.switch("on")?.unwrap_or(true);
    let trace = match (given.text("call_identity")?, next) {
        (Some(call_identity), None) if ip_gateway.is_none() && number.is_none() => Trace::Call { call_identity, on },
        (None, Some(calls)) if on => Trace::Next { calls, ip_gateway, number },
        (None, None) if !on && ip_gateway.is_none() && number.is_none() => Trace::Off,
        _ => return Err(invalid("", "which calls: call_identity; or next, with ip_gateway and number; or on: false")),
    };
    Ok(Request::Trace(trace))
}

fn drop_calls(given: &Given) -> Result<Request, Refusal> {
    let all = given.switch("all")?.unwrap_or(false);
    match (given.text("call_identity")?, given.text("ip_gateway")?, all) {
        (Some(call), None, false) => Ok(Request::DropCalls(CallSelector::Call(call))),
        (None, Some(gateway), false) => Ok(Request::DropCalls(CallSelector::IpGateway(gateway))),
        (None, None, true) => Ok(Request::DropCalls(CallSelector::All)),
        _ => Err(invalid("", "which calls: one of call_identity, ip_gateway, or \"all\": true")),
    }
}

fn call_data_records(given: &Given) -> Result<Request, Refusal> {
    let day = match given.query.get("day") {
        None => None,
        Some(day) => Some(day.parse().map_err(|_| invalid("day", "is a day such as 2026-05-31"))?),
    };
    Ok(Request::CallDataRecords { mailbox: given.query.get("mailbox").cloned(), day, filter: given.filter() })
}

fn summary_report(given: &Given) -> Result<Request, Refusal> {
    let group_by = given.query.get("group_by").cloned().unwrap_or_else(|| "Total".to_owned());
    Ok(Request::CallSummaryReport { group_by, filter: given.filter() })
}

fn test_call(given: &Given) -> Result<Request, Refusal> {
    let timeout = match given.body.get("timeout") {
        None | Some(Json::Null) => None,
        Some(seconds) => Some(seconds.as_u64().ok_or_else(|| invalid("timeout", "is a number of seconds"))?),
    };
    Ok(Request::Test(TestCall {
        call_router: given.switch("call_router")?.unwrap_or(false),
        ip_gateway: given.text("ip_gateway")?,
        phone: given.text("phone")?,
        from: given.text("from")?,
        dtmf: given.text("dtmf")?,
        timeout,
    }))
}

fn invalid(key: &str, message: &str) -> Refusal {
    Refusal::of_setting(Reason::Invalid, key, message)
}
