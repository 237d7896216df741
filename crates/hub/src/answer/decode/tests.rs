use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn raw(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A body decoded in pieces of this size, and whether it was whole.
fn decoded(encoding: Encoding, body: &[u8], size: usize, most: u64) -> (Vec<u8>, Result<(), Unreadable>) {
    let mut decode = Decode::new(encoding, most).unwrap().unwrap();
    let mut out = Vec::new();
    let pushed = body.chunks(size).try_for_each(|piece| decode.push(piece, &mut out));
    let result = pushed.and_then(|()| decode.finish(&mut out));
    assert!(out.iter().all(|piece| (1..=MAX_PIECE).contains(&piece.len())));
    (out.concat(), result)
}

/// A text that is not all the same.
fn text(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(36);
    std::iter::repeat_with(|| b"{\"id\": 01234567,}\n"[random.usize(..18)]).take(length).collect()
}

#[test]
fn an_encoded_body_is_decoded_however_it_is_cut() {
    for length in [1, 100, 70_000] {
        let text = text(length);
        let halves = text.split_at(length / 2);
        for (name, encoding, body) in [
            ("gzip", Encoding::Gzip, gzip(&text)),
            ("gzip in two members", Encoding::Gzip, [gzip(halves.0), gzip(halves.1)].concat()),
            ("gzip and an empty member", Encoding::Gzip, [gzip(&text), gzip(b"")].concat()),
            ("zlib", Encoding::Deflate, zlib(&text)),
            ("raw", Encoding::Deflate, raw(&text)),
        ] {
            for size in [1, 2, 7, 4096, usize::MAX] {
                let (out, result) = decoded(encoding, &body, size, length as u64);
                assert_eq!(result, Ok(()), "{name} of {length} in pieces of {size}");
                assert!(out == text, "{name} of {length} in pieces of {size}");
            }
        }
    }
    assert_eq!(decoded(Encoding::Gzip, b"", 1, 0), (Vec::new(), Ok(())), "no byte, no frame");
    assert_eq!(decoded(Encoding::Deflate, b"", 1, 0), (Vec::new(), Ok(())), "no byte, no frame");
}

#[test]
fn what_is_flushed_is_given_out_at_once() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut decode = Decode::new(Encoding::Gzip, 1000).unwrap().unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        let (piece, mut out) = (std::mem::take(encoder.get_mut()), Vec::new());
        decode.push(&piece, &mut out).unwrap();
        assert_eq!(out.concat(), event.as_bytes());
    }
}

#[test]
fn n36_a_body_that_is_cut_off_or_broken_is_an_error() {
    let text = text(600);
    for (encoding, body) in
        [(Encoding::Gzip, gzip(&text)), (Encoding::Deflate, zlib(&text)), (Encoding::Deflate, raw(&text))]
    {
        for end in 1..body.len() {
            let (out, result) = decoded(encoding, &body[..end], 512, 1 << 20);
            assert_eq!(result, Err(Unreadable), "{encoding:?} cut off at {end}");
            assert!(text.starts_with(&out), "{encoding:?} cut off at {end}");
        }
        let more = [&body[..], b"more"].concat();
        assert_eq!(decoded(encoding, &more, 512, 1 << 20).1, Err(Unreadable), "{encoding:?} and more");
        assert_eq!(
            decoded(encoding, &[0xff; 64], 512, 1 << 20).1,
            Err(Unreadable),
            "{encoding:?} of nothing"
        );
    }
    for at in 0..gzip(&text).len() {
        let mut body = gzip(&text);
        body[at] ^= 0x10;
        let (out, result) = decoded(Encoding::Gzip, &body, 512, 1 << 20);
        assert!(result.is_err() || out == text, "a bit of byte {at}");
    }
    let mut decode = Decode::new(Encoding::Gzip, 10).unwrap().unwrap();
    assert_eq!(decode.push(b"no gzip at all", &mut Vec::new()), Err(Unreadable));
    assert_eq!(decode.push(&gzip(b"x"), &mut Vec::new()), Err(Unreadable), "broken for good");
    assert_eq!(decode.finish(&mut Vec::new()), Err(Unreadable));
}

#[test]
fn n36_a_bomb_does_not_go_off() {
    let zeros = vec![0; 16 << 20];
    for (encoding, bomb) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Deflate, zlib(&zeros))] {
        for (most, expected) in [(u64::MAX, FREE), (100_000, 100_000)] {
            let (out, result) = decoded(encoding, &bomb, 16 * 1024, most);
            assert_eq!(result, Err(Unreadable));
            assert!(out.len() as u64 <= expected.max(16 * 1024 * MAX_RATIO), "{}", out.len());
        }
    }
    // Many small members are no way around it.
    let members = gzip(&zeros[..1 << 20]).repeat(32);
    let (out, result) = decoded(Encoding::Gzip, &members, 16 * 1024, u64::MAX);
    assert_eq!(result, Err(Unreadable));
    assert!(out.len() as u64 <= 64 * 1024 * MAX_RATIO, "{}", out.len());
    // What merely repeats itself is no bomb.
    let item = |id| format!("{{\"id\":{id},\"name\":null,\"owner\":null,\"tags\":[],\"_type\":\"Defect\"}},");
    let list: String = (0..50_000).map(item).collect::<Vec<_>>().concat();
    assert_eq!(decoded(Encoding::Gzip, &gzip(list.as_bytes()), 16 * 1024, u64::MAX).1, Ok(()));
    assert_eq!(decoded(Encoding::Gzip, &gzip(b"12345"), 100, 4).1, Err(Unreadable));
    assert_eq!(decoded(Encoding::Gzip, &gzip(b"12345"), 100, 5).1, Ok(()));
}

#[test]
fn n36_an_encoding_is_known_or_it_is_not() {
    let of = |values: &[&'static str]| {
        let values =
            values.iter().map(|value| (header::CONTENT_ENCODING, http::HeaderValue::from_static(value)));
        Encoding::of(&values.collect())
    };
    for (values, expected) in [
        (&[][..], Encoding::Identity),
        (&[""], Encoding::Identity),
        (&["identity"], Encoding::Identity),
        (&["Identity , identity", "identity"], Encoding::Identity),
        (&["gzip"], Encoding::Gzip),
        (&[" X-GZip "], Encoding::Gzip),
        (&["Deflate"], Encoding::Deflate),
        (&["br"], Encoding::Unknown),
        (&["zstd"], Encoding::Unknown),
        (&["gzip, gzip"], Encoding::Unknown),
        (&["gzip", "deflate"], Encoding::Unknown),
        (&["identity, gzip"], Encoding::Gzip),
        (&["gzip;q=1"], Encoding::Unknown),
    ] {
        assert_eq!(of(values), expected, "{values:?}");
        assert_eq!(Decode::new(expected, 1).is_err(), expected == Encoding::Unknown);
    }
}
