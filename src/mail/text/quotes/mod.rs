//! The answered mail and the signature, told from what was written now.
//!
//! Line by line: where the history begins (an attribution with its quote, an
//! `Original Message` line, a block of From:/Sent:/To:), where a forwarded mail
//! begins (kept: it is what the sender wants sent), where the signature begins.
//! Never returns nothing: when all of it is quoted, all of it is the text.
//! Answers between quotes stay with their quotes. Linear: a line is looked at with
//! at most two that follow.

mod languages;

use std::sync::LazyLock;

use regex::Regex;

use languages::{DEVICES, LANGUAGES, Language};

/// Which parts go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Strip {
    pub quotes: bool,
    pub signature: bool,
}

/// Lines an attribution may be spread over; Gmail and Outlook fold at 76 letters.
const MAX_ATTRIBUTION_LINES: usize = 3;
/// Letters of one such line: what is longer is a paragraph.
const MAX_ATTRIBUTION: usize = 300;
/// Octets of a field's line; more addresses than anyone reads.
const MAX_FIELD: usize = 2_000;
/// Lines of a signature whose mark lost its blank (`--`): more of them are text.
const MAX_BARE_SIGNATURE: usize = 10;

/// Octets of a text in which marks are looked for. The longest message is 20 KiB: what begins later is cut anyway.
const MAX_LOOKED_AT: usize = 32 << 10;
/// Letters of what a phone writes below a mail, without its link: what is longer was written by a person.
const MAX_MOBILE: usize = 90;

fn pattern(text: &str) -> Regex {
    // Constant patterns; the tests compile every one.
    Regex::new(text).expect("a pattern of this file")
}

/// What all languages say in one place, as alternatives.
fn all(words: fn(&Language) -> &'static str) -> String {
    let all = LANGUAGES.iter().map(words);
    let said: Vec<&str> = all.filter(|words| !words.is_empty()).collect();
    said.join("|")
}

static ATTRIBUTION: LazyLock<Regex> = LazyLock::new(|| {
    let all: Vec<&str> = LANGUAGES
        .iter()
        .flat_map(|l| l.attributions)
        .copied()
        .collect();
    pattern(&format!(r"^(?:{})\s?[:：]$", all.join("|")))
});
static ORIGINAL: LazyLock<Regex> = LazyLock::new(|| {
    let originals = all(|l| l.originals);
    // The second is Lotus Notes': `Ann Smith---05.01.2026 10:00:00---Can we meet`.
    pattern(&format!(
        r"(?i)^\s*(?:[-_*]{{2,}}\s*(?:{originals})\s*:?\s*[-_*]{{2,}}|\S.*\s?---\s?\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{2,4}}\s.+---.*)\s*$"
    ))
});
static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    let (forwards, begins) = (all(|l| l.forwards), all(|l| l.begins));
    pattern(&format!(
        r"(?i)^\s*(?:-{{2,}}\s*(?:{forwards})\s*:?\s*-{{2,}}|(?:{begins})\s?[:：])\s*$"
    ))
});
/// A quoted mail's first field.
static FROM_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let (from, sent) = (all(|l| l.from), all(|l| l.sent));
    pattern(&format!(r"^\s*\*?(?:{from}|{sent})\s?[:：]\*?\s*\S"))
});
static OTHER_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    let (from, fields) = (all(|l| l.from), all(|l| l.fields));
    pattern(&format!(
        r"^\s*\*?(?:{from}|{fields})\s?[:：]\*?(?:\s|$|\S)"
    ))
});
/// An address or a time of day: what an attribution has and prose seldom.
static EVIDENCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\S@\S|\d{1,2}[:.h]\d{2}"));
static MOBILE: LazyLock<Regex> = LazyLock::new(|| {
    let all: Vec<&str> = LANGUAGES.iter().flat_map(|l| l.mobile).copied().collect();
    let words = r"(?:[^.!?。]|\.(?:ru|de|com|net)\b|\(https?://[^\s()]*\))*";
    let all = all
        .join("|")
        .replace("{D}", &format!("(?:{DEVICES})"))
        .replace("{W}", words);
    let link = r"(?:\s*[<\[(]?https?://[^\s<>]+[>\])]?)?";
    // Sentences that programs add to it: K-9, Samsung.
    let more = r"(?:\.\s(?:Please excuse|Bitte entschuldigen|Veuillez excuser|Por favor, disculpa|Excuse)[^.!?]*)?";
    pattern(&format!(
        r"(?i)^\s*[-—_*]?\s*(?:{all})[’']?\w{{0,4}}{link}{more}[.。]?{link}\s*$"
    ))
});
static FORWARD_SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(?:fwd?|wg|tr|rv|i|enc|doorst|vs|vb|vl|pd|ilt|i̇lt|továbbítás|tov|πρθ|пересл|转发|轉寄|転送|전달|dimajukan|trs)\s*[:：]",
    )
});

