//! How mail programs mark, in classes and ids, what their reader did not write.
//!
//! Gmail, Outlook (desktop, web, mobile), Apple Mail, Thunderbird, Yahoo, Proton, Tuta, Zoho, Zimbra, K-9, Samsung;
//! newsletters for their previews. A new program is a new name in a list.

use super::token::Tag;

fn is_one_of(tag: &Tag, classes: &[&str], ids: &[&str]) -> bool {
    let id = tag.get("id").unwrap_or_default();
    // Gmail and Outlook on the web write `x_` before the names of others.
    let is = |name: &str, wanted: &&str| name.trim_start_matches("x_").eq_ignore_ascii_case(wanted);
    ids.iter().any(|wanted| is(id, wanted))
        || tag.get("class").is_some_and(|all| {
            let mut names = all.split_ascii_whitespace();
            names.any(|name| classes.iter().any(|wanted| is(name, wanted)))
        })
}

/// Containers in which mail programs put the mail that is answered.
pub(super) fn is_quote(tag: &Tag) -> bool {
    const CLASSES: [&str; 9] = [
        "gmail_quote",
        "gmail_quote_container",
        "gmail_extra",
        "gmail_attr",
        "moz-cite-prefix",
        "yahoo_quoted",
        "protonmail_quote",
        "tutanota_quote",
        "zmail_extra",
    ];
    let is_cite = |t: &str| t.eq_ignore_ascii_case("cite");
    is_one_of(tag, &CLASSES, &["OLK_SRC_BODY_SECTION", "isReplyContent"])
        || tag
            .get("id")
            .is_some_and(|id| id.starts_with("yahoo_quoted"))
        || tag.name == "blockquote" && tag.get("type").is_some_and(is_cite)
}

/// Outlook and Zimbra mark only where the answered mail begins: all that follows belongs to it.
pub(super) fn begins_quote(tag: &Tag) -> bool {
    const IDS: [&str; 4] = [
        "appendonsend",
        "divRplyFwdMsg",
        "mail-editor-reference-message-container",
        "zwchr",
    ];
    is_one_of(tag, &["OutlookMessageHeader"], &IDS)
}

/// Containers of signatures, those that programs write included.
pub(super) fn is_signature(tag: &Tag) -> bool {
    const CLASSES: [&str; 6] = [
        "gmail_signature",
        "gmail_signature_prefix",
        "moz-signature",
        "protonmail_signature_block",
        "tutanota_signature",
        "k9mail-signature",
    ];
    const IDS: [&str; 4] = [
        "Signature",
        "AppleMailSignature",
        "ms-outlook-mobile-signature",
        "composer_signature",
    ];
    is_one_of(tag, &CLASSES, &IDS)
}

/// What a newsletter says to the list of mails, not to its reader.
pub(super) fn is_preview(tag: &Tag) -> bool {
    const CLASSES: [&str; 4] = [
        "preheader",
        "preview-text",
        "mcnPreviewText",
        "preheader-text",
    ];
    is_one_of(tag, &CLASSES, &[])
}
