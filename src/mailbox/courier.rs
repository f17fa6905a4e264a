//! One attempt to deliver one message: read, compose, hand over, let go. The schedule is the [`Queue`](super::Queue)'s.
//! Knows: spool, composer and a store, and which of their calls block. Must not: decide when or how often.

use std::sync::Arc;

use super::call::EntryId;
use super::delivery::Event;
use super::message::Composer;
use super::spool::{Spool, SpoolError};
use super::store::{DeliveryError, Letter, MailboxStore};

/// Its clones work for the same spool and store.
#[derive(Clone)]
pub struct Courier {
    spool: Spool,
    composer: Arc<Composer>,
    store: Arc<dyn MailboxStore>,
}

impl Courier {
    pub fn new(spool: Spool, composer: Composer, store: Arc<dyn MailboxStore>) -> Self {
        Self { spool, composer: Arc::new(composer), store }
    }

    /// Makes one attempt and says what it came to, for the queue. Runs on tokio; what blocks goes to its blocking
    /// threads.
    pub async fn attempt(&self, id: EntryId) -> Event {
        match self.try_deliver(&id).await {
            Ok(()) => Event::Delivered(id),
            Err(error) => Event::Failed(id, error),
        }
    }

    async fn try_deliver(&self, id: &EntryId) -> Result<(), DeliveryError> {
        let (courier, wanted) = (self.clone(), id.clone());
        match off_the_arbiter(move || courier.letter(&wanted)).await? {
            Ok(letter) => self.store.deliver(letter).await?,
            // Delivered and let go by an earlier attempt.
            Err(SpoolError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(DeliveryError::temporary(error.to_string())),
        }
        let (spool, delivered) = (self.spool.clone(), id.clone());
        match off_the_arbiter(move || spool.delivered(&delivered)).await? {
            Ok(()) | Err(SpoolError::NotFound { .. }) => Ok(()),
            // It will be delivered again; its Message-ID tells the store.
            Err(error) => Err(DeliveryError::temporary(format!("delivered, but {error}"))),
        }
    }

    /// The mail of a message. Blocks.
    pub fn letter(&self, id: &EntryId) -> Result<Letter, SpoolError> {
        let entry = self.spool.entry(id)?;
        let audio = self.spool.audio(&entry)?;
        Ok(self.composer.compose(&entry, &audio))
    }
}

async fn off_the_arbiter<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DeliveryError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| DeliveryError::temporary(format!("attempt to deliver: {error}")))
}
