//! The mask as a whole (SECURITY.md, N60).

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use bytes::Bytes;
use std::{ops::Range, sync::Arc};

use super::{
    escape::{Front, front},
    *,
};

#[test]
fn a_secret_is_found_in_every_encoding_and_at_every_offset() {
    let text = "sk_canary-7+/=<&\"x\\y.z~\"";
    let mask = mask_of(&[text]);
    let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let mut encoded = vec![
        text.to_owned(),
        hex.to_uppercase(),
        hex,
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().to_lowercase(),
        serde_json::to_string(text).unwrap(),
        serde_json::to_string(text).unwrap().replace('/', "\\/"),
        serde_json::to_string(text).unwrap().replace('&', "\\u0026").replace('<', "\\u003C"),
        text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
        text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;"),
    ];
    let each = |write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<String>();
    encoded.extend([
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("\\u{byte:04X}")),
        each(&|byte| format!("&#{byte};")),
        each(&|byte| format!("&#x{byte:X};")),
        // As .NET writes JSON, and what only some escape.
        serde_json::to_string(text).unwrap().replace('+', "\\u002B").replace('=', "\\u003d"),
        text.replace('+', "&#x2B;").replace('=', "%3D").replace('"', "\\\""),
        STANDARD.encode(text).replace('+', "%2B").replace('/', "\\/").replace('=', "%3d"),
    ]);
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "1", "12"] {
            encoded.push(STANDARD.encode(format!("{before}{text}{after}")));
            encoded.push(URL_SAFE.encode(format!("{before}{text}{after}")));
        }
    }
    for text in encoded {
        let masked = mask.text(&text);
        assert!(masked.contains("[redacted]"), "not found in {text}");
    }
    assert_eq!(mask.text(&format!("a{text}b{text}c")), "a[redacted]b[redacted]c");
    let around = format!("%41\\u0042&lt;{}&gt;%4", each(&|byte| format!("&#{byte};")));
    assert_eq!(mask.text(&around), "%41\\u0042&lt;[redacted]&gt;%4");
    for left_alone in [
        "nothing \u{ff} here",
        "%",
        "%4",
        "%+4",
        "\\",
        "\\u12",
        "\\ud800",
        "&",
        "&#;",
        "&#x110000;",
        "&#+65;",
    ] {
        assert_eq!(mask.text(left_alone), left_alone);
    }
    assert_eq!(mask.bytes(b"nothing \xff here"), &b"nothing \xff here"[..]);
}

#[test]
fn what_overlaps_goes_in_one_piece() {
    let secrets =
        [Secret::new("abcdef"), Secret::new("defghi"), Secret::new("ghij"), Secret::new("redacted")];
    let mask = Mask::new(&secrets);
    assert_eq!(mask.text("xabcdefghijy"), "x[redacted]y");
    assert_eq!(mask.text("abcdefdefghi ghijghij"), "[redacted][redacted] [redacted][redacted]");
    assert_eq!(mask.text("abcdef redacted"), "[redacted] [redacted]");
}

#[test]
fn what_is_too_short_to_be_told_apart_is_left_alone() {
    let secrets = [Secret::new("abc"), Secret::new("defg")];
    let mask = Mask::new(&secrets);
    assert_eq!(mask.text("abc defg 64656667 ZGVmZw=="), "abc [redacted] 64656667 ZGVmZw==");
}

/// Made up, and so that every alphabet differs: base64 of it has `+` and `/`, hex has letters, and it repeats itself.
const SECRETS: [&str; 5] =
    ["rootly_00rootly_7f", "a?~b>?>~ \"c/\\%41&d", "4142aaaaaaaab", "p\u{e4}\u{1f511}ss", "abab"];

fn mask_of(secrets: &[&str]) -> Mask {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    Mask::new(&secrets)
}

/// What [`Mask::bytes`] says, found by looking at every place.
fn naively(mask: &Mask, text: &[u8]) -> Vec<u8> {
    let (mut plain, mut stood, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let (bytes, length) = match front(&text[at..]) {
            Front::Escape(escape) => (escape.stands_for().to_vec(), escape.length),
            Front::Plain | Front::Cut => (vec![text[at]], 1),
        };
        stood.extend(bytes.iter().map(|_| at..at + length));
        plain.extend(bytes);
        at += length;
    }
    let as_it_is: Vec<Range<usize>> = (0..text.len()).map(|at| at..at + 1).collect();
    let mut found = Vec::new();
    for (view, stood) in [(text, &as_it_is), (&plain, &stood)] {
        for needle in &mask.needles {
            let windows = view.windows(needle.len()).enumerate();
            let occurrences = windows.filter(|(_, window)| needle.begins_with(window));
            found.extend(occurrences.map(|(at, _)| stood[at].start..stood[at + needle.len() - 1].end));
        }
    }
    found.sort_by_key(|range| (range.start, range.end));
    let (mut out, mut done) = (Vec::new(), 0);
    for range in found {
        if range.start >= done {
            out.extend_from_slice(&text[done..range.start]);
            out.extend_from_slice(REDACTED);
        }
        done = done.max(range.end);
    }
    out.extend_from_slice(&text[done..]);
    out
}

