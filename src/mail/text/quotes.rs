//! The answered mail and the signature, told from what was written now.
//!
//! Line by line: where the history begins (an attribution with its quote, an
//! `Original Message` line, a block of From:/Sent:/To:), where a forwarded mail
//! begins (kept: it is what the sender wants sent), where the signature begins.
//! Never returns nothing: when all of it is quoted, all of it is the text.
//! Answers between quotes stay with their quotes. Linear: a line is looked at with
//! at most two that follow.

use std::sync::LazyLock;

use regex::Regex;

/// Which parts go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    pub quotes: bool,
    pub signature: bool,
}

/// Lines an attribution may be spread over; Gmail and Outlook fold at 76 letters.
const MAX_ATTRIBUTION_LINES: usize = 3;
/// Letters of one such line: what is longer is a paragraph.
const MAX_ATTRIBUTION: usize = 300;
/// Lines of a signature whose mark lost its blank (`--`): more of them are text.
const MAX_BARE_SIGNATURE: usize = 10;

/// One line for each language: how mail programs introduce a quote.
const ATTRIBUTIONS: &[&str] = &[
    r"On\s.+\swrote\s?:",                                    // en
    r"Am\s.+\sschrieb(\s.*)?:",                              // de
    r".+\sschrieb am\s.+:",                                  // de, Outlook and GMX
    r"Le\s.+\sa écrit\s?:",                                  // fr
    r"El\s.+\sescribi[óo]\s?:",                              // es
    r"Il\s(giorno\s)?.+\sha scritto\s?:",                    // it
    r"Op\s.+\s(schreef|heeft)(\s.*)?:",                      // nl
    r"(Dne|po|út|st|čt|pá|so|ne)\s.+\snapsala?(\(a\))?\s?:", // cs
    r"(W dniu|Dnia)\s.+\snapisała?(\(a\))?\s?:",             // pl
    r"Em\s.+\sescreveu\s?:",                                 // pt
    r"Den\s.+\sskrev(\s.*)?:",                               // sv, da, no
    r".+\s<\S+@\S+>\s(wrote|schrieb|a écrit|escribió|ha scritto|schreef|napsal)\s?:",
    r"(Quoting|Zitat von|Citando|Citát)\s.+:", // Horde
];

/// How programs name the mail they answer, between dashes.
const ORIGINALS: &str = "Original Message|Original[ -]Nachricht|Ursprüngliche Nachricht|Message d['’]origine|\
    Message original|Mensaje original|Messaggio originale|Oorspronkelijk bericht|Původní zpráva|Původní e-mail|\
    Oryginalna wiadomość|Mensagem original|Ursprungligt meddelande|Oprindelig meddelelse|Opprinnelig melding";

/// How programs name the mail they forward.
const FORWARDS: &str = "Forwarded message|Forwarded by .*|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado|\
    Messaggio inoltrato|Doorgestuurd bericht|Přeposlaná zpráva|Treść przekazanej wiadomości|Mensagem encaminhada";

const FORWARDS_APPLE: &str = "Begin forwarded message|Anfang der weitergeleiteten Nachricht|Début du message transféré|\
    Inicio del mensaje reenviado|Inizio messaggio inoltrato|Begin doorgestuurd bericht|Začátek přeposlané zprávy";

const FROM: &str = "From|Von|De|Da|Van|Od|Fra|Från";
const OTHER_FIELDS: &str = "Sent|Date|To|Cc|Subject|Importance|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Enviado|Enviado el|\
    Fecha|Para|Asunto|Inviato|Data|A|Oggetto|Verzonden|Aan|Onderwerp|Odesláno|Komu|Kopie|Předmět|Wysłano|Do|DW|Temat|\
    Assunto|Skickat|Till|Ämne|Sendt|Til|Emne";

fn pattern(text: &str) -> Regex {
    // Constant patterns; the tests compile every one.
    Regex::new(text).expect("a pattern of this file")
}

static ATTRIBUTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!("^(?:{})$", ATTRIBUTIONS.join("|"))));
static ORIGINAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)^\s*[-_*]{{2,}}\s*(?:{ORIGINALS})\s*[-_*]{{2,}}\s*$"
    ))
});
static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)^\s*(?:-{{2,}}\s*(?:{FORWARDS})\s*-{{2,}}|(?:{FORWARDS_APPLE})\s?:)\s*$"
    ))
});
static FROM_FIELD: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^\s*\*?(?:{FROM})\s?:\*?\s+\S")));
static OTHER_FIELD: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"^\s*\*?(?:{OTHER_FIELDS})\s?:\*?(?:\s|$)")));
/// An address or a time of day: what an attribution has and prose seldom.
static EVIDENCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\S@\S|\d{1,2}[:.h]\d{2}"));
static FORWARD_SUBJECT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^\s*(?:fwd?|wg|tr|rv|i|enc|doorst|vs|vb|pd)\s*:"));

/// Whether the subject says that the mail is passed on.
pub(super) fn is_forward(subject: &str) -> bool {
    FORWARD_SUBJECT.is_match(subject)
}

/// The text without history and signature. `subject` tells a forwarded mail, whose
/// history is what the sender wants sent.
pub(super) fn strip(text: &str, what: Strip, subject: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let quotes = what.quotes && !is_forward(subject);
    if quotes {
        drop_history(&mut lines);
    }
    if what.signature {
        drop_signature(&mut lines);
    }
    if quotes {
        drop_quoted_end(&mut lines);
    }
    match lines.iter().all(|line| line.trim().is_empty()) {
        true => text.to_owned(),
        false => lines.join("\n"),
    }
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
    if !line.contains(':') && !line.trim_start().starts_with(['-', '_', '*']) {
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
    FROM_FIELD.is_match(lines[0])
        && lines[1..]
            .iter()
            .take_while(|line| OTHER_FIELD.is_match(line))
            .take(2)
            .count()
            == 2
}

/// How many lines the attribution here has.
fn attribution(lines: &[&str]) -> Option<usize> {
    let mut near = lines.iter().take(MAX_ATTRIBUTION_LINES);
    if !near.any(|line| line.trim_end().ends_with(':')) {
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
        if line.ends_with(':') && ATTRIBUTION.is_match(&joined) {
            return Some(n + 1);
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
    while at < lines.len() {
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
                    .is_some_and(|l| !is_signature_line(l) && !is_rule(l));
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
    while at < lines.len() {
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

    proptest! {
        #[test]
        fn never_nothing(text in "(?s)(> ?|-- |On |wrote:|From: a|To: b|\n|[a-z@ ]){0,30}", quotes: bool, signature: bool) {
            let left = strip(&text, Strip { quotes, signature }, "");
            prop_assert_eq!(left.trim().is_empty(), text.trim().is_empty());
        }
    }
}
