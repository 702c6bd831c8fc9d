//! What all of `segment` promises.

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::super::Language;
use super::*;

fn options(fold: Fold, coding: Coding) -> Options {
    Options {
        fold,
        coding,
        reference: 0x1234,
        ..Options::default()
    }
}

fn auto(text: &str) -> Cut {
    cut(text, &Options::default()).unwrap()
}

#[track_caller]
fn check(text: &str, encoding: Encoding, units: &[usize]) {
    let cut = auto(text);
    let found: Vec<usize> = cut.segments.iter().map(|s| s.units).collect();
    assert_eq!(
        (cut.encoding, found.as_slice()),
        (encoding, units),
        "{text:?}"
    );
    assert_eq!(count(text, &Options::default()), Ok(units.len()));
}

#[test]
fn borders_of_gsm7() {
    check("", Encoding::Gsm7, &[0]);
    check(&"a".repeat(160), Encoding::Gsm7, &[160]);
    check(&"a".repeat(161), Encoding::Gsm7, &[153, 8]);
    check(&"a".repeat(306), Encoding::Gsm7, &[153, 153]);
    check(&"a".repeat(307), Encoding::Gsm7, &[153, 153, 1]);
    check(&"€".repeat(80), Encoding::Gsm7, &[160]);
    check(&"€".repeat(81), Encoding::Gsm7, &[152, 10]);
    check(&format!("{}€b", "a".repeat(152)), Encoding::Gsm7, &[155]);
    check(
        &format!("{}€{}", "a".repeat(152), "b".repeat(10)),
        Encoding::Gsm7,
        &[152, 12],
    );
}

#[test]
fn borders_of_ucs2() {
    check(&"я".repeat(70), Encoding::Ucs2, &[70]);
    check(&"я".repeat(71), Encoding::Ucs2, &[67, 4]);
    check(&"😀".repeat(35), Encoding::Ucs2, &[70]);
    check(&"😀".repeat(36), Encoding::Ucs2, &[66, 6]);
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦"; // 11 units
    check(
        &format!("{}{family}", "я".repeat(60)),
        Encoding::Ucs2,
        &[60, 11],
    );
    check(
        &format!("{}e\u{301}я", "я".repeat(66)),
        Encoding::Ucs2,
        &[69],
    );
    check(
        &format!("{}q\u{301}яяя", "я".repeat(66)),
        Encoding::Ucs2,
        &[66, 5],
    );
    let endless = format!("я{}", "\u{301}".repeat(100));
    check(&endless, Encoding::Ucs2, &[67, 34]);
    check(&format!("яя{endless}"), Encoding::Ucs2, &[67, 36]);
}

#[test]
fn wide_references_cost_one_unit() {
    let wide = Options {
        wide: true,
        reference: 0x1234,
        ..Options::default()
    };
    let cut = cut(&"a".repeat(161), &wide).unwrap();
    assert_eq!(cut.segments[0].units, 152);
    let concat = Concat {
        reference: 0x1234,
        wide: true,
        part: 2,
        parts: 2,
    };
    assert_eq!(cut.segments[1].concat, Some(concat));
}

#[test]
fn a_narrow_reference_has_eight_bits() {
    let cut = cut(&"a".repeat(161), &options(Fold::None, Coding::Auto)).unwrap();
    assert_eq!(cut.segments[0].concat.unwrap().reference, 0x34);
}

#[track_caller]
fn check_coding(
    text: &str,
    fold: Fold,
    coding: Coding,
    wanted: Result<(&str, bool, &str), CutError>,
) {
    let found = cut(text, &options(fold, coding));
    let forced = |cut: &Cut| cut.forced_ucs2.iter().collect::<String>();
    let found = found.map(|cut| (cut.segments[0].text.clone(), cut.folded, forced(&cut)));
    let wanted = wanted.map(|(text, folded, forced)| (text.to_owned(), folded, forced.to_owned()));
    assert_eq!(found, wanted, "{text:?} {fold:?} {coding:?}");
}

