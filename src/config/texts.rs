//! `text`, `queue` and `limits`: what a phone gets, and how long it is tried.

use std::time::Duration;

use jiff::SignedDuration;

use super::problems::At;
use super::raw;
use super::scalars::{Judge, either};
use crate::mail::text::{Attachments, Settings};
use crate::outbound::plan::Overflow;
use crate::outbound::settle;
use crate::outbound::spend::Limits;
use crate::sms::alphabet::Fold;
use crate::sms::{Language, Languages};
use crate::store::guard::{MAX_RUN, Run};

/// More patterns than any disclaimer needs; each looks at every text (threats T32).
const MAX_PATTERNS: usize = 100;

/// Longer than any text that is sent.
const MAX_TEMPLATE: usize = 4096;

/// Waits grow at most tenfold: beyond that the second is the last.
const MAX_FACTOR: f64 = 10.0;

const HOUR: Duration = Duration::from_secs(3600);

/// Within this time neighbouring numbers make a run.
const RUN: Duration = Duration::from_secs(600);

/// More than a day of numbers is not remembered.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 3600);

impl Judge<'_> {
    /// `text`.
    pub fn text(&mut self, root: &At, raw: Option<&raw::Text>) -> (Settings, Fold, Overflow) {
        let none = raw::Text::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("text");
        let default = Settings::default();
        let attachments = [
            ("ignore", Attachments::Ignore),
            ("mention", Attachments::Mention),
            ("refuse", Attachments::Refuse),
        ];
        let overflow = [("cut", Overflow::Cut), ("refuse", Overflow::Refuse)];
        let fold = [("typographic", ()), ("none", ()), ("all", ())];
        self.choice(&at.key("fold"), raw.fold.as_deref(), &fold, ());
        let settings = Settings {
            template: self.text_template(
                &at.key("template"),
                raw.template.as_deref(),
                default.template,
            ),
            strip_quotes: raw.strip_quotes.unwrap_or(default.strip_quotes),
            strip_signature: raw.strip_signature.unwrap_or(default.strip_signature),
            cut_at: self.patterns(&at.key("cut_at"), raw.cut_at.as_ref()),
            attachments: self.choice(
                &at.key("attachments"),
                raw.attachments.as_deref(),
                &attachments,
                default.attachments,
            ),
            flash_on_priority: raw.flash_on_priority.unwrap_or(default.flash_on_priority),
            confirm_word: self.confirm_word(&at.key("confirm_word"), raw, default.confirm_word),
            // Known when the languages are: see where the sections meet.
            words: default.words,
        };
        let fold = raw
            .fold
            .as_deref()
            .and_then(Fold::parse)
            .unwrap_or(Fold::Typographic);
        let on_overflow = self.choice(
            &at.key("on_overflow"),
            raw.on_overflow.as_deref(),
            &overflow,
            Overflow::Cut,
        );
        (settings, fold, on_overflow)
    }

    /// `text.languages`.
    pub fn languages(&mut self, root: &At, raw: Option<&raw::Text>) -> Languages {
        let at = root.key("text").key("languages");
        let names = raw.and_then(|raw| raw.languages.as_ref());
        let names = names.map_or(&[][..], |names| &names.0);
        let mut languages = Vec::new();
        for (i, name) in names.iter().enumerate() {
            match Language::parse(name) {
                Some(language) => languages.push(language),
                None => {
                    let known = either(&Language::ALL.map(Language::name));
                    let text = format!("is not a language with tables of its own; write {known}");
                    self.wrong(&at.index(i), name, text);
                }
            }
        }
        languages.into_iter().collect()
    }

    fn text_template(&mut self, at: &At, raw: Option<&str>, default: String) -> String {
        let Some(template) = raw else {
            return default;
        };
        self.shape_of_text(at, template);
        template.to_owned()
    }

    /// A template, there or in a policy.
    pub fn shape_of_text(&mut self, at: &At, template: &str) {
        if template.len() > MAX_TEMPLATE {
            self.wrong(
                at,
                template,
                format!("is too long; write at most {MAX_TEMPLATE} octets"),
            );
        } else if template.trim().is_empty() {
            let text = "is empty: there would be nothing to send; write {body}";
            self.errors.add(at, text);
        } else if let Err(why) = Settings::check_template(template) {
            self.errors.add(at, why);
        }
    }

    fn confirm_word(&mut self, at: &At, raw: &raw::Text, default: String) -> String {
        let Some(word) = &raw.confirm_word else {
            return default;
        };
        if word.len() > 64 || word.contains(|c: char| c.is_control() || c.is_whitespace()) {
            self.wrong(
                at,
                word,
                "is not a word; write one, as confirm, or \"\" for none",
            );
        }
        word.clone()
    }

    fn patterns(&mut self, at: &At, raw: Option<&raw::Several>) -> Vec<regex::Regex> {
        let list = raw.map_or(&[][..], |list| &list.0);
        if list.len() > MAX_PATTERNS {
            self.errors.add(
                at,
                format!("has too many entries; write at most {MAX_PATTERNS}"),
            );
        }
        let list = list.iter().take(MAX_PATTERNS).enumerate();
        list.filter_map(|(i, pattern)| self.pattern(&at.index(i), pattern))
            .collect()
    }

    /// `queue`.
    pub fn queue(&mut self, root: &At, raw: Option<&raw::Queue>) -> settle::Settings {
        let none = raw::Queue::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("queue");
        let retry = raw.retry.clone().unwrap_or_default();
        let here = at.key("retry");
        let expire = self.duration(&at.key("expire"), &raw.expire, 120 * HOUR);
        let warn_after = self.duration(&at.key("warn_after"), &raw.warn_after, 4 * HOUR);
        let retry_first = self.duration(&here.key("first"), &retry.first, Duration::from_secs(30));
        let retry_max = self.duration(&here.key("max"), &retry.max, HOUR);
        if retry_first > retry_max {
            let text =
                "is less than the first wait; write retry: { first: 30s, factor: 2, max: 1h }";
            self.errors.add(&here.key("max"), text);
        }
        settle::Settings {
            expire: signed(expire),
            warn_after: signed(warn_after),
            retry_first,
            retry_factor: self.within(&here.key("factor"), retry.factor, 1.0, MAX_FACTOR, 2.0),
            retry_max,
        }
    }

    /// `phonebook`: how long a mail waits for a number.
    pub fn phonebook(&mut self, root: &At, raw: Option<&raw::Phonebook>) -> SignedDuration {
        let at = root.key("phonebook").key("wait");
        let wait = raw.and_then(|raw| raw.wait.clone());
        let wait = self.duration(&at, &wait, 72 * HOUR);
        // Longer than that nobody remembers what he wrote.
        if wait > 30 * 24 * HOUR {
            self.errors.add(&at, "is too long; write 30d or less");
        }
        signed(wait)
    }

    /// `limits`.
    pub fn limits(&mut self, root: &At, raw: Option<&raw::Limits>) -> Limits {
        let Some(raw) = raw else {
            return Limits::default();
        };
        let at = root.key("limits");
        self.only_zero(&at.key("coalesce"), &raw.coalesce);
        Limits {
            per_user_hour: raw.per_user_hour.unwrap_or(0),
            per_number_hour: raw.per_number_hour.unwrap_or(0),
            site_day: raw.site_day.unwrap_or(0),
            run: raw
                .run
                .as_ref()
                .and_then(|run| self.run(&at.key("run"), run)),
        }
    }

    /// `limits.run`: none without `numbers`, or with 0.
    fn run(&mut self, at: &At, raw: &raw::Run) -> Option<Run> {
        let within = self.duration(&at.key("within"), &raw.within, RUN);
        if within < Duration::from_secs(60) || within > LONGEST_RUN {
            let text = "is out of range; write 1m to 24h";
            self.errors.add(&at.key("within"), text);
        }
        let numbers = self.within(&at.key("numbers"), raw.numbers, 0, MAX_RUN, 0);
        let minutes = u32::try_from(within.as_secs() / 60).unwrap_or(u32::MAX);
        (numbers != 0).then_some(Run { numbers, minutes })
    }

    /// A duration that later versions know.
    pub fn only_zero(&mut self, at: &At, raw: &Option<raw::Spelled>) {
        if raw
            .as_ref()
            .is_some_and(|text| text.0.trim_end_matches(['s', 'm', 'h', 'd']) != "0")
        {
            self.errors
                .add(at, "is not in this version of sms-milter; write 0s");
        }
    }
}

/// For arithmetic with timestamps; ours are all far below its limit.
pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
