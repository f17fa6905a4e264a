//! The account of all calls of this node: who talks now, what each call was, and the SIP of those that are traced.
//! Knows: what workers tell, where records are kept. Must not: know how a call is made, or touch one.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use jiff::civil::Date;

use super::call_events::{CallEvent, CallHappened, Tell, Trace, WorkerGone};
use super::wiretap::Wiretap;
use crate::engine::Environment;
use crate::engine::environment::blocking;
use crate::link::{ToNode, ToWorker, WorkerId};
use crate::records::trace::{TraceOrder, TracedMessage};
use crate::records::traces::{TracedCall, Traces};
use crate::records::{ActiveCall, CallDataRecord, KeptRecord, RecordError, RecordWriter, Taken};

/// What could not be written is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often it is looked whether a day has become too old to be kept.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 3600);
/// How often it is looked whether a traced call is over.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

pub struct Calls {
    environment: Arc<dyn Environment>,
    /// Name of this server, in the records the node writes itself.
    server: String,
    tell: Option<TellWorkersThrough>,
    /// The tap on what this process itself answers.
    tap: Wiretap,
    active: BTreeMap<(WorkerId, String), ActiveCall>,
    /// One write at a time, on a thread that may block.
    writer: Arc<Mutex<RecordWriter>>,
    /// `None`: not read from the disk yet; nothing is written before that.
    taken: Option<Taken>,
    /// To be written, and what of it has a number.
    waiting: Vec<KeptRecord>,
    waiting_numbers: HashSet<(String, u64)>,
    writing: bool,
    state: RecordsState,
    traces: Traces,
    /// Of records that come without a number, by actors of this process.
    own_sequence: u64,
    own_id: WorkerId,
}

/// What others may know of the records without asking: why they are not kept, if they are not.
#[derive(Clone, Default)]
pub struct RecordsState(Arc<Mutex<Option<String>>>);

impl RecordsState {
    pub fn fault(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Calls in progress, the oldest first.
#[derive(Message)]
#[rtype(result = "Vec<ActiveCall>")]
pub struct GetActiveCalls;

/// The SIP of a call that was traced; `None`: of the newest one.
#[derive(Message)]
#[rtype(result = "Option<Vec<TracedMessage>>")]
pub struct GetTrace {
    pub call_identity: Option<String>,
}

/// The calls whose SIP is kept, the oldest first.
#[derive(Message)]
#[rtype(result = "Vec<TracedCall>")]
pub struct GetTracedCalls;

/// Who takes what workers are to be told.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct TellWorkersThrough {
    pub tell: Recipient<Tell>,
    pub trace: Recipient<Trace>,
}

/// The tap on what this process itself answers, to be told what is traced.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TapHere(pub Wiretap);

impl Calls {
    pub fn new(environment: Arc<dyn Environment>, server: String, writer: RecordWriter) -> (Calls, RecordsState) {
        let state = RecordsState::default();
        let own_id = WorkerId(format!("{:016x}", environment.random_u64()));
        let calls = Calls {
            environment,
            server,
            tell: None,
            tap: Wiretap::default(),
            active: BTreeMap::new(),
            writer: Arc::new(Mutex::new(writer)),
            taken: None,
            waiting: Vec::new(),
            waiting_numbers: HashSet::new(),
            writing: false,
            state: state.clone(),
            traces: Traces::default(),
            own_sequence: 0,
            own_id,
        };
        (calls, state)
    }

    fn hear(&mut self, worker: WorkerId, event: ToNode, ctx: &mut Context<Self>) {
        match event {
            ToNode::CallStarted(call) => {
                self.active.insert((worker, call.call_identity.clone()), *call);
            }
            ToNode::CallAnswered { call_identity } => {
                if let Some(call) = self.active.get_mut(&(worker, call_identity)) {
                    call.answered = true;
                }
            }
            ToNode::CallEnded { sequence, record } => self.ended(worker, sequence, *record, ctx),
            ToNode::Traced { call_identity, at, sent, local, peer, stream, bytes } => {
                self.trace(TracedMessage { call_identity, at, sent, local, peer, stream, bytes });
            }
            ToNode::Hello { .. }
            | ToNode::Ready { .. }
            | ToNode::CannotStart { .. }
            | ToNode::Beat(_)
            | ToNode::MessageReady { .. }
            | ToNode::MessagesReady
            | ToNode::Tested { .. }
            | ToNode::Drained => {}
        }
    }

