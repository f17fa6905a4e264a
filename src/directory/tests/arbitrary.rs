//! Text that nobody meant: the loader and the resolver answer, whatever they are given.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::*;
use super::sample_files;
use crate::protocol::sip::Uri;

proptest! {
    #[test]
    fn any_text_is_a_directory_or_has_faults_with_a_place(text in "\\PC{0,200}", lines in prop::collection::vec("[a-z_]{1,12} = (\"[^\"\\\\]{0,8}\"|[0-9]{1,20}|\\[\\]|true)", 0..6)) {
        let files = [SourceFile::new("a.toml", text), SourceFile::new("b.toml", format!("[[mailbox]]\n{}", lines.join("\n")))];
        if let Err(faults) = Directory::load(&files) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|fault| fault.line.is_some() && !fault.message.is_empty()));
        }
    }

    #[test]
    fn a_damaged_sample_is_a_directory_or_has_faults(file in 0usize..3, edits in prop::collection::vec((any::<Index>(), any::<Option<char>>()), 1..8)) {
        let mut files = sample_files();
        let mut text: Vec<char> = files[file].text.chars().collect();
        for (at, edit) in edits {
            let at = at.index(text.len());
            match edit {
                Some(c) => text[at] = c,
                None => drop(text.remove(at)),
            }
        }
        files[file].text = text.into_iter().collect();
        if let Err(faults) = Directory::load(&files) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                let lines = files.iter().find(|source| source.name == fault.file).map(|source| source.text.split('\n').count());
                prop_assert!(fault.line <= lines, "{fault}");
            }
        }
    }

    #[test]
    fn a_sample_cut_short_is_a_directory_or_has_faults(file in 0usize..3, at in any::<Index>()) {
        let mut files = sample_files();
        let length = files[file].text.len();
        files[file].text.truncate(at.index(length));
        let _ = Directory::load(&files);
    }

    #[test]
    fn any_called_and_diverted_party_gets_an_answer_that_can_be_a_header(called in "\\PC{0,40}", user in "\\PC{0,90}", host in prop::option::of("\\PC{0,20}")) {
        let directory = Directory::load(&sample_files()).unwrap();
        let diversions = [DivertedFrom { user: user.clone(), host: host.clone(), reason: ReasonForCall::DivertBusy }];
        for called in [format!("sip:{called}@host"), called, "sip:5000@host".to_owned()] {
            let uri = Uri::parse(&called);
            let calling = Some(Caller { user: user.clone(), host: host.clone(), anonymous: false });
            let call = CallFacts { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), peer_port: 5060, called: &uri, to: &uri, calling, diversions: &diversions };
            if let Err(refused) = resolve(&directory, &call) {
                prop_assert!(refused.status == 404 && refused.reason.chars().all(|c| (' '..='~').contains(&c) && c != '"'), "{refused}");
            }
        }
    }
}