/// Whether the subject says that the mail is passed on.
pub(super) fn is_forward(subject: &str) -> bool {
    FORWARD_SUBJECT.is_match(subject)
}

/// `VS:` is passed on in Danish and Norwegian, and an answer in Finnish.
fn is_finnish_answer(subject: &str, text: &str) -> bool {
    let subject = subject.trim_start().get(..3);
    subject.is_some_and(|start| start.eq_ignore_ascii_case("vs:"))
        && ["Lähettäjä:", "kirjoitti"]
            .iter()
            .any(|word| text.contains(word))
}

/// Whether a mail that is passed on begins in the first lines of a text.
pub(super) fn begins_forward(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next().is_some_and(|line| FORWARD.is_match(line))
}

/// The text without history and signature. `subject` tells a forwarded mail, whose
/// history is what the sender wants sent.
pub(super) fn strip(text: &str, what: Strip, subject: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let quotes = what.quotes && (!is_forward(subject) || is_finnish_answer(subject, text));
    unquote_forward(&mut lines);
    if quotes {
        drop_history(&mut lines);
    }
    if what.signature {
        drop_signature(&mut lines);
        drop_mobile(&mut lines);
    }
    if quotes {
        drop_quoted_end(&mut lines);
        if what.signature {
            drop_mobile(&mut lines);
        }
    }
    if lines.iter().any(|line| !is_blank(line)) {
        return lines.join("\n");
    }
    // All of it is quoted or signed: that is what there is. But a phone's word for itself says nothing.
    let mut lines: Vec<&str> = text.lines().collect();
    if what.signature {
        drop_mobile(&mut lines);
    }
    lines.join("\n")
}

/// Whether a text is empty but for a phone's word for itself.
pub(super) fn says_nothing(text: &str, what: Strip) -> bool {
    let is_nothing = |line: &str| is_blank(line) || is_signature_line(line) || is_mobile(line);
    what.signature && text.lines().all(|line| is_nothing(line.trim_end()))
}

/// Apple quotes what it passes on: one level of that goes, since nothing else is there.
fn unquote_forward(lines: &mut [&str]) {
    let mut near = lines_looked_at(lines);
    let Some(mark) = near.find(|n| FORWARD.is_match(lines[*n])) else {
        return;
    };
    let below = &mut lines[mark + 1..];
    if below.iter().all(|line| is_quoted(line) || is_blank(line)) {
        for line in below {
            let bare = line.strip_prefix('>').unwrap_or(line);
            *line = bare.strip_prefix(' ').unwrap_or(bare);
        }
    }
}

/// The lines in which marks are looked for.
fn lines_looked_at(lines: &[&str]) -> std::ops::Range<usize> {
    let mut octets = 0;
    let is_near = |line: &&&str| {
        octets += line.len() + 1;
        octets <= MAX_LOOKED_AT
    };
    0..lines.iter().take_while(is_near).count()
}

