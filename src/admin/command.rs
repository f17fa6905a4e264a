//! What can be asked of a node and its organisation, and what is answered: the same for command line, Exchange's
//! spelling and REST.
//! Knows: plain values that travel. Must not: do anything.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::settings::{Edit, Kind, Value};
use super::status::NodeStatus;
use crate::link::CallSelector;
use crate::records::trace::TracedMessage;

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Status,
    /// Objects of a kind; all of them without an identity.
    Get {
        kind: Kind,
        identity: Option<String>,
    },
    /// All steps or none.
    Change(Changes),
    /// Read the directory again, now.
    Refresh,
    /// Which directory is in force, since when, and what is wrong with the one in the files.
    Configuration,
    /// The gateways as the node sees them: do they answer?
    Gateways,
    Workers,
    RecycleWorker,
    /// Component states; all of them without a name.
    Components {
        server: Option<String>,
        component: Option<String>,
    },
    SetComponent {
        server: Option<String>,
        component: String,
        state: String,
        requester: String,
    },
    ActiveCalls {
        server: Option<String>,
        dial_plan: Option<String>,
        ip_gateway: Option<String>,
    },
    /// Keep the SIP of calls as it comes and goes, or cease to.
    Trace(Trace),
    /// The calls whose SIP is kept.
    TracedCalls,
    /// The SIP of one of them; without a name: of the newest.
    Traced {
        call_identity: Option<String>,
    },
    DropCalls(CallSelector),
    /// Call data records of one mailbox or all, of one day or all that are kept.
    CallDataRecords {
        mailbox: Option<String>,
        day: Option<jiff::civil::Date>,
        filter: CallFilter,
    },
    CallSummaryReport {
        group_by: String,
        filter: CallFilter,
    },
    /// A test call.
    Test(TestCall),
}

/// Which calls' SIP is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// A call in progress, by SIP Call-ID, or not any more.
    Call { call_identity: String, on: bool },
    /// The next new calls; of one gateway, for one number or user.
    Next { calls: u32, ip_gateway: Option<String>, number: Option<String> },
    /// No call any more. What was kept, is.
    Off,
}

/// Which calls a report is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFilter {
    pub dial_plan: Option<String>,
    pub ip_gateway: Option<String>,
}

/// `Test-UMConnectivity`: a call to this node itself, or through a gateway to a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCall {
    /// Through the call router, not straight to the UM service.
    pub call_router: bool,
    pub ip_gateway: Option<String>,
    pub phone: Option<String>,
    /// SIP URI of the caller.
    pub from: Option<String>,
    /// Keys to send.
    pub dtmf: Option<String>,
    /// Seconds.
    pub timeout: Option<u64>,
}

/// Steps that are taken together: the directory is validated after the last one, and written only when it is sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub steps: Vec<Step>,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    pub what_if: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    New { kind: Kind, name: String, edits: Vec<Edit> },
    Set { kind: Kind, identity: String, edits: Vec<Edit> },
    Remove { kind: Kind, identity: String },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Status(Box<NodeStatus>),
    Objects(Vec<Object>),
    Changed(Changed),
    /// What the node knows of calls, components, workers: one row each, by column.
    Rows(Vec<Row>),
    /// The SIP of a call, in the order of time.
    Trace(Vec<TracedMessage>),
    /// It is done, in a sentence.
    Done(String),
    Refused(Refusal),
}

/// Columns by name, as programs read them.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// An object as it is configured, with what is not given filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub kind: Kind,
    /// What names it in commands: `Lab`, `Loopback\Lab Pilot`, `alice`.
    pub identity: String,
    /// The file it stands in; empty for a server without an entry of its own.
    pub file: String,
    /// By key. A setting that has no value is not there.
    pub values: BTreeMap<String, Value>,
    /// The keys whose values are the defaults.
    pub defaults: Vec<String>,
}

/// A change that was made, or with `what_if` would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// One sentence a step.
    pub done: Vec<String>,
    /// The files that were written.
    pub files: Vec<String>,
    pub what_if: bool,
    pub force: Force,
}

/// Since when a change counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Nothing was changed.
    Unchanged,
    /// This node lives by it; without a generation, the node does not count them.
    Now { generation: Option<u64> },
    /// The files are written, and a node reads them when it starts, or at its next refresh: why not now.
    Later(String),
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Refusal {
    pub reason: Reason,
    /// A sentence; empty when the problems say it all.
    pub message: String,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no such object.
    NotFound,
    /// There is one of this name.
    Exists,
    /// Other objects need it.
    InUse,
    /// A value is not allowed, or the directory would not be sound.
    Invalid,
    /// The part is not built.
    NotBuilt,
    /// Only a running node can do it.
    NeedsNode,
    /// The files changed while the command worked on them; give it again.
    Conflict,
    /// Files cannot be read or written.
    Failed,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The setting by its key; empty when it is none's.
    pub key: String,
    pub message: String,
    /// `file:line`, when the fault stands in a file and not in the command.
    pub place: String,
}

/// How a change that counts is told.
pub fn in_force(generation: Option<u64>) -> String {
    generation.map_or_else(|| "in force".to_owned(), |generation| format!("in force, generation {generation}"))
}

impl Step {
    /// What Exchange makes with a dial plan.
    pub fn default_policy(plan: &str) -> Step {
        let edits = vec![Edit::text("dial_plan", plan)];
        Step::New { kind: Kind::MailboxPolicy, name: format!("{plan} Default Policy"), edits }
    }

    /// What Exchange makes with a gateway for a dial plan: a group without pilot, that takes all calls.
    pub fn default_hunt_group(gateway: &str, plan: &str) -> Step {
        let edits = vec![Edit::text("ip_gateway", gateway), Edit::text("dial_plan", plan)];
        Step::New { kind: Kind::HuntGroup, name: "Default Hunt Group".to_owned(), edits }
    }
}

impl Refusal {
    pub fn new(reason: Reason, message: impl Into<String>) -> Refusal {
        Refusal { reason, message: message.into(), problems: Vec::new() }
    }

    /// A value of the command that is not allowed.
    pub fn of_setting(reason: Reason, key: &str, message: impl Into<String>) -> Refusal {
        let problem = Problem { key: key.to_owned(), message: message.into(), place: String::new() };
        Refusal { reason, message: String::new(), problems: vec![problem] }
    }

    /// One line a problem; `spell` makes of a key what the administrator wrote.
    pub fn show(&self, spell: impl Fn(&str) -> String) -> String {
        let problems = self.problems.iter().map(|problem| {
            let place = if problem.place.is_empty() { String::new() } else { format!("{}: ", problem.place) };
            match problem.key.as_str() {
                "" => format!("{place}{}", problem.message),
                // in a file the key is written so
                key if !problem.place.is_empty() => format!("{place}{key}: {}", problem.message),
                key => format!("{}: {}", spell(key), problem.message),
            }
        });
        let message = (!self.message.is_empty()).then(|| self.message.clone());
        message.into_iter().chain(problems).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(str::to_owned))
    }
}
