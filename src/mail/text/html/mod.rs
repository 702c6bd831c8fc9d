//! HTML to text.
//!
//! Two steps. `plain` walks the tags once, drops what a reader would not see and,
//! when asked, the quoted mail, and writes a document of a dozen block tags, well
//! nested and shallow. html2text then sets that document: it is quadratic in nesting
//! and therefore never sees more than `MAX_LEVELS` of it, and copies every line once for each
//! item and quote around it, of which it never sees more than `MAX_INDENTS`. Linear in the
//! document; at most `MAX_TEXT` octets of it are read. Nothing is fetched, nothing runs.
//!
//! A link is its text; its address follows when it is short, says something else, and the page has only few:
//! a reader wants the one link a person sent, and not those of a newsletter.

mod decorate;
mod looks;
mod marks;
mod token;

use mail_parser::decoders::html::html_to_text;

use super::quotes::{self, Strip};
use super::{MAX_TEXT, guarded};
use decorate::Phone;
use looks::{Looks, is_gone};
use marks::{begins_quote, is_preview, is_quote, is_signature};
use token::{RAW, Tag, Token, after_raw, token};

/// Block elements within each other that reach html2text; deeper ones are line breaks.
const MAX_LEVELS: usize = 40;
/// Items and quotes within each other that html2text indents: more than people make, and more than fits beside
/// the text on a phone. Deeper items keep their dash, and begin where these do.
const MAX_INDENTS: usize = 5;
/// Open elements the walk remembers; a deeper element has its parent's looks.
const MAX_OPEN: usize = 200;
/// Letters of an address that is shown; longer ones are for machines.
const MAX_LINK: usize = 60;
/// Links of a page whose links are shown.
const MAX_LINKS: usize = 4;
/// Octets of a quote that are looked at, to see whether it is a mail passed on.
const MAX_AHEAD: usize = 2_000;
/// Quotes that are looked into: one each is usual, and none is inside another that hides.
const MAX_LOOKS_AHEAD: usize = 20;
/// Wide enough that no line is ever broken: breaking lines is the phone's job.
const WIDTH: usize = 10 * MAX_TEXT;

/// What a reader sees of the document; with `strip` without the mail it answers and the signature.
pub(super) fn to_text(html: &str, strip: Strip) -> String {
    let html = &html[..html.floor_char_boundary(MAX_TEXT)];
    let plain = plain(html, strip);
    let set = guarded(|| {
        html2text::config::with_decorator(Phone)
            .allow_width_overflow()
            .string_from_read(plain.as_bytes(), WIDTH)
            .ok()
    });
    match set {
        Ok(Some(text)) => text,
        _ => guarded(|| html_to_text(&plain)).unwrap_or_default(),
    }
}

/// The visible part of the document in block tags only.
fn plain(html: &str, strip: Strip) -> String {
    let mut walk = Walk {
        out: String::with_capacity(html.len()),
        strip,
        shows_links: count_links(html) <= MAX_LINKS,
        looks_ahead: MAX_LOOKS_AHEAD,
        ..Walk::default()
    };
    let mut rest = html;
    while !rest.is_empty() {
        rest = match token(rest) {
            (Token::Text(text), rest) => {
                walk.text(text);
                rest
            }
            (Token::Open(tag), rest) => {
                walk.open(&tag, rest);
                match RAW.contains(&tag.name.as_str()) {
                    true => after_raw(rest, &tag.name),
                    false => rest,
                }
            }
            (Token::Close(name), rest) => {
                walk.close(&name);
                rest
            }
            (Token::Nothing, rest) => rest,
        };
    }
    walk.truncate(0);
    walk.out
}

const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
const BLOCKS: [&str; 32] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
];

/// Whether html2text puts something before each line inside.
fn indents(written: &str) -> bool {
    matches!(written, "li" | "blockquote")
}

fn count_links(html: &str) -> usize {
    let is_link = |word: &&[u8]| word.eq_ignore_ascii_case(b"href");
    html.as_bytes().windows(4).filter(is_link).count()
}

/// The text of the beginning of a document, for a look ahead.
fn beginning(html: &str) -> String {
    let mut rest = &html[..html.floor_char_boundary(MAX_AHEAD)];
    let mut text = String::new();
    while !rest.is_empty() {
        let (token, after) = token(rest);
        match token {
            Token::Text(words) => text.push_str(words),
            Token::Open(tag) if tag.name == "br" || BLOCKS.contains(&tag.name.as_str()) => {
                text.push('\n')
            }
            _ => {}
        }
        rest = after;
    }
    text
}

