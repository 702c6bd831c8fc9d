//! The table of layers in `src/lib.rs` holds: a module uses only what is below it.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer; a longer path wins over a shorter one.
const LAYERS: [(&str, u8); 25] = [
    ("sms", 0),
    ("world", 0),
    ("secret", 0),
    ("live", 0),
    ("pace", 0),
    ("wire", 1),
    ("mail", 1),
    ("rules", 1),
    ("access", 1),
    ("route", 1),
    ("phonebook", 1),
    ("mail::inject", 2),
    ("store", 2),
    ("gateway", 2),
    ("directory", 2),
    ("outbound", 3),
    ("inbound", 3),
    ("milter", 4),
    ("web", 4),
    ("control", 4),
    ("cli", 4),
    ("config", 5),
    ("logging", 5),
    ("assembly", 5),
    ("lib", 5),
];

/// What may use more than its layer, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    // The commands read the configuration; nobody else does.
    ("cli", "config"),
    // `run` and the desk without a daemon are the assembly's.
    ("cli", "assembly"),
];

fn layer(module: &str) -> Option<u8> {
    let inside = |name: &str| module == name || module.starts_with(&format!("{name}::"));
    let matching = LAYERS.iter().filter(|(name, _)| inside(name));
    matching
        .max_by_key(|(name, _)| name.len())
        .map(|(_, layer)| *layer)
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir)
        .expect("src")
        .map(|e| e.expect("entry").path())
    {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs")
            && entry.file_stem().is_none_or(|stem| stem != "tests")
        {
            found.push(entry);
        }
    }
}

fn module_of(file: &Path) -> String {
    let text = file.with_extension("").to_string_lossy().replace('/', "::");
    text.trim_end_matches("::mod").to_owned()
}

/// A file without its tests and comments; tests in files of their own are not looked at.
fn code_of(source: &str) -> String {
    let code = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or("");
    let lines = code.lines().filter(|l| !l.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// `crate::a::b` in a file, `use` or not.
fn used(source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let path: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
            .collect();
        if path.is_empty() && rest.starts_with('{') {
            let list = rest[1..].split('}').next().unwrap_or("");
            let firsts = list
                .split(',')
                .map(|item| item.trim().split("::").next().unwrap_or(""));
            found.extend(firsts.filter(|f| !f.is_empty()).map(str::to_owned));
        } else {
            found.push(path.trim_end_matches(':').to_owned());
        }
    }
    found
}

#[test]
fn every_module_uses_only_what_is_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(
        files.len() > 30,
        "the walk found only {} files",
        files.len()
    );
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(file.strip_prefix(&root).expect("below src"));
        if module == "main" || module == "lib" {
            continue;
        }
        let own =
            layer(&module).unwrap_or_else(|| panic!("{module} has no layer: put it into LAYERS"));
        let top = |m: &str| m.split("::").next().unwrap_or("").to_owned();
        for path in used(&fs::read_to_string(&file).expect("source")) {
            let Some(theirs) = layer(&path) else { continue };
            let excepted = EXCEPTIONS
                .iter()
                .any(|(who, what)| top(&module) == *who && top(&path) == *what);
            if theirs > own && !excepted {
                wrong.push(format!(
                    "{module} (layer {own}) uses {path} (layer {theirs})"
                ));
            }
            let beside = own == 2 && theirs == 2 && top(&module) != top(&path);
            if beside && top(&module) == "store" {
                wrong.push(format!(
                    "{module} knows {path}: a store knows nothing of gateways or mail"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cores_have_no_clock_and_no_runtime() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let module = module_of(file.strip_prefix(&root).expect("below src"));
        if layer(&module).is_none_or(|layer| layer > 1) || module == "world" {
            continue;
        }
        let source = fs::read_to_string(&file).expect("source");
        let code = code_of(&source);
        for word in [
            "tokio::",
            "Timestamp::now(",
            "Instant::now(",
            "SystemTime::now(",
            "std::fs",
            "std::net::Tcp",
        ] {
            if code.contains(word) {
                wrong.push(format!("{module} uses {word}"));
            }
        }
        if module.starts_with("sms") && code.contains("serde") {
            wrong.push(format!("{module} uses serde"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
