use super::*;
use crate::engine::MemoryDisk;
use std::collections::BTreeSet;

const SITE: &str = "site/prompts";

fn none(_: &GreetingId) -> Option<Arc<[i16]>> {
    None
}

fn site(files: &[(&str, &[u8])]) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for (name, bytes) in files {
        disk.put(Path::new(SITE).join(name), bytes).unwrap();
    }
    disk
}

fn load(disk: &MemoryDisk) -> (Prompts, Vec<String>) {
    let (prompts, faults) = Prompts::load(disk, Some(Path::new(SITE)));
    (prompts, faults.iter().map(ToString::to_string).collect())
}

fn sounds(prompts: &Prompts, language: &Language, say: Say) -> Vec<Arc<[i16]>> {
    prompts.render(language, &[say], &none)
}

fn samples(sounds: &[Arc<[i16]>]) -> usize {
    sounds.iter().map(|sound| sound.len()).sum()
}

/// A well-formed sound of so many samples, each of this value.
fn sound(value: i16, length: usize) -> Vec<u8> {
    wav::encode(&vec![value; length])
}

fn korean() -> Language {
    "ko-KR".parse::<Language>().unwrap()
}

#[test]
fn everything_that_can_be_said_is_shipped() {
    let (prompts, faults) = Prompts::load(&MemoryDisk::default(), None);
    assert_eq!(faults, []);
    let voice = &prompts.languages[&Language::en_us()];
    assert_eq!(voice.prompts.len(), PromptId::ALL.len());
    assert_eq!(voice.phrases.len(), PhraseId::ALL.len());
}

#[test]
fn the_catalogue_and_the_table_of_prompts_name_the_same() {
    let (catalogue, faults) = Catalogue::parse(SHIPPED_CATALOGUE);
    assert_eq!(faults, Vec::<String>::new());
    let texts: BTreeSet<PromptId> = catalogue.prompts.keys().copied().collect();
    assert_eq!(texts, PromptId::ALL.iter().copied().collect());
}

#[test]
fn a_shipped_prompt_was_rendered_from_the_text_in_the_catalogue() {
    let (catalogue, _) = Catalogue::parse(SHIPPED_CATALOGUE);
    for (id, text) in &catalogue.prompts {
        let title =
            [b"INAM", &u32::try_from(text.len() + 1).unwrap().to_le_bytes()[..], text.as_bytes(), b"\0"].concat();
        let head = &id.shipped()[..1024.min(id.shipped().len())];
        assert!(head.windows(title.len()).any(|part| part == title), "{id}: run scripts/render-prompts");
    }
}

/// Active speech at -20 dBFS, give or take 2 dB, and never above -3 dBFS: no prompt shouts after a quiet one.
#[test]
fn shipped_prompts_are_equally_loud_and_begin_and_end_in_silence() {
    for id in PromptId::ALL {
        let sound = wav::decode(id.shipped()).unwrap();
        let peak = sound.iter().map(|sample| i32::from(*sample).abs()).max().unwrap();
        assert!(peak < 23_200, "{id}: {peak}");
        let frame = |part: &[i16]| (part.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / part.len() as f64).sqrt();
        let levels: Vec<f64> = sound.chunks(160).map(frame).collect();
        let loudest = levels.iter().copied().fold(0.0, f64::max);
        let loud: Vec<f64> = levels.iter().copied().filter(|level| *level > loudest / 17.8).collect();
        let active = 20.0 * ((loud.iter().map(|l| l * l).sum::<f64>() / loud.len() as f64).sqrt() / 32_768.0).log10();
        assert!((-22.0..=-18.0).contains(&active), "{id}: {active} dBFS");
        assert!(sound[..400].iter().chain(&sound[sound.len() - 400..]).all(|sample| *sample == 0), "{id}");
    }
}

#[test]
fn digits_are_said_one_by_one_and_separators_are_not() {
    let (prompts, _) = Prompts::load(&MemoryDisk::default(), None);
    let language = Language::en_us();
    let said = sounds(&prompts, &language, Say::Digits("+1 (425) 555".to_owned()));
    let ids = [PromptId::Plus, PromptId::Digit1, PromptId::Digit4, PromptId::Digit2, PromptId::Digit5];
    let alone: Vec<_> = ids.iter().flat_map(|id| sounds(&prompts, &language, Say::Prompt(*id))).collect();
    assert_eq!(said.len(), 8);
    assert_eq!(said[..5], alone[..]);
    assert!(said[5..].iter().all(|sound| *sound == alone[4]));
}

#[test]
fn sentences_are_apart_by_a_pause() {
    let (prompts, _) = Prompts::load(&MemoryDisk::default(), None);
    let language = Language::en_us();
    let (sent, goodbye) = (Say::Prompt(PromptId::MessageSent), Say::Prompt(PromptId::Goodbye));
    let apart =
        samples(&sounds(&prompts, &language, sent.clone())) + samples(&sounds(&prompts, &language, goodbye.clone()));
    let together = samples(&prompts.render(&language, &[sent, goodbye], &none));
    assert_eq!(together, apart + 2_000, "250 ms");
}

