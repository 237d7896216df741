//! `keyway request`: one authorised request.

mod kept;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, header};
use keyway::{Accepted, Entry, Method, Refused, Registry, http::Error};

use crate::{
    answer,
    args::Request,
    ask::Answers,
    exit::{Exit, Failure},
    messages::Topic,
    output::{self, Spinner},
    place::{Place, Road},
    values,
};

/// The methods that an API has.
const VERBS: [Verb; 7] =
    [Verb::GET, Verb::POST, Verb::PUT, Verb::PATCH, Verb::DELETE, Verb::HEAD, Verb::OPTIONS];

/// Runs the command.
pub(crate) async fn request(registry: &Registry, args: &Request) -> Result<Exit, Failure> {
    match (&args.connection, &args.path) {
        // ID is left out, so that METHOD and PATH stand in the first two places.
        (Some(connection), None) => {
            kept::request(registry, args, connection, &args.with.id, &args.verb).await
        }
        (None, Some(path)) => with_values(registry, args, path).await,
        _ => Err(Failure::because("with --connection, ID is left out: METHOD and PATH are all there is")),
    }
}

async fn with_values(registry: &Registry, args: &Request, path: &str) -> Result<Exit, Failure> {
    let (entry, method) = method(registry, args)?;
    let place = Place::of(&args.with)?;
    let topic = Topic { descriptor: entry.descriptor(), method, place: &place };
    let verb = verb(&args.verb)?;
    let headers = headers(&args.headers)?;
    if values::is_stdin(args.with.values.as_deref()) && values::is_stdin(args.data.as_deref()) {
        return Err(Failure::because(
            "--values and --data cannot both read stdin: give one of them as a file",
        ));
    }
    let road = place.open(entry, method).await?;
    let accepted = match accept(entry, method, args, topic, &road)? {
        Ok(accepted) => accepted,
        Err(refused) => {
            output::note(&topic.refused(&refused));
            return Ok(Exit::Refused);
        }
    };
    let body = args.data.as_deref().map(values::data).transpose()?.map(Bytes::from).unwrap_or_default();
    if !accepted.warnings.is_empty() {
        output::note(&topic.warnings(&accepted.warnings));
    }
    let credential = road.bind(accepted.credential);
    let mut request = credential
        .request(verb, path, body)
        .map_err(|error| Failure::Because(format!("nothing was sent: {error}")))?;
    *request.headers_mut() = headers;
    let keys = road.keys_to_try(method).filter(|_| road.knows_not(&credential, &request));
    let client = road.client()?;
    let spinner = Spinner::start(format!("Asking {} …", entry.descriptor().name()));
    let answer = client.send(&credential, request).await;
    drop(spinner);
    match answer {
        Ok(answer) => {
            let exit = answer::print(&answer, &credential, args.include)?;
            if let Some(keys) = keys {
                output::note(&format!("\nThe sandbox does not know this key.\n\n{keys}"));
            }
            Ok(exit)
        }
        Err(Error::Transport(error)) => {
            output::note(&topic.no_answer(&error));
            Ok(Exit::Unavailable)
        }
        Err(error) => Err(Failure::Because(format!("nothing was sent: {error}"))),
    }
}

/// The provider and its method that are asked for.
fn method<'r>(registry: &'r Registry, args: &Request) -> Result<(&'r Entry, &'r Arc<Method>), Failure> {
    let given = args.with.method.as_deref();
    registry.method(&args.with.id, given).map_err(|error| {
        // The request's method, where other programs have it.
        let verb = given.and_then(|given| VERBS.iter().find(|verb| verb.as_str().eq_ignore_ascii_case(given)));
        match verb {
            Some(verb) if registry.get(&args.with.id).is_ok() => Failure::Because(format!(
                "{error}\n\n--method names a way to authenticate. The request's METHOD stands before its PATH:\n\n  \
                 keyway request {} {verb} /…",
                args.with.id
            )),
            _ => error.into(),
        }
    })
}

fn accept(
    entry: &Entry,
    method: &Arc<Method>,
    args: &Request,
    topic: Topic<'_>,
    road: &Road,
) -> Result<Result<Accepted, Refused>, Failure> {
    let submission = match &args.with.values {
        Some(source) => values::submission(source)?,
        None if output::is_interactive() => {
            if let Some(keys) = road.keys_to_try(method) {
                output::note(&format!("{keys}\n"));
            }
            let mut answers = Answers::default();
            answers.ask(&topic.form(), |_| true)?;
            answers.submission()
        }
        None => {
            let keys = road.keys_to_try(method);
            return Err(Failure::Because(topic.no_terminal(&values::example(method), keys.as_deref())));
        }
    };
    Ok(entry.accept(method, &submission))
}

fn verb(text: &str) -> Result<Verb, Failure> {
    // Methods are case-sensitive, and none that is in use has small letters.
    let verb = Verb::from_bytes(text.to_ascii_uppercase().as_bytes()).ok();
    // CONNECT asks for a tunnel, and TRACE for an echo of the key: neither is a request to an API.
    let usable = |verb: &Verb| text.len() <= 20 && ![Verb::CONNECT, Verb::TRACE].contains(verb);
    verb.filter(usable).ok_or_else(|| {
        let known: Vec<&str> = VERBS.iter().map(Verb::as_str).collect();
        Failure::Because(format!("METHOD must be the method of a request: {}", known.join(", ")))
    })
}

/// Reads `--header`. Bodies are asked for plain whatever it says: in one that is compressed, the key cannot be masked.
/// What is wrong with one is said by its position: a key may stand in it.
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
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
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
        for bad in ["", "G T", "connect", "trace", "GET\n", "_sk_canary_sk_canary_sk_canary"] {
            assert!(verb(bad).is_err(), "{bad}");
        }
    }
}