/// Puts a text through a stream in pieces that end there. Checks after each of them that no more is held back than may be.
fn streamed(mask: &Arc<Mask>, text: &[u8], ends: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let mut stream = MaskStream::new(Arc::clone(mask));
    let (mut out, mut begin) = (Vec::new(), 0);
    for end in ends.into_iter().chain([text.len()]) {
        stream.push(Bytes::copy_from_slice(&text[begin..end]), &mut out);
        begin = end;
        assert!(stream.held() <= 12 * mask.longest, "{} bytes are held back", stream.held());
    }
    stream.finish(&mut out);
    assert_eq!(stream.held(), 0);
    out.concat()
}

/// Ways to write a text, with the name of each.
fn writings(text: &str) -> Vec<(&'static str, String)> {
    let each = |write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<String>();
    let json = serde_json::to_string(text).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let each_char = |write: &dyn Fn(char) -> String| text.chars().map(write).collect::<String>();
    let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let mut writings = vec![
        ("as it is", text.to_owned()),
        ("percent", utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()),
        ("percent, all", each(&|byte| format!("%{byte:02x}"))),
        ("JSON with slashes", json.replace('/', "\\/")),
        ("JSON", json),
        ("JSON, all", units.concat()),
        ("HTML, all", each_char(&|c| format!("&#{};", u32::from(c)))),
        ("HTML, all in hex", each_char(&|c| format!("&#x{:X};", u32::from(c)))),
        ("every third", {
            let write = |(at, byte): (usize, u8)| match at % 3 {
                0 if byte.is_ascii() => format!("\\u{byte:04X}"),
                1 | 0 => format!("%{byte:02X}"),
                _ if byte.is_ascii() => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            };
            text.bytes().enumerate().map(write).collect()
        }),
    ];
    if text.len() >= 8 {
        writings.extend([
            ("hex", each(&|byte| format!("{byte:02x}"))),
            ("HEX", each(&|byte| format!("{byte:02X}"))),
            ("Hex", each(&|byte| format!("{:x}{:X}", byte >> 4, byte & 15))),
            ("form", text.replace(' ', "+")),
        ]);
        for before in ["", "u", "u:"] {
            writings.extend([
                ("base64", STANDARD.encode(format!("{before}{text}"))),
                ("base64 for URLs", URL_SAFE.encode(format!("{before}{text}"))),
                ("base64 in JSON", STANDARD.encode(format!("{before}{text}")).replace('/', "\\/")),
                ("base64 in a URL", STANDARD.encode(format!("{before}{text}")).replace('+', "%2b")),
            ]);
        }
    }
    writings
}

#[test]
fn n60_an_echo_is_masked_across_every_border_of_pieces() {
    for secrets in [&SECRETS[..1], &SECRETS[1..2], &SECRETS[2..4], &SECRETS] {
        let mask = Arc::new(mask_of(secrets));
        for (secret, writing, echo) in secrets
            .iter()
            .flat_map(|secret| writings(secret).into_iter().map(move |(name, echo)| (secret, name, echo)))
        {
            for (before, after) in
                [("{\"key\":\"", "\"}"), ("", ""), ("Location: https://x.example/?k=", "&n=%20")]
            {
                let text = [before, &echo, after].concat();
                assert!(mask.holds(text.as_bytes()), "{writing} of {secret} in {text}");
                let whole = mask.text(&text);
                assert_eq!(whole.as_bytes(), naively(&mask, text.as_bytes()), "{writing} of {secret}");
                assert!(whole.starts_with(before) && whole.ends_with(after), "{whole}");
                let longest = if writing.starts_with("base64") { 12 } else { 0 };
                assert!(whole.len() <= before.len() + after.len() + REDACTED.len() + longest, "{whole}");
                for border in 0..text.len() {
                    assert_eq!(
                        streamed(&mask, text.as_bytes(), [border]),
                        whole.as_bytes(),
                        "{writing} of {secret}, cut at {border} of {text}"
                    );
                }
                assert_eq!(streamed(&mask, text.as_bytes(), 0..text.len()), whole.as_bytes(), "{text}");
            }
        }
    }
}

