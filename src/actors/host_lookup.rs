//! Host names of gateways and servers, all looked up at the same time.
//! Knows: the names a directory has, what they led to before. Must not: know what an address is used for.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::directory::{Directory, HostName, Whereabouts};
use crate::engine::Environment;
use crate::engine::environment::Found;

/// A host name and what it leads to.
pub type Located = (HostName, Whereabouts);

/// What the DNS says of every name.
#[derive(Debug, Default)]
pub struct LookedUp {
    pub located: Vec<Located>,
    /// Some of it is to be asked again after so long; `None`: there is no name.
    pub valid: Option<Duration>,
    /// Names that could not be looked up.
    pub failed: BTreeSet<HostName>,
}

/// Names asked for at one time.
const AT_ONCE: usize = 256;
/// What is not known by then is not known.
const ALL_WITHIN: Duration = Duration::from_secs(10);
/// What could not be looked up, or is valid for less, is looked up again after so long.
const SHORTEST: Duration = Duration::from_secs(30);

/// Looks up the gateways and servers that are known by name. A name that cannot be looked up keeps what it had `before`;
/// it is told of once (`told`: those it was told of).
pub async fn look_up(
    environment: &dyn Environment,
    directory: &Directory,
    before: &[Located],
    told: &BTreeSet<HostName>,
) -> LookedUp {
    let names: BTreeSet<_> = directory.gateway_hosts().chain(directory.server_hosts()).cloned().collect();
    let mut answers: HashMap<HostName, io::Result<Found>> = HashMap::new();
    let all = async {
        let (mut waiting, mut asked) = (names.iter(), JoinSet::new());
        loop {
            for name in waiting.by_ref().take(AT_ONCE - asked.len()) {
                let (name, answer) = (name.clone(), environment.resolve(name.as_str()));
                asked.spawn(async move { (name, answer.await) });
            }
            let Some(answered) = asked.join_next().await else { return };
            // a lookup that panicked has found nothing
            answers.extend(answered);
        }
    };
    // what is missing then is told below
    let _ = tokio::time::timeout(ALL_WITHIN, all).await;
    let mut looked_up = LookedUp::default();
    for name in names {
        let silent =
            || Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", ALL_WITHIN.as_secs())));
        let (whereabouts, valid) = match answers.remove(&name).unwrap_or_else(silent) {
            // the same answer in another order is the same answer
            Ok(found) => (found.whereabouts.canonical(), found.valid.max(SHORTEST)),
            Err(error) => {
                let had = before.iter().find(|(known, _)| *known == name).map(|(_, had)| had.clone());
                let had = had.unwrap_or_default();
                if !told.contains(&name) {
                    let kept = had.addresses.len();
                    tracing::error!(event = "host_unknown", %name, %error, kept, "UM IP gateway or server cannot be looked up");
                }
                looked_up.failed.insert(name.clone());
                (had, SHORTEST)
            }
        };
        looked_up.valid = Some(looked_up.valid.map_or(valid, |least| least.min(valid)));
        looked_up.located.push((name, whereabouts));
    }
    looked_up
}

/// The directory with what was looked up for it.
pub fn locate(mut directory: Directory, located: &[Located]) -> Directory {
    directory.locate(located.iter().map(|(name, found)| (name, found)));
    directory
}
