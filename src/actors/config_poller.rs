//! The config poller: reads the organisation again and again, and brings what is valid in force.
//! Knows: provider, store, who lives by the directory. Must not: know what an object means, read on an Arbiter.
//! What cannot be read, or is not valid, changes nothing and is kept for the status.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use serde::{Deserialize, Serialize};

use super::host_lookup::{Located, LookedUp, locate, look_up};
use crate::directory::{Directory, DirectoryProvider, HostName, Parsed, SourceFile};
use crate::engine::Environment;
use crate::engine::environment::blocking;
use crate::link::Snapshot;
use crate::metrics::{Metrics, RefreshResult};
use crate::reconcile::{Difference, Objects, objects};
use crate::store::{Change, Shelf, Store, StoreError};

/// A generation is in use everywhere so long after it came in force: what it took to read it may go.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// An organisation comes in force.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct NewGeneration {
    pub generation: u64,
    pub directory: Arc<Directory>,
    pub sources: Arc<Vec<SourceFile>>,
    /// What the host names in it lead to.
    pub located: Arc<Vec<Located>>,
    /// From the generation before.
    pub difference: Arc<Difference>,
}

/// Read the directory now; answered when what it says is in force.
#[derive(Message)]
#[rtype(result = "Result<Refreshed, RefreshError>")]
pub struct Refresh;

/// What a reading came to. Objects are named `kind/identity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// The one in force.
    pub generation: u64,
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// It was in force before.
    pub unchanged: bool,
}

/// Why the directory in force stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RefreshError {
    /// One `file:line: key: message` each.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
    #[error("the directory cannot be read: {}", .0.join("\n"))]
    Unreadable(Vec<String>),
    #[error("the config poller does not answer")]
    NoAnswer,
}

/// Where the organisation in force was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    Provider,
    /// The provider could not be read, or was not valid, when the node started.
    Store,
}

/// Which organisation is in force, and what is wrong with the one that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationStatus {
    pub generation: u64,
    pub in_force_since: jiff::Timestamp,
    /// The last attempt.
    pub last_read: jiff::Timestamp,
    pub source: Origin,
    pub faults: Vec<String>,
    pub dial_plans: usize,
    pub ip_gateways: usize,
    pub hunt_groups: usize,
    pub mailboxes: usize,
}

/// Where organisations come from and are remembered. Reading and storing block.
#[derive(Clone)]
pub struct Places {
    pub environment: Arc<dyn Environment>,
    pub provider: Arc<dyn DirectoryProvider>,
    pub store: Arc<dyn Store>,
}

/// The organisation in force, for whoever asks.
#[derive(Clone)]
pub struct InForce(Arc<Mutex<Known>>);

struct Known {
    organisation: NewGeneration,
    /// What it consists of.
    objects: Arc<Objects>,
    status: ConfigurationStatus,
    store_fault: Option<String>,
    names: Names,
}

/// The host names in the organisation.
#[derive(Default)]
struct Names {
    /// To be looked up again so long after the last time.
    valid: Option<Duration>,
    /// Those that could not be looked up the last time.
    failed: BTreeSet<HostName>,
}

pub struct ConfigPoller {
    places: Places,
    interval: Duration,
    in_force: InForce,
    subscribers: Vec<Recipient<NewGeneration>>,
    metrics: Arc<Metrics>,
    names_alarm: Option<SpawnHandle>,
}

/// What the DNS said of a host name is not valid any more.
#[derive(Message)]
#[rtype(result = "()")]
struct LookUpNames;

impl ConfigPoller {
    /// `subscribers` are told of every generation after the one in force.
    pub fn new(
        places: Places,
        interval: Duration,
        in_force: InForce,
        subscribers: Vec<Recipient<NewGeneration>>,
        metrics: Arc<Metrics>,
    ) -> ConfigPoller {
        ConfigPoller { places, interval, in_force, subscribers, metrics, names_alarm: None }
    }
}

