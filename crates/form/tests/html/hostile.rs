//! Descriptors whose every text would like to be more than text.

use serde_json::json;

/// What breaks out of an element, an attribute, a comment, a template, or JSON, where nobody escapes.
const PARTS: [&str; 28] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"",
    "' onmouseover='alert(1)",
    "</form><form action=//evil.example>",
    "</textarea>",
    "</select></option>",
    "</label></p></li></ol></section>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<input name=api_key value=x>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "&quot;&amp;&",
    "javascript:alert(1)",
    "{{7*7}}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "\\u003cscript\\u003e \\",
    "%3Cscript%3E",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} <b",
];

/// Each of the parts, and some hundred of them joined.
pub(crate) fn texts() -> impl Iterator<Item = String> {
    // Knuth's multiplier: spread, and the same on every run.
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        PARTS[usize::try_from(state >> 33).unwrap() % PARTS.len()]
    };
    let joined = std::iter::repeat_with(move || [next(), next(), next()].concat()).take(100);
    PARTS.map(str::to_owned).into_iter().chain(joined)
}

/// A descriptor that says this wherever it may say something. JSON is YAML.
pub(crate) fn descriptor(text: &str) -> String {
    let target = text.replace(['(', ')'], "");
    let marked = format!("**{text}** [{text}x](https://evil.example/?{target}) `{text}`");
    // Brackets and bars would be markup.
    let marked = if text.contains(['[', ']', '`']) { text.to_owned() } else { marked };
    let table = format!("| {text} | b |\n|---|---|\n| a | {text} |");
    // Quotes around a value are trimmed, and a descriptor says a value as it is kept.
    let value = format!("x{text}x");
    let hints = json!({ "prefix": text, "length": 500, "say": text });
    let mistakes = json!([
        { "prefix": text, "is": "warn", "say": text },
        { "suffix": text, "contains": text, "is": "refuse", "say": text },
    ]);
    json!({
        "version": 1,
        "id": "hostile",
        "name": text,
        "summary": text,
        "links": { "docs": format!("https://evil.example/{text}"), "keys": "https://evil.example/\"onclick=\"alert(1)" },
        "seen_live": "never",
        "api": { "origin": "https://evil.example" },
        "methods": { "key": {
            "label": text,
            "guide": { "needs": [text, marked], "steps": [text, table], "warnings": [text, marked] },
            "fields": {
                "key": {
                    "label": text, "help": marked, "placeholder": text, "step": 2, "strip": [text],
                    "shape": hints, "mistakes": mistakes,
                },
                "pem": { "label": text, "placeholder": text, "multiline": true, "optional": true, "mistakes": mistakes },
                "region": {
                    "label": text, "secret": false, "choices": [{ "value": "a", "label": text }, { "value": value }],
                    "otherwise": text,
                },
                "note": { "label": text, "help": text, "secret": false, "default": value },
                "lines": { "label": text, "secret": false, "multiline": true, "default": value },
            },
            "authorize": { "headers": { "authorization": "Bearer {key}" } },
            "check": {
                "request": "GET /me",
                "valid": { "status": 200, "body": { "/id": { "exists": true } } },
                "account": { "id": "/id", "label": ["{/name}"] },
            },
        } },
    })
    .to_string()
}
