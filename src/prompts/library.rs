//! All prompts of a node, in memory: what is shipped, and what a site's folder puts in its place or adds.
//! Knows: the catalogue's files and [`Disk`]. Must not: know calls, or whose greeting is played.

use super::catalogue::{Catalogue, Segment};
use super::{GreetingId, Language, PhraseId, PromptId, Say};
use crate::engine::Disk;
use crate::media::{samples_in, tone, wav};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Every prompt in every language, as sound: mono, 8000 samples a second.
///
/// en-US is part of the program and always complete, so there is no call without words; whatever is wrong with a site's
/// own files is a [`Fault`] for the administrator and falls back to it.
pub struct Prompts {
    languages: BTreeMap<Language, Voice>,
    tone: Arc<[i16]>,
}

/// A prompt file that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct Fault {
    pub file: PathBuf,
    pub what: String,
}

/// The sounds of one language.
#[derive(Clone, Default)]
struct Voice {
    prompts: BTreeMap<PromptId, Arc<[i16]>>,
    phrases: BTreeMap<PhraseId, Vec<Segment>>,
}

impl Prompts {
    /// Loads what is shipped and then `site`, a folder with one folder a language (`en-US/goodbye.wav`,
    /// `ko-KR/catalogue.toml`). The faults are for the log and the console: each names a file, none keeps a call from being
    /// answered.
    pub fn load(disk: &dyn Disk, site: Option<&Path>) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let shipped = Voice::shipped(&mut faults);
        let mut prompts =
            Self { languages: BTreeMap::from([(Language::en_us(), shipped.clone())]), tone: tone::beep().into() };
        let Some(site) = site else {
            return (prompts, faults);
        };
        let folders = disk.list(site).unwrap_or_else(|error| {
            faults.push(Fault::reading(site, &error));
            Vec::new()
        });
        for name in folders {
            let folder = site.join(&name);
            match (name.parse::<Language>(), disk.list(&folder)) {
                (Ok(language), Ok(files)) => {
                    let voice = prompts.languages.entry(language.clone()).or_default();
                    voice.replace_from(disk, &folder, &files, &mut faults);
                    voice.complete_with(&shipped, &folder, &mut faults);
                }
                (Ok(_), Err(error)) => faults.push(Fault::reading(&folder, &error)),
                (Err(invalid), Ok(files)) if !files.is_empty() => {
                    faults.push(Fault { file: folder, what: invalid.to_string() });
                }
                (Err(_), _) => {} // a file of the site's own, a note
            }
        }
        (prompts, faults)
    }

    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.languages.keys()
    }

    /// The language to speak when `wanted` is asked for: that one, another of the same tongue (en-GB: en-US), the dial
    /// plan's, en-US. When it is not `wanted`, the administrator should hear about it.
    pub fn choose(&self, wanted: &Language, plan: &Language) -> Language {
        let spoken = self.nearest(wanted).or_else(|| self.nearest(plan));
        spoken.cloned().unwrap_or_else(Language::en_us)
    }

    /// The sound of `what`, to be played in order. `greeting` gives the sound of a user's recording, nothing when there is
    /// none.
    pub fn render(
        &self,
        language: &Language,
        what: &[Say],
        greeting: &dyn Fn(&GreetingId) -> Option<Arc<[i16]>>,
    ) -> Vec<Arc<[i16]>> {
        let Some(voice) = self.languages.get(&self.choose(language, &Language::en_us())) else {
            return Vec::new();
        };
        let mut sounds = Vec::new();
        for (index, say) in what.iter().enumerate() {
            if index > 0 {
                sounds.push(silence(BETWEEN_SENTENCES));
            }
            self.sound(voice, say, greeting, &mut sounds);
        }
        sounds
    }

    fn sound(
        &self,
        voice: &Voice,
        say: &Say,
        greeting: &dyn Fn(&GreetingId) -> Option<Arc<[i16]>>,
        out: &mut Vec<Arc<[i16]>>,
    ) {
        match say {
            Say::Prompt(id) => out.extend(voice.prompts.get(id).cloned()),
            Say::Phrase(id, filling) => {
                for segment in voice.phrases.get(id).into_iter().flatten() {
                    match segment {
                        Segment::Prompt(id) => out.extend(voice.prompts.get(id).cloned()),
                        Segment::Silence(length) => out.push(silence(*length)),
                        Segment::Filling => self.sound(voice, filling, greeting, out),
                    }
                }
            }
            Say::Digits(number) => {
                let digits = number.chars().filter_map(PromptId::digit);
                out.extend(digits.filter_map(|id| voice.prompts.get(&id).cloned()));
            }
            Say::Greeting(id) => out.extend(greeting(id)),
            Say::Silence(length) => out.push(silence(*length)),
            Say::Tone => out.push(self.tone.clone()),
        }
    }

    fn nearest(&self, wanted: &Language) -> Option<&Language> {
        let exact = self.languages.get_key_value(wanted).map(|(language, _)| language);
        exact.or_else(|| self.languages.keys().find(|language| language.primary() == wanted.primary()))
    }
}