impl InForce {
    /// Reads the organisation a node starts with: the provider's, else the one it remembers.
    ///
    /// # Errors
    /// Neither is there: what is wrong with the provider's.
    pub async fn at_start(places: &Places) -> Result<InForce, RefreshError> {
        let reading = places.clone();
        let read = blocking(&*places.environment, move || reading.first()).await;
        let (Reading { sources, directory, objects }, before, fault) = read.ok_or(RefreshError::NoAnswer)??;
        let LookedUp { located, valid, failed } =
            look_up(&*places.environment, &directory, &[], &BTreeSet::new()).await;
        let directory = locate(directory, &located);
        let difference = Difference::between(&before.objects, &objects);
        let same = before.sources == sources && before.generation > 0;
        let organisation = NewGeneration {
            generation: before.generation + u64::from(!same),
            directory: Arc::new(directory),
            sources: Arc::new(sources),
            located: Arc::new(located),
            difference: Arc::new(difference),
        };
        let objects = Arc::new(objects);
        let store_fault = if same { None } else { places.remember(None, &organisation, &objects).await };
        if let Some(fault) = &fault {
            tracing::error!(%fault, "the node starts with the directory it remembers");
        }
        let now = places.environment.wall();
        let source = if fault.is_some() { Origin::Store } else { Origin::Provider };
        let status = ConfigurationStatus::of(&organisation, now, source, fault.map_or_else(Vec::new, |f| f.lines()));
        let names = Names { valid, failed };
        Ok(InForce(Arc::new(Mutex::new(Known { organisation, objects, status, store_fault, names }))))
    }

    pub fn organisation(&self) -> NewGeneration {
        self.known().organisation.clone()
    }

    pub fn status(&self) -> ConfigurationStatus {
        self.known().status.clone()
    }

    /// What an administrator must look at.
    pub fn problems(&self) -> Vec<String> {
        let known = self.known();
        let faults = known.status.faults.join("; ");
        let invalid = (!faults.is_empty()).then(|| match known.status.source {
            Origin::Provider => format!("the directory is not valid, the one before it stays in force: {faults}"),
            Origin::Store => format!("the directory is not valid, the one the node remembers is in force: {faults}"),
        });
        let store = known.store_fault.iter().map(|fault| format!("the directory is not remembered: {fault}"));
        invalid.into_iter().chain(store).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfigurationStatus {
    fn of(organisation: &NewGeneration, now: jiff::Timestamp, source: Origin, faults: Vec<String>) -> Self {
        let directory = &organisation.directory;
        ConfigurationStatus {
            generation: organisation.generation,
            in_force_since: now,
            last_read: now,
            source,
            faults,
            dial_plans: directory.dial_plans().len(),
            ip_gateways: directory.ip_gateways().len(),
            hunt_groups: directory.hunt_groups().len(),
            mailboxes: directory.mailboxes().len(),
        }
    }
}

impl NewGeneration {
    /// As workers get it.
    pub fn snapshot(&self) -> Snapshot {
        let sources = self.sources.iter().map(|source| (source.name.clone(), source.text.clone()));
        let located = self.located.iter().map(|(name, found)| (name.to_string(), found.addresses.clone()));
        Snapshot { generation: self.generation, sources: sources.collect(), located: located.collect() }
    }
}

impl RefreshError {
    fn lines(self) -> Vec<String> {
        match self {
            RefreshError::Invalid(faults) | RefreshError::Unreadable(faults) => faults,
            RefreshError::NoAnswer => vec![self.to_string()],
        }
    }
}

/// What the store holds of the last generation; 0: nothing.
#[derive(Default)]
struct Remembered {
    generation: u64,
    sources: Vec<SourceFile>,
    objects: Objects,
}

/// A valid organisation as it was read.
struct Reading {
    sources: Vec<SourceFile>,
    directory: Directory,
    objects: Objects,
}

type First = (Reading, Remembered, Option<RefreshError>);

impl Places {
    fn read(&self) -> Result<Vec<SourceFile>, RefreshError> {
        let shown = |error: crate::directory::ProviderError| {
            RefreshError::Unreadable(error.into_faults().iter().map(ToString::to_string).collect())
        };
        self.provider.read().map_err(shown)
    }

    fn first(&self) -> Result<First, RefreshError> {
        let before = recall(&*self.store).unwrap_or_else(|error| {
            tracing::error!(%error, "what the node remembers of its directory cannot be read");
            Remembered::default()
        });
        let fault = match self.read().and_then(Reading::of) {
            Ok(reading) => return Ok((reading, before, None)),
            Err(fault) => fault,
        };
        if before.generation == 0 {
            return Err(fault);
        }
        match Reading::of(before.sources.clone()) {
            Ok(reading) => Ok((reading, before, Some(fault))),
            Err(_) => Err(fault),
        }
    }

    /// Stores a generation, in place of the one the store holds if that is known; what is wrong if that fails.
    async fn remember(&self, held: Option<Generation>, now: &NewGeneration, objects: &Arc<Objects>) -> Option<String> {
        let (store, now) = (self.store.clone(), Generation::of(now, objects));
        let stored = blocking(&*self.environment, move || remember(&*store, held.as_ref(), &now)).await;
        match stored {
            Some(Ok(())) => None,
            Some(Err(error)) => Some(error.to_string()),
            None => Some("the store does not answer".to_owned()),
        }
    }

    async fn refresh(self, in_force: InForce, subscribers: Vec<Recipient<NewGeneration>>) -> Outcome {
        let known = in_force.organisation();
        let (places, before) = (self.clone(), known.sources.clone());
        let read = blocking(&*self.environment, move || {
            let sources = places.read()?;
            if sources == *before { Ok(None) } else { Reading::of(sources).map(Some) }
        });
        let read = read.await.unwrap_or(Err(RefreshError::NoAnswer));
        in_force.known().status.last_read = self.environment.wall();
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                let lines = error.clone().lines();
                let told = std::mem::replace(&mut in_force.known().status.faults, lines.clone()) == lines;
                if !told {
                    tracing::error!(%error, "the directory is not valid: the one in force stays");
                }
                return Err(error);
            }
        };
        {
            let mut now = in_force.known();
            now.status.faults.clear();
            now.status.source = Origin::Provider;
        }
        self.bring_in_force(read, in_force, subscribers).await
    }