#[test]
fn n60_however_a_text_is_cut_the_same_comes_out() {
    let mut random = fastrand::Rng::with_seed(60);
    for round in 0..1500 {
        let count = random.usize(1..=SECRETS.len());
        let secrets: Vec<&str> = (0..count).map(|_| SECRETS[random.usize(..SECRETS.len())]).collect();
        let mask = Arc::new(mask_of(&secrets));
        let mut text = Vec::new();
        for _ in 0..random.usize(1..20) {
            let bits =
                ["\\", "\\\\", "%", "&", "\"", "/", "\\u", "\\ud83d", "&#x6", "%4", "1", "é", ";", " ", "a"];
            let bit = match random.u8(..8) {
                0..3 => bits[random.usize(..bits.len())].into(),
                3 => "{\"a\": \"b\\\"c\", \"u\": \"https:\\/\\/x.example\\/?p=%5B1%5D&q=2\"}".into(),
                _ => {
                    let writings = writings(secrets[random.usize(..count)]);
                    let echo = writings[random.usize(..writings.len())].1.clone().into_bytes();
                    // A part of an occurrence more often than a whole one.
                    let begin = if random.bool() { 0 } else { random.usize(..echo.len()) };
                    let end = if random.bool() { echo.len() } else { random.usize(begin..=echo.len()) };
                    String::from_utf8_lossy(&echo[begin..end]).into_owned()
                }
            };
            text.extend_from_slice(bit.as_bytes());
        }
        let whole = mask.bytes(&text);
        let shown = String::from_utf8_lossy(&text);
        assert_eq!(whole, naively(&mask, &text), "round {round}: {shown}");
        assert_eq!(mask.holds(&text), matches!(whole, Cow::Owned(_)), "round {round}: {shown}");
        for pieces in 1..6 {
            let mut ends: Vec<usize> = (0..pieces).map(|_| random.usize(..=text.len())).collect();
            ends.sort_unstable();
            assert_eq!(streamed(&mask, &text, ends.clone()), *whole, "round {round}, {ends:?}: {shown}");
        }
    }
}

#[test]
fn n60_every_other_backslash_of_a_run_escapes() {
    let mask = Arc::new(mask_of(&SECRETS[..1]));
    for (before, run) in (0..300).flat_map(|run| [("", run), ("x", run)]) {
        let text = format!("{before}{}u0072{}", "\\".repeat(run), &SECRETS[0][1..]);
        let expected = naively(&mask, text.as_bytes());
        assert_eq!(mask.bytes(text.as_bytes()), expected, "{run} backslashes");
        assert_eq!(expected.ends_with(REDACTED), run % 2 == 1);
        assert_eq!(streamed(&mask, text.as_bytes(), [run / 2]), expected, "{run} backslashes");
    }
}

#[test]
fn n60_what_holds_nothing_is_passed_on_as_it_is_and_at_once() {
    let mask = Arc::new(mask_of(&["rootly_0123456789abcdef"]));
    let mut stream = MaskStream::new(mask);
    for text in ["data: {\"a\":\"b\\n\"}\n\n", "event: rootly\n\n", "\u{e4}", "100% \\ &"] {
        let (piece, mut out) = (Bytes::from(text), Vec::new());
        stream.push(piece.clone(), &mut out);
        let expected = if text.ends_with('&') { "100% \\ " } else { text };
        assert_eq!(out, [expected]);
        assert_eq!(out[0].as_ptr(), piece.as_ptr(), "not a copy");
    }
    let mut out = Vec::new();
    stream.finish(&mut out);
    assert_eq!(out, ["&"]);
    assert_eq!(mask_of(&["abc"]).bytes(b"abc"), Cow::Borrowed(b"abc"));
    let (mut stream, mut out) = (MaskStream::new(Arc::new(mask_of(&[]))), Vec::new());
    stream.push(Bytes::from_static(b"%41\\"), &mut out);
    assert_eq!(out, ["%41\\"]);
}

/// Twice the text takes twice the time: were it the square, this would not end.
#[test]
fn i10_no_text_costs_more_than_its_length() {
    const LENGTH: usize = 1 << 16;
    let repeating = ["a".repeat(2000) + "b", "ab".repeat(1000) + "c", "?".repeat(500) + "x"];
    let mask = Arc::new(mask_of(&[&repeating[0], &repeating[1], &repeating[2], SECRETS[0]]));
    let floods = [
        "%",
        "\\",
        "&",
        "%7",
        "\\u",
        "&#",
        "\\u005",
        "a",
        "ab",
        "\\u0061",
        "%61",
        "&#97;",
        "Pz8/",
        "3f",
        "rootly_0",
        "rootly_00rootly_7",
        "\\\\u",
        "&amp",
        "%3f",
        "\\/",
    ];
    for flood in floods {
        let text = flood.repeat(LENGTH / flood.len());
        assert_eq!(*mask.bytes(text.as_bytes()), *text.as_bytes(), "{flood}");
        let ends = (0..text.len()).step_by(997);
        assert_eq!(streamed(&mask, text.as_bytes(), ends), text.as_bytes(), "{flood}");
        let found = mask_of(&[&flood.repeat(4)]);
        assert!(found.bytes(text.as_bytes()).starts_with(REDACTED), "{flood}");
    }
}
