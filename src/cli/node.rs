//! Commands that a running node answers: components, calls, records, workers, a refresh, a test call.
//! Knows: options, how answers are printed. Must not: know how the node answers.

use std::path::{Path, PathBuf};

use super::Folders;
use super::ask::{Failure, ask};
use super::print;
use crate::admin::command::{self, Answer, CallFilter, Request, Row, TestCall};
use crate::engine::Disk;
use crate::engine::disk::RealDisk;
use crate::link::CallSelector;
use crate::records::trace::{self, Detail};
use crate::records::{self, export};

#[derive(clap::Subcommand)]
pub(super) enum Component {
    /// Show one component, or all
    Get {
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a component in service or out of it
    Set {
        /// UMCallRouter, UnifiedMessaging or ServerWideOffline
        name: String,
        /// Active, Inactive or Draining
        #[arg(long)]
        state: String,
        /// HealthAPI, Maintenance, Sidelined, Functional or Deployment: each one's word counts until it takes it back
        #[arg(long, default_value = "Maintenance")]
        requester: String,
    },
}

#[derive(clap::Subcommand)]
pub(super) enum ActiveCalls {
    /// Show the calls in progress
    Get {
        #[arg(long, value_name = "PLAN")]
        dial_plan: Option<String>,
        #[arg(long, value_name = "GATEWAY")]
        ip_gateway: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep the SIP of calls as it comes and goes, and show it; without options: the calls that are kept
    Trace(Trace),
    /// End calls; what was recorded is kept
    Drop {
        /// SIP Call-ID
        #[arg(required_unless_present_any = ["ip_gateway", "all"])]
        call: Option<String>,
        /// All calls of a gateway
        #[arg(long, value_name = "GATEWAY", conflicts_with = "call")]
        ip_gateway: Option<String>,
        /// All calls
        #[arg(long, conflicts_with_all = ["call", "ip_gateway"])]
        all: bool,
    },
}

#[derive(clap::Args)]
pub(super) struct Trace {
    /// SIP Call-ID of a call in progress, or of one that was traced
    call: Option<String>,
    /// Trace the next so many new calls
    #[arg(long, value_name = "CALLS", conflicts_with = "call")]
    next: Option<u32>,
    /// Of the next ones, those of this gateway
    #[arg(long, value_name = "GATEWAY", requires = "next")]
    ip_gateway: Option<String>,
    /// Of the next ones, those for this number or user
    #[arg(long, value_name = "NUMBER", requires = "next")]
    number: Option<String>,
    /// Show what was kept of the call, or of the newest: one line a message
    #[arg(long, conflicts_with = "next")]
    ladder: bool,
    /// With --ladder: the messages in full
    #[arg(long, requires = "ladder")]
    whole: bool,
    /// Write what was kept of the call, or of the newest, for Wireshark
    #[arg(long, value_name = "FILE", conflicts_with = "next")]
    pcap: Option<PathBuf>,
    /// Cease to trace the call, or all of them; what was kept stays
    #[arg(long, conflicts_with = "next")]
    off: bool,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["ladder", "pcap", "next"])]
    json: bool,
}