    /// What was read (`None`: it is in force already), with what its host names lead to now.
    async fn bring_in_force(
        self,
        read: Option<Reading>,
        in_force: InForce,
        subscribers: Vec<Recipient<NewGeneration>>,
    ) -> Outcome {
        let (known, before, stored, told) = {
            let known = in_force.known();
            let stored = known.store_fault.is_none();
            (known.organisation.clone(), known.objects.clone(), stored, known.names.failed.clone())
        };
        let directory = read.as_ref().map_or(&*known.directory, |reading| &reading.directory);
        let looked_up = look_up(&*self.environment, directory, &known.located, &told).await;
        let LookedUp { located, valid, failed } = looked_up;
        in_force.known().names = Names { valid, failed };
        let (sources, directory, objects) = match read {
            Some(Reading { sources, directory, objects }) => (Arc::new(sources), directory, Arc::new(objects)),
            None if located == *known.located => return Ok(Refreshed::of(&known, &Difference::default(), true)),
            None => (known.sources.clone(), (*known.directory).clone(), before.clone()),
        };
        let difference = Difference::between(&before, &objects);
        let directory = locate(directory, &located);
        let organisation = NewGeneration {
            generation: known.generation + 1,
            directory: Arc::new(directory),
            sources,
            located: Arc::new(located),
            difference: Arc::new(difference),
        };
        let held = stored.then(|| Generation::of(&known, &before));
        let store_fault = self.remember(held, &organisation, &objects).await;
        {
            let mut now = in_force.known();
            // names looked up again say nothing of the files
            let (origin, faults) = (now.status.source, std::mem::take(&mut now.status.faults));
            let last_read = now.status.last_read;
            now.status = ConfigurationStatus::of(&organisation, self.environment.wall(), origin, faults);
            now.status.last_read = last_read;
            (now.organisation, now.objects, now.store_fault) = (organisation.clone(), objects, store_fault);
        }
        for subscriber in &subscribers {
            subscriber.do_send(organisation.clone());
        }
        let refreshed = Refreshed::of(&organisation, &organisation.difference, false);
        tracing::info!(
            generation = refreshed.generation,
            added = refreshed.added.len(),
            changed = refreshed.changed.len(),
            removed = refreshed.removed.len(),
            "the directory was read again and is in force"
        );
        Ok(refreshed)
    }
}

impl Refreshed {
    fn of(organisation: &NewGeneration, difference: &Difference, unchanged: bool) -> Refreshed {
        let Difference { added, changed, removed } = difference.clone();
        Refreshed { generation: organisation.generation, added, changed, removed, unchanged }
    }
}