    fn ended(&mut self, worker: WorkerId, sequence: u64, record: CallDataRecord, ctx: &mut Context<Self>) {
        self.active.remove(&(worker.clone(), record.call_identity.clone()));
        if self.taken.as_ref().is_some_and(|taken| taken.contains(&worker.0, sequence)) {
            return self.say_taken(&worker.0, sequence);
        }
        if self.waiting_numbers.insert((worker.0.clone(), sequence)) {
            self.waiting.push(KeptRecord { worker: worker.0, sequence: Some(sequence), record });
            self.write(ctx);
        }
    }

    fn gone(&mut self, worker: &WorkerId, reason: &str, ctx: &mut Context<Self>) {
        let of_it = self.active.keys().filter(|(owner, _)| owner == worker).cloned().collect::<Vec<_>>();
        let now = self.environment.wall();
        for key in of_it {
            let Some(call) = self.active.remove(&key) else { continue };
            let lasted = now.duration_since(call.started).as_secs();
            let record = CallDataRecord {
                call_duration_s: if call.answered { u64::try_from(lasted).unwrap_or(0) } else { 0 },
                drop_call_reason: reason.to_owned(),
                ..CallDataRecord::of(call, &self.server)
            };
            self.waiting.push(KeptRecord { worker: worker.0.clone(), sequence: None, record });
        }
        if let Some(taken) = &mut self.taken {
            taken.forget(&worker.0);
        }
        self.write(ctx);
    }

    /// Writes what waits, all at once; what comes meanwhile is written together after it.
    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.waiting.is_empty() || self.taken.is_none() {
            return;
        }
        self.writing = true;
        let (environment, writer) = (self.environment.clone(), self.writer.clone());
        let records = std::mem::take(&mut self.waiting);
        let written = async move {
            let write = move || {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let mut kept = HashSet::new();
                let done = writer.append(&records, &mut |record| {
                    kept.insert(std::ptr::from_ref(record) as usize);
                });
                // what is not kept waits on
                let (kept, rest): (Vec<_>, Vec<_>) =
                    records.iter().partition(|record| kept.contains(&(std::ptr::from_ref(*record) as usize)));
                let own = |records: Vec<&KeptRecord>| records.into_iter().cloned().collect::<Vec<_>>();
                (own(kept), own(rest), done)
            };
            blocking(&*environment, write).await
        };
        ctx.spawn(written.into_actor(self).map(|written, calls, ctx| {
            calls.writing = false;
            let Some((kept, rest, done)) = written else {
                return calls.state.set(Some("call data records are not kept: writing them failed".to_owned()));
            };
            calls.kept(&kept);
            calls.waiting.splice(0..0, rest);
            calls.note(&done);
            match done {
                Ok(()) => calls.write(ctx),
                Err(_) => drop(ctx.run_later(TRY_AGAIN, Self::write)),
            }
        }));
    }

    fn kept(&mut self, records: &[KeptRecord]) {
        for record in records {
            let Some(sequence) = record.sequence else { continue };
            if let Some(taken) = &mut self.taken {
                taken.insert(&record.worker, sequence);
            }
            self.waiting_numbers.remove(&(record.worker.clone(), sequence));
            self.say_taken(&record.worker, sequence);
        }
    }

    fn say_taken(&self, worker: &str, sequence: u64) {
        if let Some(tell) = &self.tell {
            tell.tell.do_send(Tell { worker: WorkerId(worker.to_owned()), message: ToWorker::Taken { sequence } });
        }
    }

    fn note(&self, done: &Result<(), RecordError>) {
        if let Err(error) = done {
            tracing::error!(%error, "call data records wait to be written");
        }
        self.state.set(done.as_ref().err().map(|error| format!("call data records are not kept: {error}")));
    }