#[test]
fn coding_and_folding() {
    use Coding::{Auto, Gsm7, Ucs2};
    use Fold::{All, None as Never, Typographic};
    check_coding("It’s", Never, Auto, Ok(("It’s", false, "’")));
    check_coding("It’s", Typographic, Auto, Ok(("It's", true, "")));
    check_coding("It’s", Typographic, Ucs2, Ok(("It’s", false, "")));
    check_coding("It’s", Typographic, Gsm7, Ok(("It's", true, "")));
    check_coding("It’s", Never, Gsm7, Err(CutError::NotGsm7('’')));
    check_coding("It’s čas", Typographic, Auto, Ok(("It’s čas", false, "č")));
    check_coding("It’s čas", All, Auto, Ok(("It's cas", true, "")));
    check_coding("It’s 中文", All, Auto, Ok(("It’s 中文", false, "中文")));
    check_coding("It’s 中文", All, Gsm7, Err(CutError::NotGsm7('中')));
    let many = "žluťoučký kůň";
    check_coding(many, Typographic, Auto, Ok((many, false, "žťčýů")));
    // Three septets each: UCS-2 is one SMS.
    let dots = "…".repeat(60);
    check_coding(&dots, Typographic, Auto, Ok((&dots, false, "")));
    check_coding(
        &dots[..3 * 53],
        Typographic,
        Auto,
        Ok((&"...".repeat(53), true, "")),
    );
}

#[track_caller]
fn check_tables(languages: &[Language], text: &str, wanted: &str) {
    let options = Options {
        languages: languages.iter().copied().collect(),
        fold: Fold::Typographic,
        ..Options::default()
    };
    let cut = cut(text, &options).unwrap();
    let name = |language: Option<Language>| language.map_or("-", Language::name);
    let units: Vec<String> = cut.segments.iter().map(|s| s.units.to_string()).collect();
    let found = format!(
        "{} {} {} {}",
        cut.encoding.name(),
        name(cut.shifts.locking),
        name(cut.shifts.single),
        units.join(" ")
    );
    assert_eq!(found, wanted, "{text:?}");
    assert_eq!(count(text, &options), Ok(cut.segments.len()));
}

#[test]
fn tables_when_they_save_segments() {
    use Language::{Bengali, Hindi, Portuguese, Spanish, Turkish};
    let all = Language::ALL;
    check_tables(&[], &"ş".repeat(71), "ucs2 - - 67 4");
    // One SMS either way.
    check_tables(&[Turkish], &"ş".repeat(70), "ucs2 - - 70");
    check_tables(
        &[Turkish],
        &format!("ş{}", "a".repeat(153)),
        "gsm7 - turkish 155",
    );
    check_tables(&[Turkish], &"ş".repeat(71), "gsm7 - turkish 142");
    check_tables(&[Turkish], &"ş".repeat(100), "gsm7 turkish - 100");
    check_tables(&[Turkish], &"ş".repeat(155), "gsm7 turkish - 155");
    check_tables(&[Turkish], &"ş".repeat(156), "gsm7 turkish - 149 7");
    check_tables(
        &[Spanish],
        &format!("¿Qué? {}", "á".repeat(72)),
        "gsm7 - spanish 150",
    );
    check_tables(
        &[Spanish, Portuguese],
        &"á".repeat(78),
        "gsm7 portuguese - 78",
    );
    // Capitals are in the single table, and both are needed.
    check_tables(
        &[Hindi],
        &format!("SMS {}", "अ".repeat(100)),
        "gsm7 hindi hindi 107",
    );
    let capitals = format!("SMS {}", "अ".repeat(100));
    check_tables(&all, &capitals, "gsm7 hindi hindi 107");
    check_tables(&[Hindi], &"अ ".repeat(70), "gsm7 hindi - 140");
    check_tables(
        &all,
        &format!("ş{}", "ক".repeat(100)),
        "gsm7 bengali turkish 102",
    );
    // Nothing is saved where there is but one SMS, nor where tables lack a character.
    check_tables(&all, "Merhaba, nasılsın?", "ucs2 - - 18");
    check_tables(&all, &format!("ş😀{}", "a".repeat(70)), "ucs2 - - 67 6");
    check_tables(&[Bengali, Turkish], &"a".repeat(200), "gsm7 - - 153 47");
    // Characters of the extension table that take one septet of a locking one.
    check_tables(&[Portuguese], &"€".repeat(100), "gsm7 portuguese - 100");
    // Folded where the tables lack a character, and only there.
    check_tables(
        &[Turkish],
        &format!("’{}", "ş".repeat(100)),
        "gsm7 turkish - 101",
    );
}

