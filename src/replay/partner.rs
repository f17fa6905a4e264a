//! Two scenarios played side by side, which tell each other something (`sendCmd`, `recvCmd`: SIPp's 3PCC).
//! Knows: texts on their way. Must not: know what they say.

use std::rc::Rc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One side of two that talk to each other.
pub struct Partner {
    tell: UnboundedSender<Rc<str>>,
    /// `None`: the other side is over.
    told: Option<UnboundedReceiver<Rc<str>>>,
}

impl Partner {
    pub fn pair() -> [Partner; 2] {
        let ((one, to_one), (other, to_other)) = (unbounded_channel(), unbounded_channel());
        [Partner { tell: one, told: Some(to_other) }, Partner { tell: other, told: Some(to_one) }]
    }

    pub fn tell(&self, text: Rc<str>) {
        // who is over has no call that could want it
        let _ = self.tell.send(text);
    }

    /// Waits for what the other side tells; `None`, once: it is over.
    pub async fn told(&mut self) -> Option<Rc<str>> {
        let Some(told) = &mut self.told else { return std::future::pending().await };
        let text = told.recv().await;
        if text.is_none() {
            self.told = None;
        }
        text
    }
}