impl Reading {
    fn of(sources: Vec<SourceFile>) -> Result<Reading, RefreshError> {
        let parsed = Parsed::of(&sources);
        // neither needs the other, and with 100,000 mailboxes each takes half a second
        let (directory, objects) = std::thread::scope(|scope| {
            let objects = scope.spawn(|| objects(&parsed));
            let directory = Directory::read(&parsed);
            (directory, objects.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let directory =
            directory.map_err(|faults| RefreshError::Invalid(faults.iter().map(ToString::to_string).collect()))?;
        drop(parsed);
        Ok(Reading { sources, directory, objects })
    }
}

const GENERATION: &str = "generation";
const SOURCE: &str = "source/";
const OBJECT: &str = "object/";

/// What the store holds of a generation.
struct Generation {
    number: u64,
    sources: Arc<Vec<SourceFile>>,
    objects: Arc<Objects>,
}

impl Generation {
    fn of(organisation: &NewGeneration, objects: &Arc<Objects>) -> Generation {
        let NewGeneration { generation, sources, .. } = organisation;
        Generation { number: *generation, sources: sources.clone(), objects: objects.clone() }
    }

    /// What makes the store's entries of an earlier generation those of this one.
    fn after(&self, held: &Generation) -> Vec<Change> {
        let Difference { added, changed, removed } = Difference::between(&held.objects, &self.objects);
        let new = added.iter().chain(&changed).filter_map(|name| Some(object(name, self.objects.get(name)?)));
        let gone = removed.iter().map(|name| Change::Remove { key: format!("{OBJECT}{name}") });
        let texts = self.sources.iter().enumerate();
        let texts = texts.filter(|(at, text)| held.sources.get(*at) != Some(text)).map(source);
        let beyond = self.sources.len()..held.sources.len();
        let beyond = beyond.map(|at| Change::Remove { key: source_key(at) });
        [self.number_entry()].into_iter().chain(new).chain(gone).chain(texts).chain(beyond).collect()
    }

    /// The same for whatever the store holds.
    fn after_all(&self, held: Vec<(String, Vec<u8>)>) -> Vec<Change> {
        let mut held: BTreeMap<String, Vec<u8>> = held.into_iter().collect();
        let objects = self.objects.iter().map(|(name, text)| object(name, text));
        let wanted = objects.chain(self.sources.iter().enumerate().map(source)).chain([self.number_entry()]);
        let is_new = |change: &Change| match change {
            Change::Put { key, value } => held.remove(key).as_ref() != Some(value),
            Change::Remove { .. } => true,
        };
        let mut batch: Vec<_> = wanted.filter(is_new).collect();
        batch.extend(held.into_keys().map(|key| Change::Remove { key }));
        batch
    }

    fn number_entry(&self) -> Change {
        Change::Put { key: GENERATION.to_owned(), value: self.number.to_string().into_bytes() }
    }
}

fn object(name: &String, text: &String) -> Change {
    Change::Put { key: format!("{OBJECT}{name}"), value: text.as_bytes().to_vec() }
}

fn source((at, source): (usize, &SourceFile)) -> Change {
    let pair = serde_json::json!([source.name, source.text]);
    Change::Put { key: source_key(at), value: pair.to_string().into_bytes() }
}

fn source_key(at: usize) -> String {
    format!("{SOURCE}{at:06}")
}

fn recall(store: &dyn Store) -> Result<Remembered, StoreError> {
    let mut remembered = Remembered::default();
    for (key, value) in store.all(Shelf::Directory)? {
        if key == GENERATION {
            remembered.generation = String::from_utf8_lossy(&value).parse().unwrap_or_default();
        } else if let Some(name) = key.strip_prefix(OBJECT) {
            remembered.objects.insert(name.to_owned(), String::from_utf8_lossy(&value).into_owned());
        } else if key.starts_with(SOURCE)
            && let Ok((name, text)) = serde_json::from_slice::<(String, String)>(&value)
        {
            remembered.sources.push(SourceFile { name, text });
        }
    }
    Ok(remembered)
}

/// One batch: what the store holds (looked up where it is not known) becomes the generation, its texts and its objects.
fn remember(store: &dyn Store, held: Option<&Generation>, now: &Generation) -> Result<(), StoreError> {
    let batch = match held {
        Some(held) => now.after(held),
        None => now.after_all(store.all(Shelf::Directory)?),
    };
    store.apply(Shelf::Directory, &batch)
}

type Outcome = Result<Refreshed, RefreshError>;

impl Actor for ConfigPoller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.interval, |_, ctx| ctx.notify(Refresh));
        self.look_up_in_time(ctx);
        self.settle(ctx);
    }
}

