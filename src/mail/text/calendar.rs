//! An invitation in one line: what, when, where.
//!
//! `Cancelled: Board meeting, 2026-01-05 10:00-11:00 Europe/Berlin, Room 4`. Times are those the organizer wrote,
//! with the zone he wrote them in (a floating time has none); nothing is converted, so nothing can be converted
//! wrongly. calcard reads what `decode` has bounded; its panic is no calendar. Never expands a recurrence.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarMethod,
    ICalendarParameterName, ICalendarParameterValue, ICalendarParticipationStatus,
    ICalendarProperty, ICalendarStatus, ICalendarValue,
};
use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use super::guarded;
use crate::mail::words::Words;

/// Letters of a title or a place: a line of an SMS, not a minute book.
const MAX_WORDS: usize = 120;
/// Letters of a zone's name; the longest of IANA has 32.
const MAX_ZONE: usize = 40;
/// Components that are looked at; an exported calendar has thousands.
const MAX_COMPONENTS: usize = 1_000;

/// The line; None for what is no calendar or has nothing in it.
pub(super) fn line(text: &str, said: &Words) -> Option<String> {
    let calendar = guarded(|| ICalendar::parse(text).ok()).ok().flatten()?;
    let is_item = |kind: &ICalendarComponentType| {
        matches!(
            kind,
            ICalendarComponentType::VEvent | ICalendarComponentType::VTodo
        )
    };
    let all = calendar.components.iter().take(MAX_COMPONENTS);
    let items: Vec<&ICalendarComponent> = all.filter(|c| is_item(&c.component_type)).collect();
    // The series, not one of its exceptions.
    let series = items.iter().find(|item| !item.is_recurrence_override());
    let item = series.or(items.first())?;
    let others = items.iter().filter(|i| i.uid() != item.uid()).count();
    let title = text_of(item, &ICalendarProperty::Summary);
    let when = when(&calendar, item);
    let place = text_of(item, &ICalendarProperty::Location);
    if title.is_none() && when.is_none() {
        return None;
    }
    let parts = [title, when, place].into_iter().flatten();
    let mut line = prefix(&calendar, item, said) + &parts.collect::<Vec<_>>().join(", ");
    if others > 0 {
        line.push_str(&format!(" (+{others})"));
    }
    Some(line)
}

/// What the mail does with the event: RFC 5546 §1.4.
fn prefix(calendar: &ICalendar, item: &ICalendarComponent, said: &Words) -> String {
    let method = calendar
        .components
        .iter()
        .take(MAX_COMPONENTS)
        .find_map(
            |c| match c.property(&ICalendarProperty::Method)?.values.first()? {
                ICalendarValue::Method(method) => Some(method.clone()),
                _ => None,
            },
        );
    let is_off = matches!(item.status(), Some(ICalendarStatus::Cancelled));
    match method {
        Some(ICalendarMethod::Cancel) => said.say("text-cancelled", &[]) + ": ",
        Some(ICalendarMethod::Reply) => reply(item, said),
        Some(ICalendarMethod::Counter) => said.say("text-proposed", &[]) + ": ",
        Some(ICalendarMethod::Declinecounter) => said.say("text-proposal-declined", &[]) + ": ",
        _ if is_off => said.say("text-cancelled", &[]) + ": ",
        _ => String::new(),
    }
}

/// `Accepted by Ann Smith: `
fn reply(item: &ICalendarComponent, said: &Words) -> String {
    let Some(attendee) = item.property(&ICalendarProperty::Attendee) else {
        return said.say("text-answer", &[("answer", "other".into())]) + ": ";
    };
    let answer = match attendee.parameter(&ICalendarParameterName::Partstat) {
        Some(ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Accepted)) => {
            "accepted"
        }
        Some(ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Declined)) => {
            "declined"
        }
        Some(ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Tentative)) => {
            "tentative"
        }
        Some(ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Delegated)) => {
            "delegated"
        }
        _ => "other",
    };
    let name = attendee.parameter(&ICalendarParameterName::Cn);
    match name
        .and_then(ICalendarParameterValue::as_text)
        .and_then(words)
    {
        Some(name) => {
            let args = [("answer", answer.into()), ("name", name.into())];
            said.say("text-answer-by", &args) + ": "
        }
        None => said.say("text-answer", &[("answer", answer.into())]) + ": ",
    }
}

fn text_of(item: &ICalendarComponent, property: &ICalendarProperty) -> Option<String> {
    words(item.property(property)?.values.first()?.as_text()?)
}

