//! The way between the threads of HTTP and the one the node lives on: questions in, answers back, never a wait on the
//! node's side.
//! Knows: commands, the engine's methods. Must not: know HTTP.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::admin::command::{Answer, Reason, Refusal, Request};
use crate::admin::execute::{Administered, execute};
use crate::admin::status::NodeStatus;
use crate::engine::process::process;

/// So many questions may wait; one more is refused.
const WAITING: usize = 64;
/// A node that does not say how it is for so long is not alive.
const SIGN_OF_LIFE_WITHIN: Duration = Duration::from_secs(3);
/// Commands may wait for files, for a refresh, or for a test call.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

enum Question {
    Pulse(oneshot::Sender<bool>),
    Observe(oneshot::Sender<()>),
    Command(Box<Request>, oneshot::Sender<Answer>),
}

/// Where questions are asked, from any thread.
#[derive(Clone)]
pub struct Desk(mpsc::Sender<Question>);

/// Who answers them, beside the engine.
pub struct Clerk(mpsc::Receiver<Question>);

pub fn desk() -> (Desk, Clerk) {
    let (ask, asked) = mpsc::channel(WAITING);
    (Desk(ask), Clerk(asked))
}

impl Desk {
    /// True when the threads and actors that carry calls answer.
    pub async fn pulse(&self) -> bool {
        self.ask(Question::Pulse, SIGN_OF_LIFE_WITHIN).await.unwrap_or(false)
    }

    /// Has the figures of this moment taken; false: the node does not answer, they are of an earlier moment.
    pub async fn observe(&self) -> bool {
        self.ask(Question::Observe, SIGN_OF_LIFE_WITHIN).await.is_some()
    }

    /// How the node is; `None`: it does not answer.
    pub async fn status(&self) -> Option<NodeStatus> {
        let ask = |answer| Question::Command(Box::new(Request::Status), answer);
        match self.ask(ask, SIGN_OF_LIFE_WITHIN).await? {
            Answer::Status(status) => Some(*status),
            _ => None,
        }
    }

    pub async fn command(&self, request: Request) -> Answer {
        let ask = |answer| Question::Command(Box::new(request), answer);
        self.ask(ask, ANSWER_WITHIN).await.unwrap_or_else(|| {
            Answer::Refused(Refusal::new(Reason::NeedsNode, "the node does not answer, or has too much to answer"))
        })
    }

    async fn ask<A>(&self, question: impl FnOnce(oneshot::Sender<A>) -> Question, within: Duration) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(question(answer)).ok()?;
        tokio::time::timeout(within, answered).await.ok()?.ok()
    }
}

impl Clerk {
    /// Answers until dropped. A question that takes its time holds up no other.
    pub async fn serve(mut self, here: &Administered) {
        while let Some(question) = self.0.recv().await {
            let here = here.clone();
            actix_rt::spawn(async move {
                // who does not wait for the answer any more does not get it
                match question {
                    Question::Pulse(answer) => drop(answer.send(here.node.pulse().await)),
                    Question::Observe(answer) => {
                        here.node.observe(process()).await;
                        let _ = answer.send(());
                    }
                    Question::Command(request, answer) => drop(answer.send(execute(&here, *request).await)),
                }
            });
        }
        // nobody is left who could ask; the node goes on without
        std::future::pending().await
    }
}

#[cfg(test)]
impl Clerk {
    /// Answers as a test says, from a thread of its own: pulse, and the answer to each command.
    pub fn play(mut self, pulse: bool, answer: impl Fn(Request) -> Answer + Send + 'static) {
        std::thread::spawn(move || {
            while let Some(question) = self.0.blocking_recv() {
                match question {
                    Question::Pulse(told) => drop(told.send(pulse)),
                    Question::Observe(told) => drop(told.send(())),
                    Question::Command(request, told) => drop(told.send(answer(*request))),
                }
            }
        });
    }
}