    /// Reads which records are kept already, and begins to write.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let (environment, writer, today) = (self.environment.clone(), self.writer.clone(), self.today());
        let looked = async move {
            let look = move || writer.lock().unwrap_or_else(PoisonError::into_inner).store().taken(today);
            blocking(&*environment, look).await
        };
        ctx.spawn(looked.into_actor(self).map(|looked, calls, ctx| match looked {
            Some(Ok(taken)) => {
                // told again before the disk was read
                let (known, new): (Vec<_>, Vec<_>) = std::mem::take(&mut calls.waiting)
                    .into_iter()
                    .partition(|kept| kept.sequence.is_some_and(|sequence| taken.contains(&kept.worker, sequence)));
                calls.taken = Some(taken);
                calls.waiting = new;
                calls.kept(&known);
                calls.state.set(None);
                calls.write(ctx);
            }
            Some(Err(error)) => {
                calls.note(&Err(error));
                ctx.run_later(TRY_AGAIN, Self::look);
            }
            None => {
                calls.state.set(Some("call data records are not kept: reading them failed".to_owned()));
                ctx.run_later(TRY_AGAIN, Self::look);
            }
        }));
    }

    fn prune(&mut self, ctx: &mut Context<Self>) {
        let (environment, writer, today) = (self.environment.clone(), self.writer.clone(), self.today());
        let pruned = async move {
            let prune = move || writer.lock().unwrap_or_else(PoisonError::into_inner).store().prune(today);
            blocking(&*environment, prune).await
        };
        ctx.spawn(pruned.into_actor(self).map(|pruned, _, _| {
            if let Some(Err(error)) = pruned {
                tracing::error!(%error, "old call data records are not summed up");
            }
        }));
    }

    fn today(&self) -> Date {
        self.environment.wall().to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    fn trace(&mut self, message: TracedMessage) {
        for order in self.traces.take(message) {
            self.order(order);
        }
    }

    /// Tells everybody who sees SIP.
    fn order(&mut self, order: TraceOrder) {
        self.traces.ordered(&order);
        self.tap.obey(&order);
        if let Some(workers) = &self.tell {
            workers.trace.do_send(Trace(order));
        }
    }
}

impl Actor for Calls {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        self.prune(ctx);
        ctx.run_interval(PRUNE_EVERY, Self::prune);
        ctx.run_interval(SWEEP_EVERY, |calls, _| calls.tap.sweep());
    }
}

impl Handler<CallEvent> for Calls {
    type Result = ();

    fn handle(&mut self, CallEvent { worker, event }: CallEvent, ctx: &mut Self::Context) {
        self.hear(worker, event, ctx);
    }
}

impl Handler<CallHappened> for Calls {
    type Result = ();

    /// From actors of this process: nothing of it is told twice.
    fn handle(&mut self, happened: CallHappened, ctx: &mut Self::Context) {
        if matches!(happened, CallHappened::Ended(_)) {
            self.own_sequence += 1;
        }
        if let Some(told) = happened.into_link(self.own_sequence) {
            self.hear(self.own_id.clone(), told, ctx);
        }
    }
}

impl Handler<WorkerGone> for Calls {
    type Result = ();

    fn handle(&mut self, WorkerGone { worker, reason }: WorkerGone, ctx: &mut Self::Context) {
        self.gone(&worker, &reason, ctx);
    }
}

impl Handler<TellWorkersThrough> for Calls {
    type Result = ();

    fn handle(&mut self, through: TellWorkersThrough, _: &mut Self::Context) {
        self.tell = Some(through);
    }
}

impl Handler<TapHere> for Calls {
    type Result = ();

    fn handle(&mut self, TapHere(tap): TapHere, _: &mut Self::Context) {
        self.tap = tap;
    }
}

impl Handler<Trace> for Calls {
    type Result = ();

    fn handle(&mut self, Trace(order): Trace, _: &mut Self::Context) {
        self.order(order);
    }
}

impl Handler<GetTracedCalls> for Calls {
    type Result = Vec<TracedCall>;

    fn handle(&mut self, _: GetTracedCalls, _: &mut Self::Context) -> Self::Result {
        self.traces.calls()
    }
}

impl Handler<GetActiveCalls> for Calls {
    type Result = Vec<ActiveCall>;

    fn handle(&mut self, _: GetActiveCalls, _: &mut Self::Context) -> Self::Result {
        let mut calls: Vec<ActiveCall> = self.active.values().cloned().collect();
        calls.sort_by(|one, other| (one.started, &one.call_identity).cmp(&(other.started, &other.call_identity)));
        calls
    }
}

impl Handler<GetTrace> for Calls {
    type Result = Option<Vec<TracedMessage>>;

    fn handle(&mut self, GetTrace { call_identity }: GetTrace, _: &mut Self::Context) -> Self::Result {
        self.traces.of(call_identity.as_deref()).map(<[_]>::to_vec)
    }
}