/// Reads a sound that is played to callers: a prompt, a greeting, an announcement.
pub fn sound_file(disk: &dyn Disk, file: &Path) -> Result<Arc<[i16]>, Fault> {
    let bytes = disk.read(file).map_err(|error| Fault::reading(file, &error))?;
    let samples = wav::decode(&bytes).map_err(|error| Fault { file: file.to_owned(), what: error.to_string() })?;
    if samples.is_empty() {
        return Err(Fault { file: file.to_owned(), what: "there is no sound in it".to_owned() });
    }
    Ok(samples.into())
}

impl Voice {
    fn shipped(faults: &mut Vec<Fault>) -> Self {
        let file = |name: &str| PathBuf::from(format!("en-US/{name} (shipped)"));
        let (catalogue, problems) = Catalogue::parse(SHIPPED_CATALOGUE);
        faults.extend(problems.into_iter().map(|what| Fault { file: file(CATALOGUE), what }));
        let mut voice = Self { prompts: BTreeMap::new(), phrases: catalogue.phrases };
        for id in PromptId::ALL {
            match wav::decode(id.shipped()) {
                Ok(samples) => _ = voice.prompts.insert(*id, samples.into()),
                Err(error) => faults.push(Fault { file: file(&format!("{id}.wav")), what: error.to_string() }),
            }
        }
        voice
    }

    fn replace_from(&mut self, disk: &dyn Disk, folder: &Path, files: &[String], faults: &mut Vec<Fault>) {
        for name in files {
            let file = folder.join(name);
            if name == CATALOGUE {
                match disk.read(&file).map(String::from_utf8) {
                    Ok(Ok(text)) => {
                        let (catalogue, problems) = Catalogue::parse(&text);
                        self.phrases.extend(catalogue.phrases);
                        faults.extend(problems.into_iter().map(|what| Fault { file: file.clone(), what }));
                    }
                    Ok(Err(_)) => faults.push(Fault { file, what: "it is not UTF-8 text".to_owned() }),
                    Err(error) => faults.push(Fault::reading(&file, &error)),
                }
            } else if let Some(stem) = name.strip_suffix(".wav") {
                match PromptId::from_name(stem).map(|id| (id, sound_file(disk, &file))) {
                    Some((id, Ok(sound))) => _ = self.prompts.insert(id, sound),
                    Some((_, Err(fault))) => {
                        faults.push(Fault { what: format!("{}; the shipped prompt is played", fault.what), ..fault });
                    }
                    None => faults.push(Fault { file, what: "there is no prompt of this name".to_owned() }),
                }
            } else if !name.starts_with('.') && is_other_sound(name) {
                faults.push(Fault { file, what: "a prompt is a .wav file: PCM, 16 bit, mono, 8000 Hz".to_owned() });
            }
        }
    }

    /// Fills what a language lacks with en-US: strange to hear, but the caller learns what to do.
    fn complete_with(&mut self, shipped: &Self, folder: &Path, faults: &mut Vec<Fault>) {
        for (id, sound) in &shipped.prompts {
            self.prompts.entry(*id).or_insert_with(|| {
                let what = "it is missing; the en-US prompt is played".to_owned();
                faults.push(Fault { file: folder.join(format!("{id}.wav")), what });
                sound.clone()
            });
        }
        for (id, segments) in &shipped.phrases {
            self.phrases.entry(*id).or_insert_with(|| {
                let what = format!("the phrase {id} is missing; its parts are said in the order of en-US");
                faults.push(Fault { file: folder.join(CATALOGUE), what });
                segments.clone()
            });
        }
    }
}

impl Fault {
    fn reading(file: &Path, error: &io::Error) -> Self {
        Self { file: file.to_owned(), what: error.to_string() }
    }
}

fn is_other_sound(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    ["wav", "wma", "mp3", "ogg", "flac", "gsm", "aif", "aiff", "ul", "raw"].contains(&ending.as_str())
}

fn silence(length: Duration) -> Arc<[i16]> {
    vec![0; usize::try_from(samples_in(length)).unwrap_or_default()].into()
}

const CATALOGUE: &str = "catalogue.toml";
const SHIPPED_CATALOGUE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/en-US/catalogue.toml"));
/// Every sound file has some 60 ms of silence at each end of its own.
const BETWEEN_SENTENCES: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