#[test]
fn what_forced_ucs2_is_what_no_table_has() {
    let options = Options {
        languages: [Language::Turkish].into_iter().collect(),
        ..Options::default()
    };
    let cut = cut(&format!("ş中{}", "ğ".repeat(100)), &options).unwrap();
    assert_eq!(cut.forced_ucs2, ['中']);
}

#[test]
fn not_over_the_limit() {
    let most = "a".repeat(153 * 128);
    assert_eq!(auto(&most).segments.len(), 128);
    let more = most + "a";
    assert_eq!(cut(&more, &Options::default()), Err(CutError::TooLong));
    assert_eq!(count(&more, &Options::default()), Ok(129));
}

#[track_caller]
fn check_shorten(text: &str, segments: usize, wanted: &str) {
    assert_eq!(
        shorten(text, segments, &Options::default()).unwrap(),
        wanted
    );
}

#[test]
fn shortening() {
    check_shorten("short", 1, "short");
    check_shorten(&"a".repeat(200), 1, &format!("{}...", "a".repeat(157)));
    check_shorten(&"a".repeat(400), 2, &format!("{}...", "a".repeat(303)));
    check_shorten(
        &"word ".repeat(40),
        1,
        &format!("{}word...", "word ".repeat(30)),
    );
    check_shorten(
        &"слово ".repeat(40),
        1,
        &format!("{}слово…", "слово ".repeat(10)),
    );
    check_shorten(&"😀".repeat(40), 1, &format!("{}…", "😀".repeat(34)));
    // What forces UCS-2 stands behind the cut.
    check_shorten(
        &format!("{}中", "a".repeat(200)),
        1,
        &format!("{}...", "a".repeat(157)),
    );
    check_shorten(&"a".repeat(200), 0, &format!("{}...", "a".repeat(157)));
}

#[test]
fn an_endless_cluster_takes_linear_time() {
    let endless = "👨\u{200d}".repeat(500_000);
    assert_eq!(count(&endless, &Options::default()), Ok(22_728));
}

/// What one SMS holds, by hand: alone, with an 8-bit reference, with a 16-bit one.
fn rooms(encoding: Encoding, shifts: Shifts) -> [usize; 3] {
    match (encoding, shifts.count()) {
        (Encoding::Gsm7, 0) => [160, 153, 152],
        (Encoding::Gsm7, 1) => [155, 149, 148],
        (Encoding::Gsm7, _) => [152, 146, 145],
        _ => [70, 67, 66],
    }
}

fn cost(text: &str, encoding: Encoding, shifts: Shifts) -> usize {
    match encoding {
        Encoding::Gsm7 => alphabet::encode_with(text, shifts).expect("septets").len(),
        _ => text.encode_utf16().count(),
    }
}

