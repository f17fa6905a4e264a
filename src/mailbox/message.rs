//! A message of the spool as e-mail: RFC 5322 and 2045, with the headers Exchange and RFC 3458, 3803 give voice mail.
//! Knows: the record of the call and its audio. Must not: read a clock or the disk; the same entry makes the same octets.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;

use super::call::{Caller, EntryId, Importance, Outcome, Record, SAMPLE_RATE, Sensitivity};
use super::spool::Entry;
use super::store::Letter;
use crate::media::wav;

mod clean;
mod texts;

use texts::Texts;

/// Makes mail of messages.
#[derive(Debug, Clone)]
pub struct Composer {
    /// The sender of messages whose caller has no mailbox here.
    pub sender_name: String,
    pub sender_address: String,
    /// In which the text says when the call was.
    pub time_zone: TimeZone,
}

impl Composer {
    /// The mail for an entry, ready for a store. `audio` is what counts of the recording, empty for a missed call.
    pub fn compose(&self, entry: &Entry, audio: &[i16]) -> Letter {
        let record = &entry.record;
        let details = &record.details;
        let message_id = clean::message_id(&details.message_id());
        let mail = Mail {
            texts: Texts::of(&details.language),
            record,
            seconds: match entry.finished.outcome {
                Outcome::VoiceMessage { .. } => Some(whole_seconds(audio.len() as u64)),
                Outcome::MissedCall => None,
            },
            who: Who::of(details.caller.as_ref()),
        };
        let from = mail.who.address.as_deref().unwrap_or(&self.sender_address);
        let from_name = mail.who.label(&self.sender_name);
        let mut builder = MessageBuilder::new()
            .header("From", Raw::new(clean::mailbox(from_name, from)))
            .header("To", Raw::new(clean::mailbox(&details.mailbox.display_name, &details.mailbox.address)))
            .header("Subject", Text::new(mail.subject()))
            .header("Date", Raw::new(rfc2822(details.started, &self.time_zone)))
            .header("Message-ID", Raw::new(format!("<{message_id}>")))
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .header("Content-Language", Raw::new(mail.texts.language))
            .header("X-CallID", Text::new(clean::token(&details.call_id)));
        if let Some(number) = &mail.who.number {
            builder = builder.header("X-CallingTelephoneNumber", Text::new(number.clone()));
        }
        if let Some(name) = &mail.who.name {
            builder = builder.header("X-VoiceMessageSenderName", Text::new(name.clone()));
        }
        if record.importance == Importance::High {
            builder = builder.header("Importance", Raw::new("high")).header("X-Priority", Raw::new("1"));
        }
        if record.sensitivity == Sensitivity::Private {
            builder = builder.header("Sensitivity", Raw::new("private"));
        }
        let text = MimePart::new(ContentType::new("text/plain").attribute("charset", "utf-8"), self.body(&mail));
        builder = match mail.seconds {
            Some(seconds) => {
                let name = mail.file_name(seconds);
                let kind = ContentType::new("audio/wav").attribute("name", name.clone());
                let sound = MimePart::new(kind, wav::encode(audio))
                    .attachment(name.clone())
                    .header("Content-Duration", Raw::new(seconds.to_string()))
                    .header("Content-Description", Text::new(mail.subject()));
                builder
                    .header("Message-Context", Raw::new("voice-message"))
                    .header("Content-Class", Raw::new("voice-ca"))
                    .header("X-VoiceMessageDuration", Raw::new(seconds.to_string()))
                    .header("X-AttachmentOrder", Text::new(name))
                    .body(MimePart::new(mixed(&details.id), vec![text, sound]))
            }
            None => builder.header("Content-Class", Raw::new("missedcall")).body(text),
        };
        let mut bytes = Vec::with_capacity(audio.len() * 3 + 4096);
        // Writing into memory does not fail.
        let _ = builder.write_to(&mut bytes);
        Letter { to: details.mailbox.clone(), message_id, sent: details.started, bytes }
    }

