//! What call answering says: the greeting and the options, from prompts.
//! Knows: names of prompts and the settings that choose among them. Must not: know where in the call they are said.

use super::{CallAnsweringSetup, CalledName};
use crate::apps::conversation::{Importance, Sensitivity};
use crate::prompts::{PhraseId, PromptId, Say};

/// The words before the tone. A personal greeting says all there is to say itself.
pub fn greeting(setup: &CallAnsweringSetup) -> Vec<Say> {
    if let Some(greeting) = &setup.personal_greeting {
        return vec![Say::Greeting(greeting.clone())];
    }
    let nobody_there = match &setup.name {
        CalledName::Recorded(name) => Say::Phrase(PhraseId::NameNotAvailable, Box::new(Say::Greeting(name.clone()))),
        CalledName::Number(digits) => {
            Say::Phrase(PhraseId::ExtensionNotAvailable, Box::new(Say::Digits(digits.clone())))
        }
        CalledName::Unknown => Say::Prompt(PromptId::PersonYouCalledNotAvailable),
    };
    vec![nobody_there, Say::Prompt(PromptId::RecordAfterTone), Say::Prompt(PromptId::WhenFinished)]
}

pub fn message_menu() -> Vec<Say> {
    use PromptId::*;
    let options = [Press1Accept, Press2Replay, Press3RecordAgain, Press4Continue, PressStarCancel, Press0Repeat];
    options.map(Say::Prompt).to_vec()
}

/// Each toggle is offered as what it would change to.
pub fn delivery_menu(setup: &CallAnsweringSetup, importance: Importance, sensitivity: Sensitivity) -> Vec<Say> {
    use PromptId::*;
    let mut options = vec![PressPoundSend];
    options.push(match importance {
        Importance::Normal => Press1HighImportance,
        Importance::High => Press1NormalImportance,
    });
    if setup.private_offered {
        options.push(match sensitivity {
            Sensitivity::Normal => Press2Private,
            Sensitivity::Private => Press2NotPrivate,
        });
    }
    options.extend([PressStarBack, Press0Repeat]);
    options.into_iter().map(Say::Prompt).collect()
}

pub fn importance(importance: Importance) -> PromptId {
    match importance {
        Importance::Normal => PromptId::ImportanceIsNormal,
        Importance::High => PromptId::ImportanceIsHigh,
    }
}

pub fn sensitivity(sensitivity: Sensitivity) -> PromptId {
    match sensitivity {
        Sensitivity::Normal => PromptId::MessageIsNotPrivate,
        Sensitivity::Private => PromptId::MessageIsPrivate,
    }
}