/// The fewest segments, by trying every border.
fn fewest(text: &str, encoding: Encoding, shifts: Shifts, wide: bool) -> usize {
    let cost = |text: &str| cost(text, encoding, shifts);
    let [alone, narrow, with_wide] = rooms(encoding, shifts);
    if cost(text) <= alone {
        return 1;
    }
    let limit = if wide { with_wide } else { narrow };
    let mut atoms = Vec::new();
    for cluster in text.graphemes(true) {
        match cost(cluster) {
            whole if whole <= limit => atoms.push(whole),
            _ => atoms.extend(cluster.chars().map(|c| cost(c.encode_utf8(&mut [0; 4])))),
        }
    }
    let mut best = vec![usize::MAX; atoms.len() + 1];
    best[0] = 0;
    for end in 1..=atoms.len() {
        let mut units = 0;
        for start in (0..end).rev() {
            units += atoms[start];
            if units > limit {
                break;
            }
            best[end] = best[end].min(best[start] + 1);
        }
    }
    best[atoms.len()]
}

/// The fewest segments of all ways, and how plain the best way is, by trying every way.
fn best(text: &str, options: &Options) -> Option<(usize, usize)> {
    let one = || std::iter::once(None).chain(options.languages.iter().map(Some));
    let mut found = Vec::new();
    if options.coding != Coding::Gsm7 {
        let segments = fewest(text, Encoding::Ucs2, Shifts::default(), options.wide);
        found.push((segments, 1));
    }
    for (locking, single) in one().flat_map(|l| one().map(move |s| (l, s))) {
        let shifts = Shifts { locking, single };
        let folded = alphabet::fold_in(text, options.fold, shifts);
        let fits = alphabet::encode_with(&folded, shifts).is_some();
        if options.coding != Coding::Ucs2 && locking != Some(Language::Spanish) && fits {
            let rank = [0, 2, 3][shifts.count()];
            found.push((fewest(&folded, Encoding::Gsm7, shifts, options.wide), rank));
        }
    }
    found.into_iter().min()
}

/// Texts of a few hundred units of all kinds.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z ]{1,20}",
        2 => "[şğıİáíóúãõç€^A-Z’]{1,20}",
        1 => "[अ-नA-Z.,।]{1,20}",
        2 => Just("€".to_owned()),
        1 => Just("’".to_owned()),
        1 => "[áčř]{1,3}",
        1 => Just("😀".to_owned()),
        1 => Just("👩🏽\u{200d}🚀".to_owned()),
        1 => Just("🇨🇿".to_owned()),
        1 => Just("q\u{301}\u{302}".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    let long = (
        0usize..400,
        prop::sample::select(vec![
            "a",
            "я",
            "\u{301}",
            "€",
            "😀",
            "👨\u{200d}",
            "ş",
            "ã",
            "क",
        ]),
    );
    let long = long.prop_map(|(times, what)| what.repeat(times));
    let pieces = prop::collection::vec(prop_oneof![8 => piece, 1 => long], 0..60);
    prop_oneof![
        2 => pieces.prop_map(|pieces| pieces.concat()),
        2 => "[a-z€ ]{140,330}",
        1 => "[a-zşğ ’]{140,330}",
        1 => "[a-zşãá€~’]{140,330}",
        1 => "[अ-नक-म a-zA-Z]{100,330}",
        1 => "[\u{901}-\u{97f} ]{60,200}",
    ]
}

fn any_options() -> impl Strategy<Value = Options> {
    let fold = prop::sample::select(vec![Fold::None, Fold::Typographic, Fold::All]);
    let coding = prop::sample::select(vec![Coding::Auto, Coding::Auto, Coding::Gsm7, Coding::Ucs2]);
    let languages = prop::collection::vec(prop::sample::select(Language::ALL.to_vec()), 0..3);
    let usual = Just(vec![
        Language::Turkish,
        Language::Portuguese,
        Language::Hindi,
    ]);
    let languages = prop_oneof![2 => languages, 1 => usual];
    let options = (fold, coding, languages, any::<u16>(), any::<bool>());
    options.prop_map(|(fold, coding, languages, reference, wide)| Options {
        fold,
        coding,
        languages: languages.into_iter().collect(),
        reference,
        wide,
    })
}