struct Open {
    name: String,
    /// The tag written for it.
    written: Option<&'static str>,
    hides: bool,
    looks: Looks,
    link: Option<Link>,
}

/// An `a` whose address may be worth showing.
struct Link {
    address: String,
    /// Where its text begins in `out`.
    at: usize,
    pictures: usize,
}

#[derive(Default)]
struct Walk {
    out: String,
    strip: Strip,
    shows_links: bool,
    /// How many quotes may still be looked into.
    looks_ahead: usize,
    /// Whether the rest is a mail that is passed on: its quotation marks say nothing.
    passed_on: bool,
    /// Pictures so far.
    pictures: usize,
    open: Vec<Open>,
    /// Open elements beyond `MAX_OPEN`.
    beyond: usize,
    /// Open elements that hide what is inside.
    hiding: usize,
    /// Open elements with a tag written.
    levels: usize,
    /// Those of them that indent.
    indents: usize,
    is_over: bool,
}

impl Walk {
    fn text(&mut self, text: &str) {
        let is_seen = self.open.last().is_none_or(|open| open.looks.is_seen());
        if self.is_over || self.hiding > 0 || !is_seen {
            return;
        }
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                c => self.out.push(c),
            }
        }
    }

    fn write(&mut self, text: &str) {
        if !self.is_over && self.hiding == 0 {
            self.out.push_str(text);
        }
    }

    /// Opens an element; `inside` is what follows the tag.
    fn open(&mut self, tag: &Tag, inside: &str) {
        self.end_implied(&tag.name);
        match tag.name.as_str() {
            "br" => return self.write("<br>"),
            "hr" => {
                if self.strip.quotes && begins_quote(tag) {
                    self.drop_rest();
                }
                return self.write("<br>");
            }
            "img" => {
                self.pictures += 1;
                return;
            }
            name if VOID.contains(&name) || RAW.contains(&name) => return,
            "html" | "body" | "head" => {}
            "td" | "th" => self.write(" "),
            _ => {}
        }
        if self.open.len() >= MAX_OPEN {
            self.beyond += 1;
            return;
        }
        let style = tag.style();
        if self.strip.quotes && begins_quote(tag) {
            self.drop_rest();
        }
        let hides = is_gone(tag, &style)
            || is_preview(tag)
            || self.strip.signature && is_signature(tag)
            || is_quote(tag) && !self.is_passed_on(inside) && self.strip.quotes;
        let looks = self
            .open
            .last()
            .map_or_else(Looks::default, |o| o.looks.clone())
            .within(tag, &style);
        self.hiding += usize::from(hides);
        let written = self.tag_for(tag, &style);
        if let Some(written) = written {
            self.levels += 1;
            self.indents += usize::from(indents(written));
            self.out.extend(["<", written, ">"]);
            if tag.name == "li" && written == "div" && self.indents == MAX_INDENTS {
                self.out.push_str("- ");
            }
        }
        self.open.push(Open {
            name: tag.name.clone(),
            written,
            hides,
            looks,
            link: self.link(tag),
        });
    }

    fn link(&self, tag: &Tag) -> Option<Link> {
        let address = tag
            .get("href")
            .filter(|_| tag.name == "a" && self.shows_links)?;
        let is_web = ["http://", "https://"]
            .iter()
            .any(|s| address.starts_with(s));
        (is_web && address.chars().count() <= MAX_LINK).then(|| Link {
            address: address.to_owned(),
            at: self.out.len(),
            pictures: self.pictures,
        })
    }

    /// Whether a quote is a mail that is passed on: then neither it nor what is in it is history.
    fn is_passed_on(&mut self, inside: &str) -> bool {
        if self.passed_on {
            return true;
        }
        if self.hiding > 0 || self.is_over || self.looks_ahead == 0 {
            return false;
        }
        self.looks_ahead -= 1;
        if quotes::begins_forward(&beginning(inside)) {
            self.strip.quotes = false;
            self.passed_on = true;
        }
        self.passed_on
    }

    /// Ends a link: its address, unless the text says it or a picture stands for it.
    fn end_link(&mut self, link: &Link) {
        let text = self.out.get(link.at..).unwrap_or_default();
        if self.hiding > 0 || self.is_over || text.contains('<') {
            return;
        }
        let bare = |text: &str| {
            let text = text.trim().to_lowercase().replace("&amp;", "&");
            let text = text
                .trim_start_matches("https://")
                .trim_start_matches("http://");
            text.trim_start_matches("www.")
                .trim_end_matches('/')
                .to_owned()
        };
        let address = link.address.replace('<', "%3C").replace('>', "%3E");
        match text.trim().is_empty() {
            true if self.pictures > link.pictures => {}
            true => self.out.push_str(&address),
            false if bare(text) == bare(&address) => {}
            false => self.out.push_str(&format!(" ({address})")),
        }
    }

    /// The tag to write for an element; none for those inside a line or out of sight.
    fn tag_for(&mut self, tag: &Tag, style: &[(String, String)]) -> Option<&'static str> {
        let is_block = BLOCKS.contains(&tag.name.as_str()) || tag.name == "tr";
        if !is_block || self.is_over || self.hiding > 0 {
            return None;
        }
        if self.levels >= MAX_LEVELS {
            // A list and its item begin one line.
            if !self.out.ends_with("<br>") {
                self.out.push_str("<br>");
            }
            return None;
        }
        let in_list = self
            .open
            .iter()
            .any(|o| matches!(o.written, Some("ul" | "ol")));
        // Outlook writes a paragraph for each line.
        let is_line = tag.has_class("MsoNormal")
            || style
                .iter()
                .any(|(k, v)| (k == "margin" || k == "margin-bottom") && v.starts_with('0'));
        let is_too_far = self.indents >= MAX_INDENTS;
        Some(match tag.name.as_str() {
            "ul" | "ol" | "li" | "blockquote" if is_too_far => "div",
            "p" if !is_line => "p",
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => "p",
            "ul" => "ul",
            "ol" => "ol",
            "li" if in_list => "li",
            "blockquote" if !self.passed_on => "blockquote",
            "pre" => "pre",
            _ => "div",
        })
    }

    fn close(&mut self, name: &str) {
        if name == "br" {
            return self.write("<br>");
        }
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        let is_cell = |n: &str| matches!(n, "td" | "th" | "table" | "tr");
        let is_outer =
            is_cell(name) || matches!(name, "tbody" | "thead" | "tfoot" | "body" | "html");
        // An end tag inside a cell ends nothing outside the cell.
        let reach = self
            .open
            .iter()
            .rev()
            .take_while(|o| is_outer || !is_cell(&o.name));
        if let Some(back) = reach.map(|o| &o.name).position(|n| n == name) {
            self.truncate(self.open.len() - 1 - back);
        }
    }

    /// Ends what HTML lets authors leave open: paragraphs, items, rows, cells.
    fn end_implied(&mut self, opening: &str) {
        let (ended, limits): (&[&str], &[&str]) = match opening {
            "li" => (&["li"], &["ul", "ol", "td", "th"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl", "td", "th"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "tr" => (&["tr"], &["table"]),
            "hr" => (&["p"], &["td", "th", "table"]),
            name if BLOCKS.contains(&name) => (&["p"], &["td", "th", "table"]),
            _ => return,
        };
        let reach = self
            .open
            .iter()
            .rev()
            .take_while(|o| !limits.contains(&o.name.as_str()));
        if let Some(back) = reach
            .map(|o| o.name.as_str())
            .position(|n| ended.contains(&n))
        {
            self.truncate(self.open.len() - 1 - back);
        }
    }

    /// Ends the elements from `length` on.
    fn truncate(&mut self, length: usize) {
        while self.open.len() > length {
            let Some(open) = self.open.pop() else { return };
            if let Some(link) = &open.link {
                self.end_link(link);
            }
            self.hiding -= usize::from(open.hides);
            if let Some(written) = open.written {
                self.levels -= 1;
                self.indents -= usize::from(indents(written));
                self.out.extend(["</", written, ">"]);
            }
        }
    }

    /// Nothing more of the element that is open now.
    fn drop_rest(&mut self) {
        match self.open.last_mut() {
            Some(open) if !matches!(open.name.as_str(), "html" | "body") => {
                self.hiding += usize::from(!std::mem::replace(&mut open.hides, true));
            }
            _ => self.is_over = true,
        }
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

    fn check(html: &str, expected: &str) {
        let text = to_text(html, BOTH);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines.join("\n").trim(), expected, "{html}");
    }

    #[test]
    fn blocks_and_lines() {
        check("<p>One<p>Two &amp; three", "One\n\nTwo & three");
        check(
            "<div>Reply</div><div><b>From:</b> x</div>",
            "Reply\nFrom: x",
        );
        check("a<br>b<BR/>c", "a\nb\nc");
        check("a<hr>b", "a\nb");
        check(
            "<ul><li>One<li>Two</ul><ol><li>x</ol>",
            "- One\n- Two\n1. x",
        );
        check(
            "<table><tr><td>Host<td>web1<tr><td>State<td><b>down</b></table>",
            "Host web1\nState down",
        );
        check(
            "<p class=MsoNormal>one</p><p class=MsoNormal>two</p>",
            "one\ntwo",
        );
        check("<pre>a\n  b</pre>", "a\n  b");
        check("<li>lonely</li>", "lonely");
        check("5 < 6 <b>&lt;tag></b> <3", "5 < 6 <tag> <3");
        check("caf&eacute; &#128640; &nbsp;x", "café 🚀 \u{a0}x");
    }

    #[test]
    fn what_nobody_sees() {
        for hidden in [
            "<style>x</style>",
            "<script>if (a < b) '</scrip>' x</script>",
            "<title>x</title>",
            "<!-- x > -->",
            "<!--[if mso]><p>x</p><![endif]-->",
            "<!--x--!>",
            "<?xml x ?>",
            "<!DOCTYPE x>",
            "<div style='display:none'><div>x</div>x</div>",
            "<div style=\"DISPLAY : none !important\">x</div>",
            "<span style='visibility:hidden'>x</span>",
            "<span style='font-size:0px'>x</span>",
            "<span style='font-size:1px'>x</span>",
            "<div style='max-height:0;overflow:hidden'>x</div>",
            "<font color=white>x</font>",
            "<div bgcolor=#abc><span style='color:rgb(170,187,204)'>x</span></div>",
            "<span style='opacity:0'>x</span>",
            "<div hidden>x</div>",
            "<svg><text>x</text></svg>",
            "<img alt=x>",
            "<input value=x>",
            "<textarea><b>x</textarea>",
            "<div class=preheader>x</div>",
            "<span class='x_mcnPreviewText y'>x</span>",
        ] {
            check(&format!("a{hidden}<br>b"), "a\nb");
        }
        check("a<b title='<x>' data-x=\"</b>\">b</b>", "ab");
    }

    #[test]
    fn what_only_looks_hidden() {
        check(
            "<td style='font-size:0'><div style='font-size:13px'>x</div></td>",
            "x",
        );
        check(
            "<div style='background:#000'><span style='color:#fff'>x</span></div>",
            "x",
        );
        check(
            "<div style='background:url(x.png)'><span style='color:#fff'>x</span></div>",
            "x",
        );
        check(
            "<div style='color:#fff'><span style='color:#000'>x</span></div>",
            "x",
        );
        check("<div style='display:none'>a</div>b", "b");
        check("<p style='display:none'>a<div>b</div>", "b");
    }

    #[test]
    fn quoted_mail() {
        for quoted in [
            "<div class=\"gmail_quote\"><div class=gmail_attr>On x wrote:</div><blockquote>q</blockquote></div>",
            "<div class='moz-cite-prefix'>On x wrote:</div><blockquote type=cite>q</blockquote>",
            "<div id=appendonsend></div><hr><div id=divRplyFwdMsg>From: x</div><div>q</div>",
            "<div id=divRplyFwdMsg><b>From:</b> x</div><div>q</div>",
            "<hr id=zwchr><div><b>From:</b> x</div><div>q</div>",
            "<blockquote type='CITE'><blockquote type=cite>q</blockquote>q</blockquote>",
        ] {
            check(
                &format!("<html><body><div>yes</div>{quoted}</body></html>"),
                "yes",
            );
            assert!(to_text(quoted, Strip::default()).contains('q'), "{quoted}");
        }
    }

    #[test]
    fn links() {
        let long = "x".repeat(MAX_LINK);
        for (html, expected) in [
            (
                "<a href='http://x.example/?a=1'>the page</a>".to_owned(),
                "the page (http://x.example/?a=1)",
            ),
            (
                "<a href='https://www.x.example/'>x.example</a>".to_owned(),
                "x.example",
            ),
            (
                "<a href='https://x.example/a&amp;b'>https://x.example/a&amp;b</a>".to_owned(),
                "https://x.example/a&b",
            ),
            (
                "<a href='https://x.example'></a>".to_owned(),
                "https://x.example",
            ),
            ("<a href='https://x.example'><img src=x></a>".to_owned(), ""),
            (
                "<a href='mailto:a@b'>Ann</a> <a href='tel:1'>call</a> <a href='#x'>up</a>"
                    .to_owned(),
                "Ann call up",
            ),
            (format!("<a href='https://{long}'>here</a>"), "here"),
            ("<a href='javascript:x'>here</a>".to_owned(), "here"),
        ] {
            check(&html, expected);
        }
        let many = "<a href='https://x.example/1'>x</a> ".repeat(MAX_LINKS + 1);
        check(&many, "x x x x x");
        check(
            "<a href='https://x.example/<b>'>x",
            "x (https://x.example/%3Cb%3E)",
        );
    }

    #[test]
    fn signatures_and_mails_passed_on() {
        for signature in [
            "<div class=gmail_signature>Ann</div>",
            "<div class='x_gmail_signature'>Ann</div>",
            "<pre class='moz-signature' cols='72'>-- Ann</pre>",
            "<div id=\"ms-outlook-mobile-signature\">Ann</div>",
            "<div id=Signature>Ann</div>",
            "<div id=composer_signature>Ann</div>",
        ] {
            check(&format!("<div>yes</div>{signature}"), "yes");
        }
        check(
            "<div>FYI</div><div class=gmail_quote><div class=gmail_attr>---------- Forwarded message ---------<br>From: Bob</div>\
             <blockquote class=gmail_quote>On fire!</blockquote></div>",
            "FYI\n---------- Forwarded message ---------\nFrom: Bob\nOn fire!",
        );
    }

    /// Each level of it costs a copy of every line (T30).
    #[test]
    fn what_is_indented_is_shallow() {
        let nested = |open: &str| plain(&(open.repeat(9) + "x<p>y"), Strip::default());
        for open in [
            "<ul><li>x",
            "<ol><li>x",
            "<blockquote>x",
            "<ul><li><blockquote>",
        ] {
            let plain = nested(open);
            let count = |tag| plain.matches(tag).count();
            assert_eq!(
                count("<li>") + count("<blockquote>"),
                MAX_INDENTS,
                "{plain}"
            );
            assert!(count("<ul>") + count("<ol>") <= MAX_INDENTS, "{plain}");
        }
        // Far inside, what begins together begins one line.
        let deep = plain(&"<table><tr><td>x".repeat(60), Strip::default());
        assert!(
            deep.contains("x<br> x") && !deep.contains("<br><br>"),
            "{deep}"
        );
        let five = "<ul><li>a".repeat(MAX_INDENTS);
        let inner = "<ul><li>b<li>c<ul><li>d</ul></ul></ul><p>e";
        let text = to_text(&(five + inner), BOTH);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        assert_eq!(
            lines,
            ["- a", "- a", "- a", "- a", "- a", "- b", "- c", "- d", "e"]
        );
    }

    #[test]
    fn hostile_nesting_is_flat() {
        for tag in [
            "div",
            "b",
            "blockquote",
            "ul><li",
            "table><tr><td",
            "p",
            "a",
            "a href='https://x.example'",
            "div class=gmail_quote",
            "font color=red",
        ] {
            let html = format!("<{tag}>").repeat(30_000) + "text";
            let html = format!("seen {html}");
            assert!(plain(&html, Strip::default()).len() < 2 * MAX_TEXT, "{tag}");
            assert!(to_text(&html, Strip::default()).contains("seen"), "{tag}");
        }
        to_text(&"<".repeat(100_000), BOTH);
        to_text(&"<!--".repeat(30_000), BOTH);
        to_text(&"<script></".repeat(10_000), BOTH);
        to_text(&"<a b='".repeat(20_000), BOTH);
        to_text(&"</div>".repeat(20_000), BOTH);
    }

    proptest! {
        #[test]
        fn any_text_is_a_document(html in "(?s).{0,60}", strip: bool) {
            to_text(&html, Strip { quotes: strip, signature: strip });
        }

        #[test]
        fn any_tags_are_a_document(
            tags in prop::collection::vec("</?(div|p|li|ul|td|tr|table|b|blockquote|pre|script|h1|é)( [a-z]+(=['\"]?[a-z:0]*['\"]?)?)?/?>?x?", 0..40),
            strip: bool,
        ) {
            to_text(&tags.concat(), Strip { quotes: strip, signature: strip });
        }
    }
}
