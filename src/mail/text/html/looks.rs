//! Whether a reader would see a text: display, size, colour on colour.
//!
//! Best effort, from attributes and `style` alone: style sheets are not read. In doubt
//! a text is seen.

use super::token::Tag;

/// Elements whose content is markup, but not for the reader.
const UNSEEN: [&str; 9] = [
    "template", "svg", "math", "select", "datalist", "audio", "video", "canvas", "object",
];
/// How text looks; inherited by what is inside.
#[derive(Clone)]
pub(super) struct Looks {
    colour: String,
    /// None: a picture or something else nobody can compare with.
    behind: Option<String>,
    is_tiny: bool,
    is_invisible: bool,
}

impl Default for Looks {
    fn default() -> Looks {
        Looks {
            colour: "#000000".into(),
            behind: Some("#ffffff".into()),
            is_tiny: false,
            is_invisible: false,
        }
    }
}

impl Looks {
    pub(super) fn is_seen(&self) -> bool {
        !self.is_tiny && !self.is_invisible && self.behind.as_ref() != Some(&self.colour)
    }

    pub(super) fn within(&self, tag: &Tag, style: &[(String, String)]) -> Looks {
        let mut looks = self.clone();
        if let Some(colour) = tag.get("color").and_then(colour) {
            looks.colour = colour;
        }
        if let Some(behind) = tag.get("bgcolor") {
            looks.behind = colour(behind);
        }
        if tag.get("background").is_some() {
            looks.behind = None;
        }
        for (key, value) in style {
            match key.as_str() {
                "color" if is_clear(value) => {
                    looks.colour = looks.behind.clone().unwrap_or_default()
                }
                "color" => looks.colour = colour(value).unwrap_or_else(|| "?".into()),
                "background-color" | "background" if value != "transparent" && value != "none" => {
                    looks.behind = colour(value);
                }
                "background-image" if value != "none" => looks.behind = None,
                "font-size" => looks.is_tiny = is_zero(value),
                "visibility" => looks.is_invisible = value == "hidden" || value == "collapse",
                _ => {}
            }
        }
        looks
    }
}

/// A colour as `#rrggbb`; None for what is not worth knowing.
fn colour(value: &str) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    if let Some(hex) = value
        .strip_prefix('#')
        .filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return match hex.len() {
            3 => Some(
                hex.chars()
                    .fold("#".into(), |all, c| format!("{all}{c}{c}")),
            ),
            6 => Some(value),
            _ => None,
        };
    }
    if let Some(inside) = value.strip_prefix("rgb(").and_then(|v| v.strip_suffix(')')) {
        let parts: Option<Vec<u8>> = inside.split(',').map(|n| n.trim().parse().ok()).collect();
        return parts
            .filter(|p| p.len() == 3)
            .map(|p| format!("#{:02x}{:02x}{:02x}", p[0], p[1], p[2]));
    }
    match value.as_str() {
        "white" => Some("#ffffff".into()),
        "black" => Some("#000000".into()),
        "red" => Some("#ff0000".into()),
        name if name.bytes().all(|b| b.is_ascii_alphabetic()) && name != "transparent" => {
            Some(value)
        }
        _ => None,
    }
}

/// `0`, `0px`, `0.0em`; also `1px`, which nobody reads.
fn is_zero(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number
        .parse::<f32>()
        .is_ok_and(|n| n == 0.0 || n <= 1.0 && value.ends_with("px"))
}

/// `transparent`, or an alpha of 0.
fn is_clear(value: &str) -> bool {
    let alpha = || {
        value
            .strip_prefix("rgba(")?
            .strip_suffix(')')?
            .rsplit(',')
            .next()
    };
    value == "transparent" || alpha().is_some_and(|alpha| alpha.trim().parse() == Ok(0.0_f32))
}

/// `-9999px`: out of the page.
fn is_far(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    number.parse::<f32>().is_ok_and(|n| n <= -500.0)
}

/// Whether neither the element nor anything inside it is shown.
pub(super) fn is_gone(tag: &Tag, style: &[(String, String)]) -> bool {
    let is = |key: &str, wanted: fn(&str) -> bool| style.iter().any(|(k, v)| k == key && wanted(v));
    let clips = is("overflow", |v| v == "hidden");
    UNSEEN.contains(&tag.name.as_str())
        || tag.get("hidden").is_some()
        || is("display", |v| v == "none")
        || is("opacity", is_zero)
        || is("mso-hide", |v| v == "all")
        || is("text-indent", is_far)
        || is("position", |v| v == "absolute" || v == "fixed")
            && (is("left", is_far) || is("top", is_far))
        || clips
            && ["height", "max-height", "width", "max-width"]
                .iter()
                .any(|key| is(key, is_zero))
}