/// `Sent from my iPhone` and the like at the end of what was written now, with the rule above it.
fn drop_mobile(lines: &mut Vec<&str>) {
    let end = lines_looked_at(lines)
        .find(|n| matches!(mark(&lines[*n..]), Some(Mark::Forwarded | Mark::History)))
        .unwrap_or(lines.len());
    let mut keep = end;
    loop {
        let above = lines[..keep].iter().rposition(|line| !is_blank(line));
        let Some(last) = above.filter(|last| is_mobile(lines[*last])) else {
            break;
        };
        keep = last;
        let rule = lines[..keep].iter().rposition(|line| !is_blank(line));
        if let Some(rule) =
            rule.filter(|rule| is_rule(lines[*rule]) || is_signature_line(lines[*rule]))
        {
            keep = rule;
        }
    }
    if keep < end {
        // A blank line stays between a text and the mail passed on below it.
        lines.splice(keep..end, [""]);
    }
}

fn is_mobile(line: &str) -> bool {
    let words = line.split("http").next().unwrap_or_default();
    let is_short = words.chars().nth(MAX_MOBILE).is_none() && line.len() <= MAX_FIELD;
    is_short && MOBILE.is_match(line)
}

/// What begins at a line.
enum Mark {
    /// The rest is history; nothing quoted need follow.
    History,
    /// An attribution of so many lines.
    Attribution(usize),
    /// The rest is passed on, and stays.
    Forwarded,
}

fn mark(lines: &[&str]) -> Option<Mark> {
    let line = lines.first().filter(|line| !is_blank(line))?;
    // Every mark but an attribution has a rule or a colon: most lines of most mails have neither.
    if !line.contains([':', '：'])
        && !line.contains("---")
        && !line.trim_start().starts_with(['-', '_', '*'])
    {
        return attribution(lines).map(Mark::Attribution);
    }
    if FORWARD.is_match(line) {
        return Some(Mark::Forwarded);
    }
    if ORIGINAL.is_match(line) || is_field_block(lines) {
        return Some(Mark::History);
    }
    attribution(lines).map(Mark::Attribution)
}

/// `From:` and at least two more fields right below, Outlook's way.
fn is_field_block(lines: &[&str]) -> bool {
    let is_other = |line: &&&str| line.len() <= MAX_FIELD && OTHER_FIELD.is_match(line);
    lines[0].len() <= MAX_FIELD
        && FROM_FIELD.is_match(lines[0])
        && lines[1..].iter().take(2).filter(is_other).count() == 2
}

/// How many lines the attribution here has.
fn attribution(lines: &[&str]) -> Option<usize> {
    let mut near = lines.iter().take(MAX_ATTRIBUTION_LINES);
    if !near.any(|line| line.trim_end().ends_with([':', '：'])) {
        return None;
    }
    let mut joined = String::new();
    for (n, line) in lines.iter().take(MAX_ATTRIBUTION_LINES).enumerate() {
        let line = line.trim();
        if line.is_empty() || line.len() > MAX_ATTRIBUTION || is_quoted(line) {
            return None;
        }
        if n > 0 {
            joined.push(' ');
        }
        joined.push_str(line);
        if line.ends_with([':', '：']) && ATTRIBUTION.is_match(&joined) {
            // What begins with a name or a date would take the last line of the text with it.
            let begins_later = (1..=n).any(|first| {
                let rest: Vec<&str> = lines[first..=n].iter().map(|line| line.trim()).collect();
                ATTRIBUTION.is_match(&rest.join(" "))
            });
            return (!begins_later).then_some(n + 1);
        }
    }
    None
}