#[test]
fn a_greeting_is_the_users_own_sound_and_silent_when_it_is_gone() {
    let (prompts, _) = Prompts::load(&MemoryDisk::default(), None);
    let own: Arc<[i16]> = vec![7; 80].into();
    let greeting = |id: &GreetingId| (id.as_str() == "alice").then(|| own.clone());
    let say = |name: &str| [Say::Greeting(GreetingId::new(name))];
    assert_eq!(prompts.render(&Language::en_us(), &say("alice"), &greeting), std::slice::from_ref(&own));
    assert!(prompts.render(&Language::en_us(), &say("bob"), &greeting).is_empty());
}

#[test]
fn a_file_of_the_site_replaces_the_prompt_of_its_name() {
    let (prompts, faults) = load(&site(&[("en-US/goodbye.wav", &sound(9, 800))]));
    assert_eq!(faults, Vec::<String>::new());
    let said = sounds(&prompts, &Language::en_us(), Say::Prompt(PromptId::Goodbye));
    assert_eq!(said, [Arc::from(vec![9_i16; 800])]);
}

#[test]
fn what_cannot_be_used_is_named_and_the_shipped_prompt_is_played() {
    let mut stereo = sound(1, 800);
    stereo[22] = 2; // channels
    stereo[28..32].copy_from_slice(&32_000_u32.to_le_bytes()); // octets a second
    stereo[32] = 4; // octets a frame
    let disk = site(&[
        ("README.md", b"our own voice"),
        ("en-US/goodby.wav", &sound(1, 800)),
        ("en-US/goodbye.mp3", b"ID3"),
        ("en-US/goodbye.wav", &stereo),
        ("en-US/plus.wav", b"not a wav"),
        ("en-US/digit-0.wav", &sound(0, 0)),
        ("english/goodbye.wav", &sound(1, 800)),
    ]);
    let (prompts, faults) = load(&disk);
    let files: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        files,
        [
            "site/prompts/en-US/digit-0.wav",
            "site/prompts/en-US/goodby.wav",
            "site/prompts/en-US/goodbye.mp3",
            "site/prompts/en-US/goodbye.wav",
            "site/prompts/en-US/plus.wav",
            "site/prompts/english",
        ]
    );
    assert!(faults[3].contains("mono") && faults[3].contains("8000"), "what is allowed: {}", faults[3]);
    let (shipped, _) = Prompts::load(&MemoryDisk::default(), None);
    let language = Language::en_us();
    for id in [PromptId::Goodbye, PromptId::Plus, PromptId::Digit0] {
        assert_eq!(sounds(&prompts, &language, Say::Prompt(id)), sounds(&shipped, &language, Say::Prompt(id)));
    }
}

#[test]
fn a_language_of_the_site_puts_its_phrases_together_in_its_own_order() {
    let mut files: Vec<(String, Vec<u8>)> =
        PromptId::ALL.iter().map(|id| (format!("ko-KR/{id}.wav"), sound(2, 80))).collect();
    files.push(("ko-KR/is-not-available.wav".to_owned(), sound(3, 80)));
    files.remove(PromptId::ALL.iter().position(|id| *id == PromptId::IsNotAvailable).unwrap());
    let phrases = "[phrases]\nextension-not-available = [\"{}\", \"is-not-available\"]\n\
                   name-not-available = [\"{}\", \"is-not-available\"]\n";
    files.push(("ko-KR/catalogue.toml".to_owned(), phrases.into()));
    let disk = site(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>());
    let (prompts, faults) = load(&disk);
    assert_eq!(faults, Vec::<String>::new());
    let say = Say::Phrase(PhraseId::ExtensionNotAvailable, Box::new(Say::Digits("10".to_owned())));
    let values: Vec<i16> = sounds(&prompts, &korean(), say).iter().map(|sound| sound[0]).collect();
    assert_eq!(values, [2, 2, 3]);
}

#[test]
fn what_a_language_lacks_is_named_one_by_one_and_said_in_en_us() {
    let (prompts, faults) = load(&site(&[("ko-KR/goodbye.wav", &sound(4, 80))]));
    assert_eq!(faults.len(), PromptId::ALL.len() - 1 + PhraseId::ALL.len());
    assert!(faults.iter().any(|fault| fault.starts_with("site/prompts/ko-KR/message-sent.wav: it is missing")));
    assert_eq!(sounds(&prompts, &korean(), Say::Prompt(PromptId::Goodbye)), [Arc::from(vec![4_i16; 80])]);
    let sent = Say::Prompt(PromptId::MessageSent);
    assert_eq!(sounds(&prompts, &korean(), sent.clone()), sounds(&prompts, &Language::en_us(), sent));
}

#[test]
fn a_language_that_is_not_there_falls_back_to_its_tongue_the_plans_and_en_us() {
    let (prompts, _) = load(&site(&[("ko-KR/goodbye.wav", &sound(4, 80))]));
    let choose = |wanted: &str, plan: &str| {
        prompts.choose(&wanted.parse::<Language>().unwrap(), &plan.parse::<Language>().unwrap()).to_string()
    };
    assert_eq!(choose("ko-KR", "en-US"), "ko-KR");
    assert_eq!(choose("en-GB", "ko-KR"), "en-US");
    assert_eq!(choose("fr-FR", "ko-KR"), "ko-KR");
    assert_eq!(choose("fr-FR", "de-DE"), "en-US");
    let goodbye = Say::Prompt(PromptId::Goodbye);
    let french = "fr-FR".parse::<Language>().unwrap();
    assert_eq!(sounds(&prompts, &french, goodbye.clone()), sounds(&prompts, &Language::en_us(), goodbye));
}
