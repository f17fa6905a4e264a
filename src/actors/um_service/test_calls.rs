//! Test calls: which are under way, and what their workers tell of them.
//! Knows: links. Must not: know what a test call is made of.

use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::UmService;
use crate::link::{ToWorker, WorkerId};
use crate::records::test_call::{TestOrder, TestOutcome};

/// A worker whose test has run out of time says so within this.
const GRACE: Duration = Duration::from_secs(10);

/// Have the worker that takes the calls place a test call; answered when it is over.
#[derive(Message)]
#[rtype(result = "TestOutcome")]
pub struct PlaceTest(pub TestOrder);

/// One that is under way.
pub(super) struct Test {
    token: String,
    worker: WorkerId,
    done: oneshot::Sender<TestOutcome>,
}

impl UmService {
    /// The worker says what came of a test.
    pub(super) fn tested(&mut self, token: &str, outcome: TestOutcome) {
        for test in self.tests.extract_if(.., |test| test.token == token) {
            // who asked may have gone
            let _ = test.done.send(outcome.clone());
        }
        self.expect_tests();
    }

    /// Who waits for a test of this worker is told that nothing comes any more.
    pub(super) fn forget_tests_of(&mut self, worker: &WorkerId) {
        self.tests.retain(|test| test.worker != *worker);
    }

    /// Tells every worker which calls are tests.
    fn expect_tests(&mut self) {
        let tokens = self.tests.iter().map(|test| test.token.clone()).collect();
        self.tell_all(&ToWorker::ExpectTests(tokens));
    }
}

impl Handler<PlaceTest> for UmService {
    type Result = ResponseActFuture<Self, TestOutcome>;

    fn handle(&mut self, PlaceTest(order): PlaceTest, _: &mut Self::Context) -> Self::Result {
        let Some(worker) = self.supervision.current().map(|(worker, _)| worker.clone()) else {
            let none = TestOutcome::failed("no UM worker is running at this moment");
            return Box::pin(fut::ready(none));
        };
        let (done, outcome) = oneshot::channel();
        let (token, patience) = (order.token.clone(), order.timeout + GRACE);
        self.tests.push(Test { token: token.clone(), worker: worker.clone(), done });
        self.expect_tests();
        self.tell(&worker, ToWorker::Test(Box::new(order)));
        let waiting = async move {
            match tokio::time::timeout(patience, outcome).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => TestOutcome::failed("the UM worker ended during the test"),
                Err(_) => TestOutcome::failed("the UM worker does not say what came of the test"),
            }
        };
        Box::pin(waiting.into_actor(self).map(move |outcome, service, _| {
            service.tests.retain(|test| test.token != token);
            outcome
        }))
    }
}