    /// The part for reading: who, when, how long, and to which extension.
    fn body(&self, mail: &Mail<'_>) -> String {
        let (texts, record) = (mail.texts, mail.record);
        let when = record.details.started.to_zoned(self.time_zone.clone()).strftime(texts.when).to_string();
        let caller = mail.who.full(texts);
        let opening = if mail.seconds.is_some() { texts.voice_mail_opening } else { texts.missed_call_opening };
        let mut lines = vec![
            (texts.caller, caller.clone()),
            (texts.called, clean::line(&record.details.called)),
            (texts.received, when),
        ];
        if let Some(seconds) = mail.seconds {
            lines.push((texts.length, texts.in_words(seconds)));
        }
        if record.importance == Importance::High {
            lines.push((texts.importance, texts.high.into()));
        }
        if record.sensitivity == Sensitivity::Private {
            lines.push((texts.sensitivity, texts.private.into()));
        }
        let mut body = format!("{}\r\n\r\n", opening.replace("{caller}", &caller));
        for (name, value) in lines {
            body.push_str(&format!("{name}: {value}\r\n"));
        }
        if mail.seconds.is_some() {
            body.push_str(&format!("\r\n{}\r\n", texts.attached));
        }
        body
    }
}

/// What subject, file name and body have in common.
struct Mail<'a> {
    texts: &'static Texts,
    record: &'a Record,
    /// Length of the message, `None` for a missed call.
    seconds: Option<u64>,
    who: Who,
}

impl Mail<'_> {
    fn subject(&self) -> String {
        let caller = self.who.label(self.texts.anonymous);
        match self.seconds {
            Some(seconds) => {
                let subject = self.texts.voice_mail_subject.replace("{duration}", &clock(seconds));
                subject.replace("{caller}", caller)
            }
            None => self.texts.missed_call_subject.replace("{caller}", caller),
        }
    }

    fn file_name(&self, seconds: u64) -> String {
        let who = self.who.number.as_ref().or(self.who.name.as_ref());
        let who = who.map_or_else(|| self.texts.anonymous_file.to_owned(), |who| clean::file_name(who));
        format!("{who} ({}) {}.wav", self.texts.in_words(seconds), self.texts.voice_mail_file)
    }
}

/// The caller, made harmless.
struct Who {
    name: Option<String>,
    number: Option<String>,
    address: Option<String>,
}

impl Who {
    fn of(caller: Option<&Caller>) -> Self {
        let clean = |text: &String| Some(clean::line(text)).filter(|text| !text.is_empty());
        let caller = caller.cloned().unwrap_or_default();
        let number = caller.number.as_ref().and_then(clean);
        Self {
            name: caller.display.as_ref().and_then(clean).filter(|name| Some(name) != number.as_ref()),
            number,
            address: caller.address.filter(|address| clean::is_address(address)),
        }
    }

    /// Name, or else number, or else the word for neither.
    fn label<'a>(&'a self, nobody: &'a str) -> &'a str {
        self.name.as_deref().or(self.number.as_deref()).unwrap_or(nobody)
    }

    fn full(&self, texts: &Texts) -> String {
        match (&self.name, &self.number) {
            (Some(name), Some(number)) => format!("{name} ({number})"),
            (Some(label), None) | (None, Some(label)) => label.clone(),
            (None, None) => texts.anonymous.to_owned(),
        }
    }
}

/// The container of text and sound. Its boundary comes from the random name of the message, which no caller can know.
fn mixed(id: &EntryId) -> ContentType<'static> {
    ContentType::new("multipart/mixed").attribute("boundary", format!("=_ringpost_{id}"))
}

/// Rounded, but never nothing.
fn whole_seconds(samples: u64) -> u64 {
    ((samples + SAMPLE_RATE / 2) / SAMPLE_RATE).max(1)
}

/// `0:07`, `12:05`, `1:00:00`.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn rfc2822(at: Timestamp, time_zone: &TimeZone) -> String {
    at.to_zoned(time_zone.clone()).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

#[cfg(test)]
mod tests;
