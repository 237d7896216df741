use super::*;

fn origin(text: &str) -> Origin {
    Origin::parse(text).or_else(|_| Origin::parse_loopback(text)).unwrap()
}

/// Two origins of one host, one elsewhere, and a test server; the first as drop-in has it, the others behind it.
fn rewrite(base: &str) -> Arc<Rewrite> {
    Arc::new(Rewrite::new([
        (origin("https://api.rootly.com"), base.to_owned()),
        (origin("https://files.rootly.com:8443"), format!("{base}/@files.rootly.com:8443")),
        (origin("http://127.0.0.1:9000"), format!("{base}/@127.0.0.1:9000/")),
    ]))
}

fn streamed(rewrite: &Arc<Rewrite>, text: &[u8], ends: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let mut stream = RewriteStream::new(Arc::clone(rewrite));
    let (mut out, mut begin) = (Vec::new(), 0);
    for end in ends.into_iter().chain([text.len()]) {
        stream.push(Bytes::copy_from_slice(&text[begin..end]), &mut out);
        begin = end;
        assert!(stream.held.len() < rewrite.longest);
    }
    stream.finish(&mut out);
    out.concat()
}

/// `${}` stands for the base.
const URLS: [(&str, &str); 44] = [
    (r#"{"next":"https://api.rootly.com/v1?page=2"}"#, r#"{"next":"${}/v1?page=2"}"#),
    (r#"{"next":"https:\/\/api.rootly.com\/v1"}"#, r#"{"next":"$\{}\/v1"}"#),
    (r#""https:\u002f\u002fapi.rootly.com\u002fv1""#, r#""$s{}\u002fv1""#),
    (r#""https:\u002F\u002Fapi.rootly.com\u002Fv1""#, r#""$c{}\u002Fv1""#),
    (r#""https://api.rootly.com""#, r#""${}""#),
    ("https://api.rootly.com", "${}"),
    ("HTTPS://Api.ROOTLY.com/x", "${}/x"),
    ("https://api.rootly.com:443/x", "${}/x"),
    ("https://api.rootly.com?x", "${}?x"),
    ("https://api.rootly.com#x", "${}#x"),
    ("<https://api.rootly.com>", "<${}>"),
    ("'https://api.rootly.com'", "'${}'"),
    (r"see https://api.rootly.com\nhttps://api.rootly.com\n", r"see ${}\n${}\n"),
    (r#""<a href=\"https://api.rootly.com\">""#, r#""<a href=\"${}\">""#),
    (r"https://api.rootly.com\u003fx", r"${}\u003fx"),
    ("https://api.rootly.com/https://api.rootly.com/", "${}/${}/"),
    ("https://files.rootly.com:8443/x", "${}/@files.rootly.com:8443/x"),
    ("http://127.0.0.1:9000/x", "${}/@127.0.0.1:9000/x"),
    (r"hhttps:\/\/api.rootly.com\/", r"h$\{}\/"),
    ("httphttps://api.rootly.com/", "http${}/"),
    // Of another origin.
    ("http://api.rootly.com/x", "http://api.rootly.com/x"),
    ("https://api.rootly.com.evil.example/x", "https://api.rootly.com.evil.example/x"),
    ("https://api.rootly.com.", "https://api.rootly.com."),
    ("https://api.rootly.comx/", "https://api.rootly.comx/"),
    ("https://api.rootly.com-x/", "https://api.rootly.com-x/"),
    ("https://xapi.rootly.com/", "https://xapi.rootly.com/"),
    ("https://api.rootly.com:8443/x", "https://api.rootly.com:8443/x"),
    ("https://api.rootly.com:4430/x", "https://api.rootly.com:4430/x"),
    ("https://api.rootly.com:44", "https://api.rootly.com:44"),
    ("https://api.rootly.com:/x", "https://api.rootly.com:/x"),
    ("https://files.rootly.com/x", "https://files.rootly.com/x"),
    ("http://127.0.0.1/x", "http://127.0.0.1/x"),
    ("https://x@api.rootly.com/", "https://x@api.rootly.com/"),
    ("https://x:y@api.rootly.com/", "https://x:y@api.rootly.com/"),
    ("https://api.rootly.com@evil.example/", "https://api.rootly.com@evil.example/"),
    ("https://api.rootly.com:443@evil.example/", "https://api.rootly.com:443@evil.example/"),
    ("https://api.rootly.com&x@evil.example/", "https://api.rootly.com&x@evil.example/"),
    (r"https://api.rootly.com\u002eevil.example", r"https://api.rootly.com\u002eevil.example"),
    (r"https://api.rootly.com\u0040evil.example", r"https://api.rootly.com\u0040evil.example"),
    (r"https://api.rootly.com\u00", r"https://api.rootly.com\u00"),
    ("https://api.rootly.com%2eevil.example", "https://api.rootly.com%2eevil.example"),
    ("https://api.rootly.com\u{e9}.example", "https://api.rootly.com\u{e9}.example"),
    ("https:/api.rootly.com/", "https:/api.rootly.com/"),
    ("//api.rootly.com/ api.rootly.com https", "//api.rootly.com/ api.rootly.com https"),
];

#[test]
fn urls_of_the_origins_become_the_gateways_and_no_others() {
    for base in ["http://127.0.0.1:8080", "https://gateway.example/c/con_x"] {
        let rewrite = rewrite(base);
        for (text, expected) in URLS {
            let expected = expected
                .replace("${}", base)
                .replace(r"$\{}", &base.replace('/', r"\/"))
                .replace("$s{}", &base.replace('/', r"\u002f"))
                .replace("$c{}", &base.replace('/', r"\u002F"));
            assert_eq!(rewrite.text(text), expected, "{text}");
            assert_eq!(matches!(rewrite.text(text), Cow::Borrowed(_)), text == expected, "{text}");
            for border in 0..=text.len() {
                let out = streamed(&rewrite, text.as_bytes(), [border]);
                assert_eq!(String::from_utf8_lossy(&out), expected, "{text}, cut at {border}");
            }
            let out = streamed(&rewrite, text.as_bytes(), 0..text.len());
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text}, byte by byte");
        }
    }
}

#[test]
fn however_a_text_is_cut_the_same_comes_out() {
    let rewrite = rewrite("http://localhost:8080");
    let mut random = fastrand::Rng::with_seed(8288);
    for round in 0..2000 {
        let mut text = String::new();
        for _ in 0..random.usize(1..12) {
            let url = URLS[random.usize(..URLS.len())].0;
            let ends: Vec<usize> = url.char_indices().map(|(at, _)| at).chain([url.len()]).collect();
            text.push_str(&url[..ends[random.usize(..ends.len())]]);
            text.push_str(["", "", ",", "h", "http", "\\", "\n"][random.usize(..7)]);
        }
        let whole = rewrite.text(&text);
        for pieces in 1..6 {
            let mut ends: Vec<usize> = (0..pieces).map(|_| random.usize(..=text.len())).collect();
            ends.sort_unstable();
            let out = streamed(&rewrite, text.as_bytes(), ends.clone());
            assert_eq!(String::from_utf8_lossy(&out), whole, "round {round}, {ends:?}: {text}");
        }
    }
}

#[test]
fn what_holds_no_url_is_passed_on_as_it_is_and_at_once() {
    let mut stream = RewriteStream::new(rewrite("http://localhost:8080"));
    for text in
        ["data: {\"at\":\"10:00\",\"u\":\"https://rootly.com/x\"}\n\n", "http:// h", ": \\ :/ http", "s"]
    {
        let (piece, mut out) = (Bytes::from(text), Vec::new());
        stream.push(piece.clone(), &mut out);
        if text.ends_with('\n') {
            assert_eq!(out, [text]);
            assert_eq!(out[0].as_ptr(), piece.as_ptr(), "not a copy");
        }
    }
    let mut rest = Vec::new();
    stream.finish(&mut rest);
    assert_eq!(rest, ["https"]);
    let (mut stream, mut out) = (RewriteStream::new(Arc::new(Rewrite::new([]))), Vec::new());
    stream.push(Bytes::from_static(b"h"), &mut out);
    stream.push(Bytes::from_static(b"ttps://x"), &mut out);
    assert_eq!(out, ["h", "ttps://x"]);
}

/// Twice the text takes twice the time: were it the square, this would not end.
#[test]
fn i10_no_text_costs_more_than_its_length() {
    let rewrite = rewrite("http://localhost:8080");
    for flood in
        ["h", "http", "https:", ":/", ":\\", "https:/", "https://api.rootly.com", "https:\\u002", "https://"]
    {
        let text = flood.repeat((1 << 17) / flood.len());
        for step in [61, 16 * 1024] {
            let out = streamed(&rewrite, text.as_bytes(), (0..text.len()).step_by(step));
            // But for the one at the end.
            assert_eq!(out[..text.len() - 22], text.as_bytes()[..text.len() - 22], "{flood}");
        }
    }
}

#[test]
fn a_location_stays_inside() {
    let (drop_in, explicit) = (rewrite("http://localhost:1"), rewrite("https://gateway.example/c/con_x"));
    for (answered, value, in_drop_in, in_explicit) in [
        (
            0,
            "https://api.rootly.com/v1/x?y#z",
            "http://localhost:1/v1/x?y#z",
            "https://gateway.example/c/con_x/v1/x?y#z",
        ),
        (0, "https://api.rootly.com", "http://localhost:1", "https://gateway.example/c/con_x"),
        (0, "//API.rootly.com/v1", "http://localhost:1/v1", "https://gateway.example/c/con_x/v1"),
        (1, "//api.rootly.com:443", "http://localhost:1", "https://gateway.example/c/con_x"),
        (0, "/v1/x", "/v1/x", "/c/con_x/v1/x"),
        (0, "/", "/", "/c/con_x/"),
        (1, "/v1/x", "/@files.rootly.com:8443/v1/x", "/c/con_x/@files.rootly.com:8443/v1/x"),
        (2, "/v1/x", "/@127.0.0.1:9000/v1/x", "/c/con_x/@127.0.0.1:9000/v1/x"),
        (7, "/v1/x", "/v1/x", "/v1/x"),
        (0, "v1/x", "v1/x", "v1/x"),
        (0, "?page=2", "?page=2", "?page=2"),
        (0, "", "", ""),
        (0, "//evil.example/x", "//evil.example/x", "//evil.example/x"),
        (
            0,
            "//api.rootly.com.evil.example",
            "//api.rootly.com.evil.example",
            "//api.rootly.com.evil.example",
        ),
        (
            0,
            "//api.rootly.com@evil.example",
            "//api.rootly.com@evil.example",
            "//api.rootly.com@evil.example",
        ),
        (0, "/\\evil.example/x", "/\\evil.example/x", "/\\evil.example/x"),
        (
            0,
            "https://sso.example/?to=https://api.rootly.com/x",
            "https://sso.example/?to=https://api.rootly.com/x",
            "https://sso.example/?to=https://api.rootly.com/x",
        ),
    ] {
        assert_eq!(drop_in.location(answered, value), in_drop_in, "{value} of {answered}");
        assert_eq!(explicit.location(answered, value), in_explicit, "{value} of {answered}");
    }
}

#[test]
fn the_targets_of_links_stay_inside() {
    let rewrite = rewrite("https://gateway.example/c/con_x");
    for (value, expected) in [
        (
            "<https://api.rootly.com/v1?page=2>; rel=next",
            "<https://gateway.example/c/con_x/v1?page=2>; rel=next",
        ),
        (
            "<https://api.rootly.com/1>; rel=\"prev\", </v1>;rel=first, <https://x.example/>; rel=up,<v2>",
            "<https://gateway.example/c/con_x/1>; rel=\"prev\", </c/con_x/v1>;rel=first, <https://x.example/>; rel=up,<v2>",
        ),
        // What is quoted is a title.
        (
            r#"<v1>; title="a \" <https://api.rootly.com/>", </v1>"#,
            r#"<v1>; title="a \" <https://api.rootly.com/>", </c/con_x/v1>"#,
        ),
        ("<https://api.rootly.com/", "<https://api.rootly.com/"),
        ("https://api.rootly.com/", "https://api.rootly.com/"),
        ("\"", "\""),
        ("", ""),
    ] {
        assert_eq!(rewrite.link(0, value), expected, "{value}");
    }
}

#[test]
fn json_is_what_calls_itself_so() {
    for (content_type, expected) in [
        ("application/json", true),
        ("Application/JSON ; charset=utf-8", true),
        ("application/vnd.api+json; charset=utf-8", true),
        ("application/problem+JSON", true),
        ("text/json", true),
        ("text/html", false),
        ("application/jsonp", false),
        ("image/json", false),
        ("text/html; x=application/json", false),
        ("+json", false),
        ("json", false),
        ("", false),
    ] {
        assert_eq!(is_json(content_type.as_bytes()), expected, "{content_type}");
    }
}
