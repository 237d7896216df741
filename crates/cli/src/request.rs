//! `keyway request`: one authorised request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb};
use keyway::{Accepted, Answer, Entry, Mask, Method, Refused, Registry, http::Error};

use crate::{
    args::Request,
    ask::Answers,
    exit::{Exit, Failure},
    messages::{self, Topic},
    output::{self, Spinner},
    place::Place,
    values,
};

/// Runs the command.
pub(crate) async fn request(registry: &Registry, args: &Request) -> Result<Exit, Failure> {
    let (entry, method) = registry.method(&args.with.id, args.with.method.as_deref())?;
    let place = Place::of(&args.with)?;
    let topic = Topic { descriptor: entry.descriptor(), method, place: &place };
    let verb = verb(&args.verb)?;
    let headers = headers(&args.headers)?;
    if values::is_stdin(args.with.values.as_deref()) && values::is_stdin(args.data.as_deref()) {
        return Err(Failure::because(
            "--values and --data cannot both read stdin: give one of them as a file",
        ));
    }
    let accepted = match accept(entry, method, args, topic)? {
        Ok(accepted) => accepted,
        Err(refused) => {
            output::note(&topic.refused(&refused));
            return Ok(Exit::Refused);
        }
    };
    let body = args.data.as_deref().map(values::data).transpose()?.map(Bytes::from).unwrap_or_default();
    if !accepted.warnings.is_empty() {
        output::note(&messages::warnings(method, &accepted.warnings));
    }
    let road = place.open(entry).await?;
    let credential = road.bind(accepted.credential);
    let mut request = credential
        .request(verb, &args.path, body)
        .map_err(|error| Failure::Because(format!("nothing was sent: {error}")))?;
    *request.headers_mut() = headers;
    let spinner = Spinner::start(format!("Asking {} …", entry.descriptor().name()));
    let answer = road.client.send(&credential, request).await;
    drop(spinner);
    match answer {
        Ok(answer) => print(&answer, &credential.mask(), args.include),
        Err(Error::Transport(error)) => {
            output::note(&topic.no_answer(&error));
            Ok(Exit::Unavailable)
        }
        Err(error) => Err(Failure::Because(format!("nothing was sent: {error}"))),
    }
}

fn accept(
    entry: &Entry,
    method: &Arc<Method>,
    args: &Request,
    topic: Topic<'_>,
) -> Result<Result<Accepted, Refused>, Failure> {
    let submission = match &args.with.values {
        Some(source) => values::submission(source)?,
        None if output::is_interactive() => {
            let mut answers = Answers::default();
            answers.ask(method, |_| true)?;
            answers.submission()
        }
        None => return Err(Failure::Because(topic.no_terminal(&values::example(method)))),
    };
    Ok(entry.accept(method, &submission))
}

fn verb(text: &str) -> Result<Verb, Failure> {
    // Methods are case-sensitive, and none that is in use has small letters.
    let verb = Verb::from_bytes(text.to_ascii_uppercase().as_bytes()).ok();
    verb.filter(|verb| text.len() <= 20 && *verb != Verb::CONNECT).ok_or_else(|| {
        Failure::because(
            "METHOD must be the method of a request: GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
        )
    })
}

/// Reads `--header`. What is wrong with one is said by its position: a key may stand in it.
fn headers(given: &[String]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (index, text) in given.iter().enumerate() {
        let parsed = text.split_once(':').filter(|_| text.is_ascii()).and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value.trim()).ok()?))
        });
        let Some((name, value)) = parsed else {
            return Err(Failure::Because(format!(
                "--header number {} is not a header: write 'Name: value', in plain ASCII and on one line",
                index + 1
            )));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// Prints an answer: to a terminal with nothing in it that would be obeyed, elsewhere as it came; masked either way.
fn print(answer: &Answer, mask: &Mask, include: bool) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    if include {
        out.extend(format!("HTTP/1.1 {}\n", answer.status()).into_bytes());
        for (name, value) in answer.headers() {
            out.extend(format!("{name}: ").into_bytes());
            out.extend_from_slice(&mask.bytes(value.as_bytes()));
            out.push(b'\n');
        }
        out.push(b'\n');
    }
    out.extend_from_slice(&mask.bytes(answer.body()));
    if output::shows_result() {
        output::result(&output::inert(&String::from_utf8_lossy(&out)))?;
    } else {
        output::bytes(&out)?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_header_is_named_by_its_position() {
        for bad in ["sk_canary", "a b: sk_canary", "x: sk_canary\nInjected: 1", ": sk_canary", "x: sk_canaré"]
        {
            let given = ["ok: fine".to_owned(), bad.to_owned()];
            let Err(Failure::Because(text)) = headers(&given) else { panic!("{bad}") };
            assert!(text.contains("number 2") && !text.contains("canar"), "{text}");
        }
        let two = headers(&["A: 1".to_owned(), "a:2".to_owned(), "b:".to_owned()]).unwrap();
        assert_eq!(two.get_all("a").iter().count(), 2);
        assert_eq!(two["b"], "");
    }

    #[test]
    fn methods_are_written_in_capitals() {
        assert_eq!(verb("get").unwrap(), Verb::GET);
        assert_eq!(verb("PURGE").unwrap().as_str(), "PURGE");
        for bad in ["", "G T", "connect", "GET\n", "_sk_canary_sk_canary_sk_canary"] {
            assert!(verb(bad).is_err(), "{bad}");
        }
    }
}
