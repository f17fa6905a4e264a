//! What the service manager is told (sd_notify): ready, reloading, stopping, and that the node lives.
//! Knows: the notification protocol, the node's pulse. Must not: be needed; without systemd nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::engine::Node;

/// Every listener is up; also the end of a reload.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The directory is read again.
pub(super) fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    // from version 253 on, systemd wants to know when
    states.extend(NotifyState::monotonic_usec_now());
    tell(&states);
}

/// No new calls any more.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("draining: calls in progress go on")]);
}

/// Feeds the watchdog, if there is one, for as long as what carries calls answers. Does not return.
pub(super) async fn watch(node: &Node) {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) else {
        return std::future::pending().await;
    };
    let every = (patience / 3).max(Duration::from_millis(1));
    let mut beat = interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match timeout(every, node.pulse()).await {
            Ok(true) => tell(&[NotifyState::Watchdog]),
            Ok(false) => tracing::error!("an actor the node needs is dead: the watchdog is not fed"),
            Err(_) => tracing::error!(waited = ?every, "what carries calls does not answer: the watchdog is not fed"),
        }
    }
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