impl ConfigPoller {
    /// Gives back, in a while, the memory it took to read the directory.
    fn settle(&self, ctx: &mut Context<Self>) {
        ctx.run_later(SETTLED_AFTER, |poller, _| {
            let environment = poller.places.environment.clone();
            poller.places.environment.run_blocking(Box::new(move || environment.give_back_memory()));
        });
    }

    /// Sets the alarm by which host names are looked up again.
    fn look_up_in_time(&mut self, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.names_alarm.take() {
            ctx.cancel_future(alarm);
        }
        let valid = self.in_force.known().names.valid;
        self.names_alarm = valid.map(|valid| ctx.run_later(valid, |_, ctx| ctx.notify(LookUpNames)));
    }
}

impl Handler<LookUpNames> for ConfigPoller {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: LookUpNames, _: &mut Self::Context) -> Self::Result {
        let looked_up = self.places.clone().bring_in_force(None, self.in_force.clone(), self.subscribers.clone());
        AtomicResponse::new(Box::pin(looked_up.into_actor(self).map(|_, poller, ctx| poller.look_up_in_time(ctx))))
    }
}

impl Handler<Refresh> for ConfigPoller {
    /// One reading at a time.
    type Result = AtomicResponse<Self, Outcome>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        let began = self.places.environment.now();
        let refresh = self.places.clone().refresh(self.in_force.clone(), self.subscribers.clone());
        let counted = refresh.into_actor(self).map(move |outcome, poller, ctx| {
            poller.look_up_in_time(ctx);
            let took = poller.places.environment.now().saturating_duration_since(began);
            poller.metrics.refreshed(result_of(&outcome), took);
            if outcome.as_ref().is_ok_and(|refreshed| !refreshed.unchanged) {
                poller.settle(ctx);
            }
            outcome
        });
        AtomicResponse::new(Box::pin(counted))
    }
}

fn result_of(outcome: &Outcome) -> RefreshResult {
    match outcome {
        Ok(refreshed) if refreshed.unchanged => RefreshResult::Unchanged,
        Ok(_) => RefreshResult::Applied,
        Err(RefreshError::Invalid(_)) => RefreshResult::Invalid,
        Err(RefreshError::Unreadable(_) | RefreshError::NoAnswer) => RefreshResult::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn generation(number: u64, sources: &[(&str, &str)]) -> Generation {
        let sources = sources.iter().map(|(name, text)| SourceFile::new(*name, *text)).collect();
        let Reading { sources, objects, .. } = Reading::of(sources).unwrap();
        Generation { number, sources: Arc::new(sources), objects: Arc::new(objects) }
    }

    /// Between the two, generations came in force that the disk refused.
    #[test]
    fn the_store_holds_the_last_generation_whatever_it_missed_before() {
        let plan = |name: &str| format!("[[dial_plan]]\nname = \"{name}\"\nnumber_of_digits_in_extension = 4\n");
        let store = MemoryStore::default();
        let first = generation(1, &[("a.toml", &plan("A")), ("b.toml", &plan("B"))]);
        remember(&store, None, &first).unwrap();
        let last = generation(4, &[("a.toml", &plan("C"))]);
        remember(&store, None, &last).unwrap();
        let remembered = recall(&store).unwrap();
        assert_eq!((remembered.generation, &remembered.sources), (4, &*last.sources));
        let objects = store.all(Shelf::Directory).unwrap().into_iter().filter(|(key, _)| key.starts_with(OBJECT));
        assert_eq!(objects.count(), 1);
        assert_eq!(remembered.objects, *last.objects);
    }

    /// What it holds is known: nothing of it is read, and what stays is not written.
    #[test]
    fn the_store_is_given_what_has_changed() {
        let plan = |name: &str| format!("[[dial_plan]]\nname = \"{name}\"\nnumber_of_digits_in_extension = 4\n");
        let files = |names: &[&str]| names.iter().map(|name| plan(name)).collect::<String>();
        let store = MemoryStore::default();
        let first = generation(1, &[("a.toml", &plan("A")), ("b.toml", &files(&["B", "C"]))]);
        remember(&store, None, &first).unwrap();
        let next = generation(2, &[("a.toml", &plan("A")), ("b.toml", &files(&["C", "D"]))]);
        remember(&store, Some(&first), &next).unwrap();
        let remembered = recall(&store).unwrap();
        assert_eq!((remembered.generation, &remembered.sources), (2, &*next.sources));
        assert_eq!(remembered.objects.keys().collect::<Vec<_>>(), ["dial_plan/a", "dial_plan/c", "dial_plan/d"]);
    }
}
