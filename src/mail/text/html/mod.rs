//! HTML to text.
//!
//! Two steps. `plain` walks the tags once, drops what a reader would not see and,
//! when asked, the quoted mail, and writes a document of a dozen block tags, well
//! nested and shallow. html2text then sets that document: it is quadratic in nesting
//! and therefore never sees more than `MAX_LEVELS` of it. Linear in the document;
//! at most `MAX_TEXT` octets of it are read. Nothing is fetched, nothing runs.

mod looks;
mod token;

use mail_parser::decoders::html::html_to_text;

use super::{MAX_TEXT, guarded};
use looks::{Looks, is_gone};
use token::{RAW, Tag, Token, after_raw, token};

/// Block elements within each other that reach html2text; deeper ones are line breaks.
const MAX_LEVELS: usize = 40;
/// Open elements the walk remembers; a deeper element has its parent's looks.
const MAX_OPEN: usize = 200;
/// Wide enough that no line is ever broken: breaking lines is the phone's job.
const WIDTH: usize = 10 * MAX_TEXT;

/// What a reader sees of the document; with `strip_quotes` without the mail it answers.
pub(super) fn to_text(html: &str, strip_quotes: bool) -> String {
    let html = &html[..html.floor_char_boundary(MAX_TEXT)];
    let plain = plain(html, strip_quotes);
    let set = guarded(|| {
        html2text::config::plain_no_decorate()
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
fn plain(html: &str, strip_quotes: bool) -> String {
    let mut walk = Walk {
        out: String::with_capacity(html.len()),
        strip_quotes,
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
                walk.open(&tag);
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

/// Containers in which mail programs put the mail that is answered.
fn is_quote(tag: &Tag) -> bool {
    const CLASSES: [&str; 6] = [
        "gmail_quote",
        "gmail_quote_container",
        "moz-cite-prefix",
        "yahoo_quoted",
        "protonmail_quote",
        "gmail_attr",
    ];
    CLASSES.iter().any(|class| tag.has_class(class))
        || tag
            .get("id")
            .is_some_and(|id| id == "OLK_SRC_BODY_SECTION" || id == "divRplyFwdMsg")
        || tag.name == "blockquote"
            && tag
                .get("type")
                .is_some_and(|t| t.eq_ignore_ascii_case("cite"))
}

/// Outlook marks only where the answered mail begins: all that follows belongs to it.
fn begins_quote(tag: &Tag) -> bool {
    tag.get("id")
        .is_some_and(|id| id == "appendonsend" || id == "divRplyFwdMsg")
}

struct Open {
    name: String,
    /// The tag written for it.
    written: Option<&'static str>,
    hides: bool,
    looks: Looks,
}

#[derive(Default)]
struct Walk {
    out: String,
    strip_quotes: bool,
    open: Vec<Open>,
    /// Open elements beyond `MAX_OPEN`.
    beyond: usize,
    /// Open elements that hide what is inside.
    hiding: usize,
    /// Open elements with a tag written.
    levels: usize,
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

    fn open(&mut self, tag: &Tag) {
        self.end_implied(&tag.name);
        match tag.name.as_str() {
            "br" => return self.write("<br>"),
            "hr" => return self.write("<br>"),
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
        if self.strip_quotes && begins_quote(tag) {
            self.drop_rest();
        }
        let hides = is_gone(tag, &style) || self.strip_quotes && is_quote(tag);
        let looks = self
            .open
            .last()
            .map_or_else(Looks::default, |o| o.looks.clone())
            .within(tag, &style);
        self.hiding += usize::from(hides);
        let written = self.tag_for(tag, &style);
        if let Some(written) = written {
            self.levels += 1;
            self.out.extend(["<", written, ">"]);
        }
        self.open.push(Open {
            name: tag.name.clone(),
            written,
            hides,
            looks,
        });
    }

    /// The tag to write for an element; none for those inside a line or out of sight.
    fn tag_for(&mut self, tag: &Tag, style: &[(String, String)]) -> Option<&'static str> {
        let is_block = BLOCKS.contains(&tag.name.as_str()) || tag.name == "tr";
        if !is_block || self.is_over || self.hiding > 0 {
            return None;
        }
        if self.levels >= MAX_LEVELS {
            self.out.push_str("<br>");
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
        Some(match tag.name.as_str() {
            "p" if !is_line => "p",
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => "p",
            "ul" => "ul",
            "ol" => "ol",
            "li" if in_list => "li",
            "blockquote" => "blockquote",
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
            self.hiding -= usize::from(open.hides);
            if let Some(written) = open.written {
                self.levels -= 1;
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

    fn check(html: &str, expected: &str) {
        let text = to_text(html, true);
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
            "* One\n* Two\n1. x",
        );
        check(
            "<table><tr><td>Host<td>web1<tr><td>State<td><b>down</b></table>",
            "Host web1\nState down",
        );
        check(
            "<p class=MsoNormal>one</p><p class=MsoNormal>two</p>",
            "one\ntwo",
        );
        check("<a href='http://x.example/?a=1'>the page</a>", "the page");
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
            "<blockquote type='CITE'><blockquote type=cite>q</blockquote>q</blockquote>",
        ] {
            check(
                &format!("<html><body><div>yes</div>{quoted}</body></html>"),
                "yes",
            );
            assert!(to_text(quoted, false).contains('q'), "{quoted}");
        }
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
            "font color=red",
        ] {
            let html = format!("<{tag}>").repeat(30_000) + "text";
            let html = format!("seen {html}");
            assert!(plain(&html, false).len() < 2 * MAX_TEXT, "{tag}");
            assert!(to_text(&html, false).contains("seen"), "{tag}");
        }
        to_text(&"<".repeat(100_000), true);
        to_text(&"<!--".repeat(30_000), true);
        to_text(&"<script></".repeat(10_000), true);
        to_text(&"<a b='".repeat(20_000), true);
        to_text(&"</div>".repeat(20_000), true);
    }

    proptest! {
        #[test]
        fn any_text_is_a_document(html in "(?s).{0,60}", strip: bool) {
            to_text(&html, strip);
        }

        #[test]
        fn any_tags_are_a_document(
            tags in prop::collection::vec("</?(div|p|li|ul|td|tr|table|b|blockquote|pre|script|h1|é)( [a-z]+(=['\"]?[a-z:0]*['\"]?)?)?/?>?x?", 0..40),
            strip: bool,
        ) {
            to_text(&tags.concat(), strip);
        }
    }
}