/// In one line, not too long; None for nothing.
fn words(text: &str) -> Option<String> {
    let text = text.split(|c: char| c.is_whitespace() || c.is_control());
    let text = text
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let end = text
        .char_indices()
        .nth(MAX_WORDS)
        .map_or(text.len(), |(at, _)| at);
    match end {
        0 => None,
        end if end < text.len() => Some(text[..end].trim_end().to_owned() + "…"),
        _ => Some(text),
    }
}

/// A time as it was written.
struct Moment {
    date: Date,
    /// None: a whole day.
    time: Option<Time>,
    zone: Option<String>,
}

fn when(calendar: &ICalendar, item: &ICalendarComponent) -> Option<String> {
    let moment = |property| moment(calendar, item.property(property)?);
    let begin = match moment(&ICalendarProperty::Dtstart) {
        Some(begin) => begin,
        // A task has only an end.
        None => return moment(&ICalendarProperty::Due).map(|due| due.to_string()),
    };
    let end = moment(&ICalendarProperty::Dtend).or_else(|| after(&begin, item));
    let Some(end) = end else {
        return Some(begin.to_string());
    };
    Some(match (begin.time, end.time) {
        (Some(from), Some(to)) if begin.zone == end.zone => {
            let zone = begin
                .zone
                .map(|zone| format!(" {zone}"))
                .unwrap_or_default();
            let from = clock(from);
            let to = clock(to);
            match begin.date == end.date {
                true if from == to => format!("{} {from}{zone}", begin.date),
                true => format!("{} {from}-{to}{zone}", begin.date),
                false => format!("{} {from} - {} {to}{zone}", begin.date, end.date),
            }
        }
        (None, None) => {
            // RFC 5545 §3.8.2.2: the day of DTEND is not a day of the event.
            let last = end.date.yesterday().unwrap_or(end.date);
            match last <= begin.date {
                true => begin.date.to_string(),
                false => format!("{} - {last}", begin.date),
            }
        }
        _ => format!("{begin} - {end}"),
    })
}

/// The end by `DURATION`.
fn after(begin: &Moment, item: &ICalendarComponent) -> Option<Moment> {
    let entry = item.property(&ICalendarProperty::Duration)?;
    let ICalendarValue::Duration(duration) = entry.values.first()? else {
        return None;
    };
    let span: Span = Span::new().try_seconds(duration.as_seconds()).ok()?;
    let begins = DateTime::from_parts(begin.date, begin.time.unwrap_or_default());
    let ends = begins.checked_add(span).ok()?;
    Some(Moment {
        date: ends.date(),
        time: begin.time.map(|_| ends.time()),
        zone: begin.zone.clone(),
    })
}

fn moment(calendar: &ICalendar, entry: &ICalendarEntry) -> Option<Moment> {
    let ICalendarValue::PartialDateTime(written) = entry.values.first()? else {
        return None;
    };
    let day = |n: Option<u8>| i8::try_from(n?).ok();
    let year = i16::try_from(written.year?).ok()?;
    let date = Date::new(year, day(written.month)?, day(written.day)?).ok()?;
    let time = match written.hour {
        Some(_) => Time::new(day(written.hour)?, day(written.minute).unwrap_or(0), 0, 0).ok(),
        None => None,
    };
    Some(Moment {
        date,
        time,
        zone: time.and_then(|_| zone(calendar, entry, written)),
    })
}

/// `UTC`, `+02:00`, the zone's name in IANA's table, else the name that was written.
fn zone(calendar: &ICalendar, entry: &ICalendarEntry, written: &PartialDateTime) -> Option<String> {
    if let Some(hour) = written.tz_hour {
        let minute = written.tz_minute.unwrap_or(0);
        let sign = if written.tz_minus { '-' } else { '+' };
        return Some(match (hour, minute) {
            (0, 0) => "UTC".into(),
            _ => format!("{sign}{hour:02}:{minute:02}"),
        });
    }
    let name = entry.parameter(&ICalendarParameterName::Tzid)?.as_text()?;
    let known = calendar
        .build_tz_resolver()
        .resolve(name)
        .and_then(|zone| zone.name());
    match known {
        Some(name) if name == "Etc/UTC" => Some("UTC".into()),
        Some(name) => Some(name.into_owned()),
        None => words(name).map(|name| name.chars().take(MAX_ZONE).collect()),
    }
}