#[derive(clap::Subcommand)]
pub(super) enum CallDataRecord {
    /// Show the records of a mailbox, or all
    Get {
        #[arg(long, value_name = "ALIAS")]
        mailbox: Option<String>,
        #[arg(long, value_name = "YYYY-MM-DD")]
        date: Option<jiff::civil::Date>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the records of a day to um_cdr_YYYY-MM-DD.csv
    Export {
        #[arg(long, value_name = "YYYY-MM-DD")]
        date: jiff::civil::Date,
        #[arg(long, value_name = "PLAN")]
        dial_plan: Option<String>,
        #[arg(long, value_name = "GATEWAY")]
        ip_gateway: Option<String>,
        /// Folder for the file
        #[arg(long, value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// Count calls by day, by month, or all of them
    Report {
        /// Day (90 of them), Month (12) or Total
        #[arg(long, default_value = "Day")]
        group_by: String,
        #[arg(long, value_name = "PLAN")]
        dial_plan: Option<String>,
        #[arg(long, value_name = "GATEWAY")]
        ip_gateway: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
pub(super) struct WorkerOptions {
    /// Without one, the process is a worker: `ringpost serve` starts it, nobody else
    #[command(subcommand)]
    pub verb: Option<Worker>,
}

#[derive(clap::Subcommand)]
pub(super) enum Worker {
    /// Show the worker processes
    Get {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Start a new worker for new calls; the old one ends with its last call
    Recycle,
}

#[derive(clap::Args)]
pub(super) struct TestOptions {
    /// Through the call router, not straight to the UM service
    #[arg(long)]
    call_router: bool,
    /// Through this gateway
    #[arg(long, value_name = "GATEWAY", requires = "phone")]
    ip_gateway: Option<String>,
    /// To this number; a SIP URI without a gateway goes through the server's front-end pool
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// SIP URI of the caller
    #[arg(long, value_name = "URI")]
    from: Option<String>,
    /// Keys to send
    #[arg(long, value_name = "KEYS")]
    dtmf: Option<String>,
    /// Seconds
    #[arg(long, value_parser = clap::value_parser!(u64).range(5..=1800))]
    timeout: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn refresh(folders: &Folders) -> Result<(), Failure> {
    show(folders, Request::Refresh, false)
}

pub(super) fn test(folders: &Folders, options: TestOptions) -> Result<(), Failure> {
    let TestOptions { call_router, ip_gateway, phone, from, dtmf, timeout, json } = options;
    let request = Request::Test(TestCall { call_router, ip_gateway, phone, from, dtmf, timeout });
    let Answer::Rows(rows) = ask(folders, request)? else { return Err(Failure::Unexpected) };
    match json {
        true => print::rows(&rows, true),
        false => rows.iter().for_each(print::record),
    }
    let of = |row: &Row, key: &str| row.get(key).cloned().unwrap_or_default();
    match rows.first() {
        Some(row) if of(row, "success") != true => {
            Err(Failure::TestFailed(of(row, "reason").as_str().unwrap_or_default().to_owned()))
        }
        _ => Ok(()),
    }
}

pub(super) fn component(folders: &Folders, command: Component) -> Result<(), Failure> {
    match command {
        Component::Get { name, json } => show(folders, Request::Components { server: None, component: name }, json),
        Component::Set { name, state, requester } => {
            show(folders, Request::SetComponent { server: None, component: name, state, requester }, false)
        }
    }
}

/// `ringpost service enable|disable`: the component UnifiedMessaging, in the name of whoever operates the server.
pub(super) fn service_state(folders: &Folders, server: Option<String>, state: &str) -> Result<(), Failure> {
    let component = "UnifiedMessaging".to_owned();
    let requester = "Functional".to_owned();
    show(folders, Request::SetComponent { server, component, state: state.to_owned(), requester }, false)
}

pub(super) fn drop_calls(folders: &Folders, which: CallSelector) -> Result<(), Failure> {
    show(folders, Request::DropCalls(which), false)
}

pub(super) fn active_calls(folders: &Folders, command: ActiveCalls) -> Result<(), Failure> {
    match command {
        ActiveCalls::Get { dial_plan, ip_gateway, json } => {
            show(folders, Request::ActiveCalls { server: None, dial_plan, ip_gateway }, json)
        }
        ActiveCalls::Trace(options) => trace(folders, options),
        ActiveCalls::Drop { call, ip_gateway, .. } => {
            let selector = match (call, ip_gateway) {
                (Some(call), _) => CallSelector::Call(call),
                (None, Some(gateway)) => CallSelector::IpGateway(gateway),
                (None, None) => CallSelector::All,
            };
            show(folders, Request::DropCalls(selector), false)
        }
    }
}

/// What was kept is shown before a trace is switched off, and instead of switching it on.
fn trace(folders: &Folders, options: Trace) -> Result<(), Failure> {
    let Trace { call, next, ip_gateway, number, ladder, whole, pcap, off, json } = options;
    if let Some(calls) = next {
        return show(folders, Request::Trace(command::Trace::Next { calls, ip_gateway, number }), json);
    }
    if ladder || pcap.is_some() {
        let request = Request::Traced { call_identity: call.clone() };
        let Answer::Trace(messages) = ask(folders, request)? else { return Err(Failure::Unexpected) };
        if ladder {
            say_part!("{}", trace::ladder(&messages, if whole { Detail::Whole } else { Detail::FirstLines }));
        }
        if let Some(file) = &pcap {
            RealDisk.write_atomic(file, &trace::pcap(&messages))?;
            say!("{}", file.display());
        }
    }
    match call {
        Some(call_identity) if off => {
            show(folders, Request::Trace(command::Trace::Call { call_identity, on: false }), json)
        }
        None if off => show(folders, Request::Trace(command::Trace::Off), json),
        _ if ladder || pcap.is_some() => Ok(()),
        Some(call_identity) => show(folders, Request::Trace(command::Trace::Call { call_identity, on: true }), json),
        None => show(folders, Request::TracedCalls, json),
    }
}

pub(super) fn call_data_record(folders: &Folders, command: CallDataRecord) -> Result<(), Failure> {
    match command {
        CallDataRecord::Get { mailbox, date, json } => {
            show(folders, Request::CallDataRecords { mailbox, day: date, filter: CallFilter::default() }, json)
        }
        CallDataRecord::Export { date, dial_plan, ip_gateway, folder } => {
            let filter = CallFilter { dial_plan, ip_gateway };
            export(folders, &folder, date, filter)
        }
        CallDataRecord::Report { group_by, dial_plan, ip_gateway, json } => {
            show(folders, Request::CallSummaryReport { group_by, filter: CallFilter { dial_plan, ip_gateway } }, json)
        }
    }
}

pub(super) fn worker(folders: &Folders, command: Worker) -> Result<(), Failure> {
    match command {
        Worker::Get { json } => show(folders, Request::Workers, json),
        Worker::Recycle => show(folders, Request::RecycleWorker, false),
    }
}

/// Writes the day's file, as a whole or not at all.
fn export(folders: &Folders, folder: &Path, day: jiff::civil::Date, filter: CallFilter) -> Result<(), Failure> {
    let request = Request::CallDataRecords { mailbox: None, day: Some(day), filter };
    let Answer::Rows(rows) = ask(folders, request)? else { return Err(Failure::Unexpected) };
    say!("{}", export_file(folder, day, rows)?.display());
    Ok(())
}

/// Writes the records of a day as Exchange exports them; where.
pub(super) fn export_file(folder: &Path, day: jiff::civil::Date, rows: Vec<Row>) -> Result<PathBuf, Failure> {
    let record = |row| serde_json::from_value::<records::CallDataRecord>(serde_json::Value::Object(row)).ok();
    let records: Vec<_> = rows.into_iter().map(record).collect::<Option<_>>().ok_or(Failure::Unexpected)?;
    let path = folder.join(export::file_name(day));
    RealDisk.write_atomic(&path, export::csv(&records).as_bytes())?;
    Ok(path)
}

/// The UM IP gateways as the node sees them.
pub(super) fn gateways(folders: &Folders, json: bool) -> Result<(), Failure> {
    show(folders, Request::Gateways, json)
}

fn show(folders: &Folders, request: Request, json: bool) -> Result<(), Failure> {
    match ask(folders, request)? {
        Answer::Rows(rows) => print::rows(&rows, json),
        Answer::Done(done) => say!("{done}"),
        Answer::Changed(changed) => print::changed(&changed),
        _ => return Err(Failure::Unexpected),
    }
    Ok(())
}
