//! A softphone calls: baresip hears the greeting, speaks after the tone, and sends its message with keys.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::node::{Node, pause, temporary_folder};
use crate::peers::require;
use crate::ports::Ports;
use crate::sound;

/// The greeting of a mailbox that has none of its own, for extension 1001 (src/prompts puts it together).
const GREETING: [&str; 8] = [
    "person-at-extension",
    "digit-1",
    "digit-0",
    "digit-0",
    "digit-1",
    "is-not-available",
    "record-after-tone",
    "when-finished",
];

#[test]
fn softphone_hears_the_greeting_and_leaves_a_message_with_keys() {
    let node = Node::start();
    // who calls is silent until the tone has certainly ended
    let silent_for = GREETING.iter().map(|words| sound::prompt(words).len()).sum::<usize>() + 4 * 8000;
    let speech = sound::speech();
    let microphone = [vec![0; silent_for], speech.clone(), vec![0; 60 * 8000]].concat();
    let mut phone = Baresip::start(&microphone);

    phone.command("dial", &format!("sip:1001@{}", node.sip()));
    GREETING.iter().for_each(|words| phone.hears(words));
    phone.has_said(silent_for + speech.len());
    phone.command("sndcode", "#");
    phone.hears("press-1-accept");
    phone.command("sndcode", "1");
    phone.hears("press-pound-send");
    phone.command("sndcode", "#");
    phone.hears("message-sent");
    phone.is_told("CALL_CLOSED");

    let mails = node.mails_when_idle();
    let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    assert_eq!(mail.alias, "alice");
    assert!(mail.is_voice_message(), "{}", mail.subject());
    let recorded = mail.audio();
    let first_word = &speech[..4000];
    let begins = sound::find(&recorded, first_word, 0.95).expect("what was said is in the message") - first_word.len();
    let ends = recorded.len().min(begins + speech.len());
    let alike = sound::correlation(&speech, &recorded[begins..ends], 2);
    assert!(alike > 0.95, "correlation with what was said: {alike:.3}");
    // and nothing else: no tone, no key
    let loudest = |part: &[i16]| part.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
    assert!(loudest(&recorded[..begins]) < 200, "sound before what was said");
    assert!(loudest(&recorded[ends..]) < 200, "sound after what was said");
}

/// A baresip without sound card: its microphone is a file, what it hears and says goes to files.
struct Baresip {
    child: Child,
    control: TcpStream,
    folder: PathBuf,
    /// What it said of itself on the control connection.
    events: Arc<Mutex<String>>,
    /// Up to where what it heard was listened to, samples.
    listened: usize,
    _ports: Ports,
}

const MODULES: &str = "/usr/lib/baresip/modules";
/// Longer than any greeting, menu or answer takes.
const PATIENCE: Duration = Duration::from_secs(40);

impl Baresip {
    fn start(microphone: &[i16]) -> Baresip {
        require("baresip", "baresip-core");
        let (folder, ports) = (temporary_folder("baresip"), Ports::claim());
        sound::write_wav(&folder.join("microphone.wav"), microphone);
        let (sip, control) = (ports.get(0), ports.get(9));
        let config = format!(
            "module_path {MODULES}\n\
             net_interface 127.0.0.1\n\
             sip_listen 127.0.0.1:{sip}\n\
             rtp_ports {}-{}\n\
             ctrl_tcp_listen 127.0.0.1:{control}\n\
             audio_source aufile,{folder}/microphone.wav\n\
             audio_player aubridge,nowhere\n\
             audio_alert aubridge,nowhere\n\
             ausrc_srate 8000\n\
             auplay_srate 8000\n\
             ausrc_channels 1\n\
             auplay_channels 1\n\
             snd_path {folder}\n\
             module g711.so\n\
             module aufile.so\n\
             module aubridge.so\n\
             module sndfile.so\n\
             module_tmp uuid.so\n\
             module_tmp account.so\n\
             module_app menu.so\n\
             module_app ctrl_tcp.so\n",
            ports.get(2),
            ports.get(8),
            folder = folder.display(),
        );
        fs::write(folder.join("config"), config).unwrap();
        fs::write(folder.join("accounts"), format!("<sip:ada@127.0.0.1:{sip}>;regint=0;audio_codecs=pcmu\n")).unwrap();
        fs::write(folder.join("contacts"), "").unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new("baresip")
            .args(["-4", "-f"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let control = wait("baresip does not start", || TcpStream::connect(("127.0.0.1", control)).ok());
        let events = Arc::new(Mutex::new(String::new()));
        collect(control.try_clone().unwrap(), events.clone());
        Baresip { child, control, folder, events, listened: 0, _ports: ports }
    }

    /// A command of baresip's menu.
    fn command(&mut self, command: &str, parameters: &str) {
        let json = serde_json::json!({ "command": command, "params": parameters }).to_string();
        write!(self.control, "{}:{json},", json.len()).unwrap();
    }

    /// Waits until this prompt is heard, all of it, after what was heard before.
    fn hears(&mut self, prompt: &str) {
        let words = sound::prompt(prompt);
        let folder = self.folder.clone();
        wait(&format!("{prompt} is not heard"), || {
            let heard = recorded(&folder, "-dec.wav");
            let unheard = heard.get(self.listened..)?;
            let found = sound::find(unheard, &words, 0.95);
            // what has been searched need not be searched again, but for a piece that is not complete yet
            self.listened += found.unwrap_or(unheard.len().saturating_sub(words.len()));
            found
        });
    }

    /// Waits until so many samples were said.
    fn has_said(&self, samples: usize) {
        wait("the microphone has stopped", || (recorded(&self.folder, "-enc.wav").len() >= samples).then_some(()));
    }

    fn is_told(&self, event: &str) {
        wait(&format!("{event} is not told"), || self.events.lock().unwrap().contains(event).then_some(()));
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("---- log of baresip ({})\n{log}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// What baresip's sndfile module has written so far, in files named by it: samples behind a header of 44 octets.
fn recorded(folder: &Path, kind: &str) -> Vec<i16> {
    let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let file = files.find(|file| file.to_string_lossy().ends_with(kind));
    let bytes = file.map(|file| fs::read(file).unwrap()).unwrap_or_default();
    let samples = bytes.get(44..).unwrap_or_default().chunks_exact(2);
    samples.map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect()
}

fn collect(mut control: TcpStream, events: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = control.read(&mut buffer) {
            events.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    });
}

fn wait<T>(complaint: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{complaint}");
        pause();
    }
}