fn is_quoted(line: &str) -> bool {
    line.starts_with('>')
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

fn drop_history(lines: &mut Vec<&str>) {
    let mut at = 0;
    let end_of_looks = lines_looked_at(lines).end;
    while at < end_of_looks {
        match mark(&lines[at..]) {
            None => at += 1,
            Some(Mark::Forwarded) => return,
            Some(Mark::History) => return cut_above(lines, at),
            Some(Mark::Attribution(length)) => {
                let quote = at + length;
                let begin = quote + lines[quote..].iter().take_while(|l| is_blank(l)).count();
                let end = begin
                    + lines[begin..]
                        .iter()
                        .take_while(|l| is_quoted(l) || is_blank(l))
                        .count();
                let is_quote = lines.get(begin).is_some_and(|l| is_quoted(l));
                // What a signature or a list's footer adds is no answer.
                let goes_on = lines
                    .get(end)
                    .is_some_and(|l| !is_signature_line(l) && !is_rule(l) && !is_mobile(l));
                if is_quote && goes_on {
                    let is_first = lines[..at].iter().all(|l| is_blank(l));
                    let quotes_more = lines[end..].iter().any(|l| is_quoted(l));
                    if is_first && !quotes_more {
                        // The answer stands below all that it answers.
                        lines.drain(..end);
                        return;
                    }
                    at = end;
                } else if is_quote
                    || begin == lines.len()
                    || EVIDENCE.is_match(&lines[at..quote].join(" "))
                {
                    return cut_above(lines, at);
                } else {
                    at = quote;
                }
            }
        }
    }
}

/// Cuts from a line on, with the rule (`____`) above it; a signature below the quote
/// goes with the quote.
fn cut_above(lines: &mut Vec<&str>, at: usize) {
    lines.truncate(at);
    while lines
        .last()
        .is_some_and(|line| is_blank(line) || is_rule(line))
    {
        lines.pop();
    }
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 5 && line.chars().all(|c| matches!(c, '_' | '-' | '='))
}

/// Quoted lines at the end that nothing introduces.
fn drop_quoted_end(lines: &mut Vec<&str>) {
    let keep = lines
        .iter()
        .rposition(|line| !is_quoted(line) && !is_blank(line))
        .map_or(0, |n| n + 1);
    lines.truncate(keep);
}

/// RFC 3676 §4.3; many programs lose the blank.
fn is_signature_line(line: &str) -> bool {
    line == "-- " || line == "--"
}

fn drop_signature(lines: &mut Vec<&str>) {
    let mut at = 0;
    let end_of_looks = lines_looked_at(lines).end;
    while at < end_of_looks {
        if is_signature_line(lines[at]) {
            let rest = &lines[at + 1..];
            // A forwarded or quoted mail below the signature is not a part of it.
            // Bounded for `--`, so that many of them cost no more than one.
            let limit = if lines[at] == "-- " {
                rest.len()
            } else {
                rest.len().min(MAX_BARE_SIGNATURE + 1)
            };
            let length = (0..limit)
                .find(|n| is_quoted(rest[*n]) || mark(&rest[*n..]).is_some())
                .unwrap_or(limit);
            if lines[at] == "-- " || length <= MAX_BARE_SIGNATURE {
                lines.drain(at..=at + length);
                return;
            }
        }
        if matches!(mark(&lines[at..]), Some(Mark::Forwarded)) {
            return;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: Strip = Strip {
        quotes: true,
        signature: true,
    };

    fn check(text: &str, expected: &str) {
        assert_eq!(strip(text, BOTH, "Re: x").trim(), expected, "{text}");
    }

    #[test]
    fn quoted_tails() {
        for attribution in [
            "On Mon, Jan 5, 2026 at 10:00 AM Ann Smith <ann@example.com> wrote:",
            "On Mon, Jan 5, 2026 at 10:00 AM Ann Smith\n<ann@example.com> wrote:",
            "On Mon, Jan 5, 2026,\nAnn Smith\nwrote:",
            "Am Mo., 5. Jan. 2026 um 10:00 Uhr schrieb Ann <ann@example.com>:",
            "Am 05.01.2026 um 10:00 schrieb Ann:",
            "Le lun. 5 janv. 2026 à 10:00, Ann <ann@example.com> a écrit :",
            "El lun, 5 ene 2026 a las 10:00, Ann (<ann@example.com>) escribió:",
            "Il giorno lun 5 gen 2026 alle ore 10:00 Ann <ann@example.com>\nha scritto:",
            "Op ma 5 jan 2026 om 10:00 schreef Ann <ann@example.com>:",
            "Dne 5. 1. 2026 v 10:00 Jan Novák napsal(a):",
            "po 5. 1. 2026 v 10:00 odesílatel Jan <jan@example.cz> napsal:",
            "W dniu 5.01.2026 o 10:00 Ann pisze, napisał:",
            "Em seg., 5 de jan. de 2026 às 10:00, Ann <a@b> escreveu:",
            "Den mån 5 jan. 2026 kl 10:00 skrev Ann <ann@example.com>:",
            "Ann Smith <ann@example.com> wrote:",
            "Quoting Ann <ann@example.com>:",
        ] {
            check(
                &format!("Yes.\n\n{attribution}\n\n> Coming?\n>\n> Ann\n"),
                "Yes.",
            );
            check(&format!("Yes.\n\n{attribution}"), "Yes.");
            check(&format!("{attribution}\n> Coming?\n\nYes."), "Yes.");
        }
        check("Yes.\n> Coming?\n\n", "Yes.");
        check("Yes.\n\nOn 5 Jan 2026 10:00, Ann wrote:\nComing?", "Yes.");
    }

    #[test]
    fn original_messages() {
        check(
            "Yes.\n\n-----Original Message-----\nFrom: Ann\nSent: x\n\nComing?",
            "Yes.",
        );
        check(
            "Ja.\n\n-------- Ursprüngliche Nachricht --------\nVon: Ann\nKommst du?",
            "Ja.",
        );
        check(
            "Yes.\n________________________________\nFrom: Ann <a@b>\nSent: Monday\nTo: Bob\nSubject: x\n\nComing?",
            "Yes.",
        );
        check(
            "Oui.\n\nDe : Ann\nEnvoyé : lundi\nÀ : Bob\nObjet : x\n\nTu viens ?",
            "Oui.",
        );
        check(
            "Yes.\n\n*From:* Ann\n*Sent:* Monday\n*To:* Bob\n\nComing?",
            "Yes.",
        );
    }

    #[test]
    fn what_stays() {
        for text in [
            "From: the house\nto the garden",
            "From: Ann\nTo: Bob",
            "On Monday Bob wrote:\na good text",
            "On 5 Jan Ann wrote:\n> One?\nYes.\n> Two?\nNo.",
            "> only quoted",
            "-----Original Message-----\nFrom: Ann",
            "-- \nonly a signature",
            "one -- two\n--\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11",
            "FYI\n---------- Forwarded message ---------\nFrom: Ann\nDate: x\nSubject: y\nTo: z\n\nOn fire!",
            "Begin forwarded message:\n\nFrom: Ann\nDate: x\nTo: y\n\nOn fire!",
        ] {
            check(text, text);
        }
        let forward = "FYI\n\nFrom: Ann\nSent: x\nTo: y\n\nOn fire!";
        assert_eq!(strip(forward, BOTH, "FW: x"), forward);
        assert_eq!(strip(forward, BOTH, "Re: FW: x"), "FYI");
    }

    #[test]
    fn signatures() {
        check("Hi\n-- \nAnn\nACME", "Hi");
        check("Hi\n--\nAnn\n\nOn 5 Jan 10:00 Bob wrote:\n> x", "Hi");
        check("On 5 Jan 10:00 Bob wrote:\n> x\n\nHi\n-- \nAnn", "Hi");
        check(
            "FYI\n-- \nAnn\n\n---------- Forwarded message ---------\nOn fire!",
            "FYI\n---------- Forwarded message ---------\nOn fire!",
        );
        let text = "Hi\n-- \nAnn\n> quoted";
        assert_eq!(
            strip(
                text,
                Strip {
                    quotes: false,
                    signature: true
                },
                ""
            ),
            "Hi\n> quoted"
        );
        assert_eq!(
            strip(
                text,
                Strip {
                    quotes: true,
                    signature: false
                },
                ""
            ),
            "Hi\n-- \nAnn"
        );
        assert_eq!(
            strip(
                text,
                Strip {
                    quotes: false,
                    signature: false
                },
                ""
            ),
            text
        );
    }

    #[test]
    fn mobile_signatures() {
        for line in [
            "Sent from my iPhone",
            "Sent from my Verizon, Samsung Galaxy smartphone",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Sent from Outlook for Android",
            "Sent from Mail for Windows",
            "Von meinem iPhone gesendet",
            "Gesendet von Outlook für iOS",
            "Von meinem/meiner Galaxy gesendet",
            "Gesendet mit der GMX Mail App",
            "Envoyé de mon iPhone",
            "Télécharger Outlook pour iOS",
            "Enviado desde mi iPad",
            "Descargar Outlook para Android",
            "Inviato da iPhone",
            "Ottieni Outlook per iOS",
            "Enviado do meu iPhone",
            "Obter o Outlook para iOS",
            "Verstuurd vanaf mijn iPhone",
            "Outlook voor iOS downloaden",
            "Wysłane z iPhone’a",
            "Pobierz aplikację Outlook dla systemu iOS",
            "Odesláno z iPhonu",
            "Získat Outlook pro iOS",
            "Odoslané z iPhonu",
            "Skickat från min iPhone",
            "Hämta Outlook för Android",
            "Sendt fra min iPhone",
            "Hent Outlook til iOS",
            "Få Outlook for iOS",
            "Lähetetty iPhonesta",
            "Hanki Outlook for iOS",
            "Отправлено с iPhone",
            "Надіслано з iPhone",
            "iPhone’umdan gönderildi",
            "Az iPhone-omról küldve",
            "Trimis de pe iPhone-ul meu",
            "Στάλθηκε από το iPhone μου",
            "iPhoneから送信",
            "发自我的iPhone",
            "從我的 iPhone 傳送",
            "获取 Outlook for iOS",
            "나의 iPhone에서 보냄",
            "내 Galaxy에서 보냄",
            "Dihantar daripada iPhone saya",
            "Dikirim dari iPhone saya",
            "Đã gửi từ iPhone của tôi",
        ] {
            check(&format!("Hi\n\n{line}"), "Hi");
            check(
                &format!("Hi\n\n--\n{line}.\n\nOn 5 Jan 10:00 Bob wrote:\n> x"),
                "Hi",
            );
            assert_eq!(strip(line, BOTH, ""), "", "{line}");
            assert_eq!(strip(line, Strip::default(), ""), line);
        }
        check(
            "FYI\n\nSent from my iPhone\n\nBegin forwarded message:\n\n> From: Bob\n>\n> On fire!",
            "FYI\n\n\nBegin forwarded message:\n\nFrom: Bob\n\nOn fire!",
        );
        for text in [
            "Sent from the office with love",
            "Sent from my iPhone\nwhich I like",
            "The parcel was sent from Rome",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn every_language_is_whole() {
        for language in LANGUAGES.iter().filter(|l| l.code != "any") {
            let Language {
                code,
                attributions,
                originals,
                forwards,
                begins,
                from,
                sent,
                fields,
                mobile,
            } = language;
            let said = [originals, forwards, begins, from, sent, fields];
            assert!(
                said.iter().all(|words| !words.is_empty())
                    && !attributions.is_empty()
                    && !mobile.is_empty(),
                "{code}"
            );
        }
    }

    proptest! {
            #[test]
            fn new_text_stays(new in "[a-z]{3,9}( [a-z]{3,9}){0,6}", history in prop::sample::select(&[
                "On Mon, Jan 5, 2026 at 10:00 AM Ann <ann@example.com> wrote:\n\n> old",
                "-----Original Message-----\nFrom: Ann\n\nold", "From: Ann\nSent: x\nTo: y\nSubject: z\n\nold",
                "5 янв. 2026 г., в 09:58, Борис <bob@example.com> написал(а):\n\n> old", "> old", "-- \nAnn\nold",
                "Sent from my iPhone", "Von meinem iPhone gesendet\n\nAm 05.01.2026 um 10:00 schrieb Ann <a@b.c>:\n\n> old",
            ][..]), between in prop::sample::select(&["\n", "\n\n", "\r\n\r\n"][..])) {
    let left = strip(&format!("{new}{between}{history}\n"), BOTH, "Re: x");
                prop_assert_eq!(left.trim(), new);
            }

            #[test]
            fn never_nothing(text in "(?s)(> ?|-- |On |wrote:|From: a|To: b|\n|[a-z@ ]){0,30}", quotes: bool, signature: bool) {
                let left = strip(&text, Strip { quotes, signature }, "");
                prop_assert_eq!(left.trim().is_empty(), text.trim().is_empty());
            }
        }
}