fn clock(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.date)?;
        if let Some(time) = self.time {
            write!(f, " {}", clock(time))?;
        }
        if let Some(zone) = &self.zone {
            write!(f, " {zone}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(head: &str, event: &str, expected: Option<&str>) {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}BEGIN:VEVENT\r\nUID:1\r\n{event}END:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        assert_eq!(
            line(&text, &Words::default()).as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn what_when_where() {
        for (when, expected) in [
            (
                "DTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\n",
                "2026-01-05 09:00-10:00 UTC",
            ),
            (
                "DTSTART;TZID=Europe/Berlin:20260105T100000\r\nDURATION:PT90M\r\n",
                "2026-01-05 10:00-11:30 Europe/Berlin",
            ),
            (
                "DTSTART;TZID=W. Europe Standard Time:20260105T100000\r\n",
                "2026-01-05 10:00 Europe/Berlin",
            ),
            (
                "DTSTART;TZID=Our Zone:20260105T100000\r\n",
                "2026-01-05 10:00 Our Zone",
            ),
            (
                "DTSTART:20260105T100000\r\nDTEND:20260106T020000\r\n",
                "2026-01-05 10:00 - 2026-01-06 02:00",
            ),
            (
                "DTSTART;VALUE=DATE:20260105\r\nDTEND;VALUE=DATE:20260106\r\n",
                "2026-01-05",
            ),
            (
                "DTSTART;VALUE=DATE:20260105\r\nDTEND;VALUE=DATE:20260108\r\n",
                "2026-01-05 - 2026-01-07",
            ),
            ("DTSTART;VALUE=DATE:20260105\r\n", "2026-01-05"),
        ] {
            check(
                "METHOD:REQUEST\r\n",
                &format!("SUMMARY:Board\\, all\r\n{when}LOCATION:Room 4\r\n"),
                Some(&format!("Board, all, {expected}, Room 4")),
            );
        }
        check("", "SUMMARY:Lunch\r\n", Some("Lunch"));
        check("", "LOCATION:Room 4\r\n", None);
        check("", "DTSTART:20261399T990000Z\r\nSUMMARY:x\r\n", Some("x"));
        assert_eq!(
            line("BEGIN:VCALENDAR\r\nEND:VCALENDAR", &Words::default()),
            None
        );
        assert_eq!(line("Hello", &Words::default()), None);
    }

    #[test]
    fn what_becomes_of_it() {
        let at = "SUMMARY:Board\r\nDTSTART:20260105T090000Z\r\n";
        let ann = |status: &str| {
            format!("{at}ATTENDEE;PARTSTAT={status};CN=\"Ann Smith\":mailto:ann@example.com\r\n")
        };
        for (head, event, prefix) in [
            ("METHOD:CANCEL\r\n", at.to_owned(), "Cancelled: "),
            (
                "METHOD:REQUEST\r\n",
                format!("{at}STATUS:CANCELLED\r\n"),
                "Cancelled: ",
            ),
            (
                "METHOD:REPLY\r\n",
                ann("ACCEPTED"),
                "Accepted by Ann Smith: ",
            ),
            (
                "METHOD:REPLY\r\n",
                ann("DECLINED"),
                "Declined by Ann Smith: ",
            ),
            (
                "METHOD:REPLY\r\n",
                ann("TENTATIVE"),
                "Tentative by Ann Smith: ",
            ),
            ("METHOD:REPLY\r\n", at.to_owned(), "Reply: "),
            ("METHOD:COUNTER\r\n", at.to_owned(), "New time proposed: "),
            ("METHOD:PUBLISH\r\n", at.to_owned(), ""),
        ] {
            check(
                head,
                &event,
                Some(&format!("{prefix}Board, 2026-01-05 09:00 UTC")),
            );
        }
    }

    #[test]
    fn a_series_is_its_first() {
        check(
            "",
            "SUMMARY:Moved\r\nRECURRENCE-ID:20260112T090000Z\r\nDTSTART:20260113T090000Z\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Weekly\r\nRRULE:FREQ=WEEKLY\r\nDTSTART:20260105T090000Z\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Other\r\n",
            Some("Weekly, 2026-01-05 09:00 UTC (+1)"),
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_calendar_or_not(lines in prop::collection::vec(prop::sample::select(&[
            "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "METHOD:REPLY", "SUMMARY:x", " y", "DTSTART:2026",
            "DTSTART;TZID=x:99999999T999999", "DTEND;VALUE=DATE:20260105", "DURATION:P99999999W", "DURATION:-PT1H", "RRULE:FREQ=DAILY",
            "BEGIN:VTIMEZONE", "TZID:\"", "ATTENDEE;CN=é", "LOCATION:\u{202e}", ":", ";", "DTSTART:20260105T100000Z", "DTSTART:00010101",
        ][..]), 0..20)) {
            line(&lines.join("\r\n"), &Words::default());
        }
    }
}
