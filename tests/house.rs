//! The rules of the house that the compiler does not know: who may import whom, what the pure rooms must not touch,
//! which licences may enter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A room, what of ours it may use, and what it must never name.
struct Rule {
    room: &'static str,
    may_use: &'static [&'static str],
    must_not_name: &'static [&'static str],
}

/// The outside: what a sans-IO room gets handed instead of taking it.
const OUTSIDE: &[&str] = &[
    "actix",
    "tokio",
    "sled",
    "std::fs",
    "fs::",
    "std::net::UdpSocket",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "getrandom",
    "std::env::",
    "std::process",
    "std::thread",
];

/// What actors reach through `engine::Environment` only.
const WORLD: &[&str] = &[
    "std::fs",
    "fs::",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixListener",
    "UnixStream",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "getrandom",
    "tokio::net",
    "tokio::fs",
    "std::process",
    "spawn_blocking",
];

const RULES: &[Rule] = &[
    Rule { room: "protocol", may_use: &["protocol", "media"], must_not_name: OUTSIDE },
    Rule { room: "media", may_use: &["media", "protocol"], must_not_name: OUTSIDE },
    Rule {
        room: "directory",
        may_use: &["directory", "protocol::sip::uri", "protocol::sip::Uri"],
        must_not_name: OUTSIDE,
    },
    Rule { room: "apps", may_use: &["apps", "directory", "prompts"], must_not_name: OUTSIDE },
    Rule {
        room: "prompts",
        may_use: &[
            "prompts",
            "directory::Language",
            "media::wav",
            "media::{samples_in, tone, wav}",
            "media::tone",
            "media::dtmf",
            "engine::Disk",
            "engine::disk",
        ],
        must_not_name: &["actix", "tokio"],
    },
    Rule {
        room: "mailbox",
        may_use: &["mailbox", "engine::Disk", "engine::DiskFile", "engine::disk", "media::wav"],
        must_not_name: &["actix", "std::fs", "SystemTime", "Timestamp::now", "Zoned::now", "getrandom"],
    },
    Rule { room: "routing", may_use: &["routing", "protocol", "directory"], must_not_name: OUTSIDE },
    Rule { room: "peers", may_use: &["peers", "protocol", "directory", "routing::View"], must_not_name: OUTSIDE },
    Rule { room: "metrics", may_use: &["metrics", "records"], must_not_name: OUTSIDE },
    Rule {
        room: "admin/exchange",
        may_use: &["admin", "link", "directory"],
        must_not_name: &["actix", "tokio", "std::fs", "SystemTime", "Timestamp::now", "Zoned::now", "std::process"],
    },
    Rule {
        room: "admin/edit",
        may_use: &["admin::settings", "directory"],
        must_not_name: &["actix", "tokio", "std::fs", "SystemTime", "Timestamp::now", "Zoned::now", "std::process"],
    },
    Rule { room: "reconcile", may_use: &["reconcile", "directory::Parsed"], must_not_name: OUTSIDE },
    Rule { room: "link/supervision", may_use: &["link"], must_not_name: OUTSIDE },
    Rule {
        room: "records",
        may_use: &["records", "engine::Disk", "engine::{Disk, DiskFile}", "engine::disk"],
        must_not_name: OUTSIDE,
    },
    Rule { room: "components", may_use: &["components"], must_not_name: OUTSIDE },
    Rule { room: "link", may_use: &["link", "records", "mailbox::EntryId"], must_not_name: WORLD },
    Rule {
        room: "store",
        may_use: &["store"],
        must_not_name: &["actix", "tokio", "std::fs", "SystemTime", "Instant::now", "Timestamp::now", "getrandom"],
    },
    Rule {
        room: "replay",
        may_use: &[
            "replay",
            "protocol::random",
            "protocol::rtp",
            "protocol::sip",
            "media::telephone_event",
            "engine::Environment",
            "engine::{Engine, Environment, WORKER_PORT}",
            "engine::environment",
        ],
        must_not_name: WORLD,
    },
    Rule {
        room: "actors",
        may_use: &[
            "actors",
            "protocol",
            "media",
            "directory",
            "apps",
            "prompts",
            "mailbox",
            "metrics",
            "engine",
            "records",
            "link",
            "reconcile",
            "store",
            "routing",
            "components",
            "peers",
        ],
        must_not_name: WORLD,
    },
];

#[test]
fn rooms_import_only_what_they_may_and_never_the_outside() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for rule in RULES {
        let files = production_files(&root.join(rule.room));
        assert!(!files.is_empty(), "the room {} has moved: this check would look at nothing", rule.room);
        for file in files {
            let text = production_code(&fs::read_to_string(&file).expect("source is readable"));
            for (number, line) in text.lines().enumerate() {
                let line = line.split("//").next().unwrap_or_default();
                let place = || format!("{}:{}", file.strip_prefix(&root).unwrap_or(&file).display(), number + 1);
                for used in line.match_indices("crate::").map(|(at, name)| &line[at + name.len()..]) {
                    if !rule.may_use.iter().any(|room| used.starts_with(room)) {
                        broken.push(format!("{}: {} may not use crate::{}", place(), rule.room, path_head(used)));
                    }
                }
                for name in rule.must_not_name.iter().filter(|name| names(line, name)) {
                    broken.push(format!("{}: {} must not name {name}", place(), rule.room));
                }
            }
        }
    }
    assert!(broken.is_empty(), "import rules broken:\n{}", broken.join("\n"));
}

