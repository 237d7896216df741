//! What a caller is told of the secret, when the upstream repeats it.

use crate::{
    Message,
    encoding::{base64, base64_url, gunzip, gzip, hex, percent, sighting},
    suite::{Bench, MARK, answer},
};

/// As it is: in a header, in bodies, across the borders of chunks, behind an error, in a trailer.
pub(super) fn plain(bench: &Bench<'_>) -> Result<String, String> {
    let secret = &bench.setup.secret;
    let body = told(secret);
    let header = format!("X-Echo: {secret}");
    let within = format!("X-Echo: before {secret} after");
    masked(
        bench,
        &[
            ("in a header", vec![answer("200 OK", &[&header], &told(""))]),
            ("within a header", vec![answer("200 OK", &[&within], &told(""))]),
            ("in a body", vec![answer("200 OK", &[], &body)]),
            ("in the body of a 403", vec![answer("403 Forbidden", &[], &body)]),
            ("percent-encoded", vec![answer("200 OK", &[], &told(&percent(secret)))]),
            ("across two chunks", chunked(&body, body.len() - secret.len() / 2 - 2, "")),
            ("in chunks of one byte", vec![chunked(&body, 1, "").concat()]),
            ("across two packets", split(&answer("200 OK", &[], &body), body.len() - secret.len() / 2)),
            ("in a trailer", chunked(&told(""), 100, &format!("{header}\r\n"))),
        ],
    )
}

/// Compressed, though nobody asked for that; in base64 at all three offsets; in hex.
pub(super) fn encoded(bench: &Bench<'_>) -> Result<String, String> {
    let secret = &bench.setup.secret;
    let compressed = answer("200 OK", &["Content-Encoding: gzip"], &gzip(&told(secret)));
    let text = |text: String| vec![answer("200 OK", &[], &told(&text))];
    masked(
        bench,
        &[
            ("gzipped", vec![compressed.clone()]),
            ("gzipped, in two packets", split(&compressed, 12)),
            ("in base64", text(base64(secret))),
            ("in base64 for URLs", text(base64_url(secret))),
            ("in base64 behind one byte", text(base64(&format!(":{secret}")))),
            ("in base64 behind two bytes", text(base64(&format!("u:{secret}")))),
            (
                "in a header in base64",
                vec![answer("200 OK", &[&format!("X-Echo: {}", base64(secret))], &told(""))],
            ),
            ("in hex", text(hex(secret))),
            ("in upper-case hex", text(hex(secret).to_ascii_uppercase())),
        ],
    )
}

/// A way to tell the secret, and the answer that does, in its pieces.
type Told = (&'static str, Vec<Vec<u8>>);

/// Sends a request for each answer. All must come through, without the secret.
fn masked(bench: &Bench<'_>, answers: &[Told]) -> Result<String, String> {
    for (what, pieces) in answers {
        bench.setup.upstream.answer(pieces.clone());
        // A caller that takes anything: it is the gateway that has to know better.
        let answer = bench.setup.caller.ask("GET", "/v1/probes/3", &["Accept-Encoding: gzip, deflate, br"]);
        let Some(answer) = answer else { return Err(format!("{what}: no answer that is one")) };
        let text = text_of(&answer);
        if let Some(form) = sighting(&text, &bench.setup.secret) {
            return Err(format!("{what}: the caller was told the secret {form}"));
        }
        if !text.windows(MARK.len()).any(|window| window == MARK.as_bytes()) {
            return Err(format!("{what}: the rest of the answer was lost ({})", answer.status()));
        }
    }
    let all: Vec<&str> = answers.iter().map(|(what, _)| *what).collect();
    Ok(format!("masked {}", all.join(", ")))
}

fn told(text: &str) -> Vec<u8> {
    format!(r#"{{"probe":"{MARK}","echo":"{text}"}}"#).into_bytes()
}

/// All that a caller reads of an answer.
fn text_of(answer: &Message) -> Vec<u8> {
    let mut text = answer.start.clone().into_bytes();
    for (name, value) in &answer.headers {
        text.extend_from_slice(format!("\n{name}: {value}").as_bytes());
    }
    text.push(b'\n');
    let body = answer.body();
    text.extend(if answer.header("content-encoding") == Some("gzip") { gunzip(&body) } else { body });
    text
}

/// An answer in chunks of this size, each sent by itself.
fn chunked(body: &[u8], size: usize, trailer: &str) -> Vec<Vec<u8>> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = body.chunks(size).map(|chunk| {
        let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
        framed
    });
    let end = format!("0\r\n{trailer}\r\n").into_bytes();
    [head.as_bytes().to_vec()].into_iter().chain(chunks).chain([end]).collect()
}

/// An answer in two pieces, the last one of this length.
fn split(answer: &[u8], last: usize) -> Vec<Vec<u8>> {
    let (first, last) = answer.split_at(answer.len() - last);
    vec![first.to_vec(), last.to_vec()]
}