proptest! {
    #[test]
    fn a_cut_is_whole_and_small(text in texts(), options in any_options()) {
        let best = best(&text, &options);
        let Ok(cut) = cut(&text, &options) else {
            prop_assert!(best.is_none_or(|(segments, _)| segments > MAX_SEGMENTS.into()));
            return Ok(());
        };
        let joined: String = cut.segments.iter().map(|s| s.text.as_str()).collect();
        let wanted = match cut.encoding {
            Encoding::Gsm7 => alphabet::fold_in(&text, options.fold, cut.shifts),
            _ => (&text).into(),
        };
        prop_assert_eq!(&joined, &wanted);
        prop_assert_eq!(cut.folded, joined != text);
        let rank = if cut.encoding == Encoding::Ucs2 { 1 } else { [0, 2, 3][cut.shifts.count()] };
        prop_assert_eq!(Some((cut.segments.len(), rank)), best);
        prop_assert_eq!(count(&text, &options), Ok(cut.segments.len()));
        prop_assert!(cut.forced_ucs2.is_empty() || cut.encoding == Encoding::Ucs2);
        let alone = cut.segments.len() == 1;
        let [single, narrow, wide] = rooms(cut.encoding, cut.shifts);
        let limit = if alone { single } else if options.wide { wide } else { narrow };
        for (index, segment) in cut.segments.iter().enumerate() {
            let units = cost(&segment.text, cut.encoding, cut.shifts);
            prop_assert_eq!(units, segment.units);
            prop_assert!(units <= limit);
            prop_assert_eq!(segment.concat.is_none(), alone);
            prop_assert!(segment.concat.is_none_or(|c| usize::from(c.part) == index + 1));
            prop_assert_eq!(segment.shifts, cut.shifts);
        }
        let again = cut_as(&joined, cut.encoding, cut.shifts, options.reference as u8).unwrap();
        let texts = |segments: &[Segment]| segments.iter().map(|s| s.text.clone()).collect::<Vec<_>>();
        prop_assert!(options.wide || texts(&again) == texts(&cut.segments));
    }

    #[test]
    fn what_is_shortened_fits(text in texts(), options in any_options(), most in 0usize..5) {
        let Ok(shorter) = shorten(&text, most, &options) else { return Ok(()) };
        prop_assert!(count(&shorter, &options).unwrap() <= most.max(1));
        if count(&text, &options).unwrap() <= most.max(1) {
            prop_assert_eq!(shorter.as_ref(), text.as_str());
        }
    }

    /// A beginning of the text and the mark; between clusters, and between words if there is a blank near.
    #[test]
    fn what_is_shortened_ends_well(
        words in prop::collection::vec(r"[a-zé€]{1,12}|👩‍👩‍👧|🇩🇪|e\u{301}{1,3}|[ß-ü]{20,60}", 5..120),
        most in 1usize..4,
    ) {
        let text = words.join(" ");
        let options = Options::default();
        let shorter = shorten(&text, most, &options).unwrap();
        if count(&text, &options).unwrap() <= most {
            return Ok(());
        }
        prop_assert!(count(&shorter, &options).unwrap() <= most);
        let kept = shorter.strip_suffix("...").or(shorter.strip_suffix('…'));
        let kept = kept.expect("a mark");
        prop_assert!(text.starts_with(kept));
        let mut borders = text.grapheme_indices(true).map(|(at, _)| at);
        prop_assert!(borders.any(|at| at == kept.len()), "within a cluster: {kept:?}");
        let ends_word = text[kept.len()..].starts_with(' ');
        let near = kept.chars().rev().take(20).any(|c| c == ' ');
        prop_assert!(ends_word || !near, "within a word: {kept:?}");
    }

    #[test]
    fn any_string_is_cut_or_refused(text in any::<String>(), options in any_options()) {
        let _ = cut(&text, &options);
    }
}
