//! Where a key belongs that stands at the top and is not known there: mostly it was not indented.
//!
//! The shape of the configuration is asked itself, by reading documents that hold the key and nothing else.

use super::raw;

/// Places that are named; a key of more, as `id`, says nothing of what was meant.
const MAX_PLACES: usize = 3;

/// Sections within sections: `queue.retry`.
const MAX_DEPTH: usize = 2;

/// No key is called so.
const NOBODY: &str = "no such key";

/// What to say of `field`, when it is a key of sections below the top.
pub(super) fn belongs(field: &str, sections: &[&str]) -> Option<String> {
    let mut places = Vec::new();
    for section in sections {
        search(field, section, "{ KEY: null }", 1, &mut places);
    }
    let (last, others) = places.split_last()?;
    if places.len() > MAX_PLACES {
        return None;
    }
    let place = match others {
        [] => last.clone(),
        others => format!("{} or {last}", others.join(", ")),
    };
    Some(format!("belongs below {place}: indent it"))
}

/// Looks in a section, which is called `path` and holds, between its braces or brackets, what `form` says.
fn search(field: &str, path: &str, form: &str, depth: usize, places: &mut Vec<String>) {
    for (path, form) in [
        (path.to_owned(), form.to_owned()),
        (
            format!("{path}[]"),
            form.replace("{ KEY: null }", "[{ KEY: null }]"),
        ),
    ] {
        // A section takes some keys; a map takes all, and a word none.
        let Some(known) = refused(&path, &form, NOBODY) else {
            continue;
        };
        if known.iter().any(|known| known == field) {
            places.push(path.replace("[]", ""));
        }
        if depth < MAX_DEPTH && !path.ends_with("[]") {
            for key in known {
                let form = form.replace("KEY: null", &format!("{key}: {{ KEY: null }}"));
                search(field, &format!("{path}.{key}"), &form, depth + 1, places);
            }
        }
        return;
    }
}

/// The keys that could stand there, when `key` cannot.
fn refused(path: &str, form: &str, key: &str) -> Option<Vec<String>> {
    let section = path.split(['.', '[']).next()?;
    let text = format!("{section}: {}", form.replace("KEY", key));
    let error = serde_yaml::from_str::<raw::Config>(&text)
        .err()?
        .to_string();
    let (_, known) = error.split_once(&format!("unknown field `{key}`, expected "))?;
    Some(
        known
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_key_belongs() {
        let sections = [
            "hostname", "milter", "queue", "access", "gateways", "web", "users", "text",
        ];
        let check = |field: &str, expected: Option<&str>| {
            let said = belongs(field, &sections);
            let expected = expected.map(|place| format!("belongs below {place}: indent it"));
            assert_eq!(said, expected, "{field}");
        };
        check("resubmission", Some("access"));
        check("warn_after", Some("queue"));
        check("factor", Some("queue.retry"));
        check("preset", Some("gateways"));
        check("listen", Some("milter or web"));
        check("public_url", Some("web"));
        check("nonsense", None);
    }
}