#[test]
fn nobody_imports_actors_but_the_engine_the_administration_and_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed = ["actors", "engine", "admin", "cli", "main.rs", "lib.rs"];
    let broken: Vec<_> = rust_files(&root)
        .into_iter()
        .filter(|file| {
            let inside = file.strip_prefix(&root).unwrap_or(file);
            !allowed.iter().any(|room| inside.starts_with(room))
                && fs::read_to_string(file).expect("source is readable").contains("crate::actors")
        })
        .collect();
    assert!(broken.is_empty(), "these import actors: {broken:?}");
}

/// Every licence in the dependency tree is one that deny.toml allows.
#[test]
fn dependencies_have_allowed_licences() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deny: toml_edit::DocumentMut =
        fs::read_to_string(root.join("deny.toml")).expect("deny.toml is there").parse().expect("deny.toml is TOML");
    let allowed: Vec<&str> = deny["licenses"]["allow"]
        .as_array()
        .expect("licenses.allow is a list")
        .iter()
        .filter_map(|value| value.as_str())
        .collect();
    let clarified = |name: &str| {
        let entries = deny["licenses"].get("clarify").and_then(|item| item.as_array_of_tables());
        let entry = entries.into_iter().flatten().find(|entry| entry["crate"].as_str() == Some(name));
        entry.and_then(|entry| entry["expression"].as_str()).map(str::to_owned)
    };

    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    assert!(packages.len() > 50, "the whole tree is looked at");
    let broken: Vec<String> = packages
        .iter()
        .filter_map(|package| {
            let name = package["name"].as_str().unwrap_or_default();
            let licence = clarified(name).or_else(|| package["license"].as_str().map(str::to_owned));
            match licence {
                Some(licence) if satisfied(&licence, &allowed) => None,
                licence => Some(format!("{name}: {}", licence.as_deref().unwrap_or("no licence stated"))),
            }
        })
        .collect();
    assert!(broken.is_empty(), "not allowed by deny.toml:\n{}", broken.join("\n"));
}

/// True when an SPDX expression can be met with the allowed licences. OR binds weaker than AND; `/` is the old OR.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // parentheses in real trees only group ORs inside ANDs; read as AND of ORs where both occur
    let all_of = |text: &str| text.split(" AND ").all(|part| allowed.contains(&part.trim()));
    let any_of = |text: &str| text.split(" OR ").any(|part| allowed.contains(&part.trim()));
    expression.split(" OR ").any(all_of) || expression.split(" AND ").all(any_of)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The files of a room that are not modules declared behind `#[cfg(test)]`, nor below one.
fn production_files(room: &Path) -> Vec<PathBuf> {
    let mut files = rust_files(room);
    let test_modules: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("source is readable");
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let behind_cfg = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
            let modules = behind_cfg.filter_map(|pair| {
                let declared = pair[1].trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
                Some(declared.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
            });
            modules.collect::<Vec<_>>()
        })
        .collect();
    files.retain(|file| {
        let inside = file.strip_prefix(room).unwrap_or(file).with_extension("");
        !inside.iter().any(|part| test_modules.iter().any(|module| part == module.as_str()))
    });
    files
}

/// The file without the items behind `#[cfg(test)]`: each ends with a `;` or with the brace that closes it, whichever
/// comes first at the indentation of its attribute. Lines keep their numbers.
fn production_code(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        kept.push(line);
        if line.trim() != "#[cfg(test)]" {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let ends = |line: &str| {
            let item = line.strip_prefix(indentation).filter(|item| !item.starts_with(' '));
            item.is_some_and(|item| item.starts_with('}') || item.ends_with(';') || item.ends_with("},"))
        };
        for line in lines.by_ref() {
            kept.push("");
            if ends(line) {
                break;
            }
        }
    }
    kept.join("\n")
}

#[test]
fn what_is_behind_cfg_test_is_passed_over_and_nothing_else() {
    let text = "use a;\n#[cfg(test)]\nmod tests;\nuse b;\n    #[cfg(test)]\n    fn c() {\n        d();\n    }\nuse e;\n#[cfg(test)]\nmod f {\n    use g;\n}\nuse h;";
    let code = production_code(text);
    let left: Vec<&str> = code.lines().filter(|line| line.starts_with("use")).collect();
    assert_eq!(left, ["use a;", "use b;", "use e;", "use h;"]);
    assert!(!code.contains("d();") && !code.contains("use g;"));
    assert_eq!(code.lines().count(), text.lines().count());
}

/// True when `line` names `name` as a path or identifier, not as the tail of a longer one.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn path_head(path: &str) -> &str {
    path.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().unwrap_or(path)
}
