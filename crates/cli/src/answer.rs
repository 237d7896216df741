//! Printing an answer: on stdout what came, masked; on stderr what a person should know of it.

use http::{StatusCode, Uri, header};
use keyway::{Answer, Credential, form::terminal::paragraph};

use crate::{
    exit::{Exit, Failure},
    output,
};

/// Prints an answer, with its status and headers where `include` says so: to a terminal with nothing in it that would
/// be obeyed, elsewhere as it came; masked either way.
pub(crate) fn print(answer: &Answer, credential: &Credential, include: bool) -> Result<Exit, Failure> {
    let mask = credential.mask();
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
    let hidden = answer.is_encoded() && !answer.body().is_empty();
    if !hidden {
        out.extend_from_slice(&mask.bytes(answer.body()));
    }
    if output::shows_result() {
        output::result(&output::inert(&String::from_utf8_lossy(&out)))?;
    } else {
        output::bytes(&out)?;
    }
    if hidden {
        let why = "The body is not shown: it came compressed although it was asked for plain, and the key could not \
                   be masked in it.";
        output::note(&paragraph(why, ""));
    }
    if let Some(note) = redirect(answer, credential) {
        output::note(&mask.text(&note));
    }
    Ok(Exit::Done)
}

/// Says that an answer is a redirect that was not followed. Of its target, which may hold anything, only the host is
/// told.
fn redirect(answer: &Answer, credential: &Credential) -> Option<String> {
    let status = answer.status();
    let mut targets = answer.headers().get_all(header::LOCATION).iter();
    // 304 says that nothing has changed; its Location leads nowhere.
    let target = targets.next().filter(|_| status.is_redirection() && status != StatusCode::NOT_MODIFIED)?;
    let uri = Uri::try_from(target.as_bytes()).ok().filter(|_| targets.next().is_none());
    let host = uri.as_ref().and_then(Uri::host);
    let leaves = uri.as_ref().is_some_and(|uri| !credential.origins().iter().any(|own| own.admits(uri)));
    Some(match host {
        Some(host) if leaves && credential.origins().iter().any(|own| own.host() == host) => format!(
            "This is a redirect to another scheme or port of {host}. It was not followed: the key is not sent there."
        ),
        Some(host) if leaves => {
            format!("This is a redirect to {host}. It was not followed: the key is not sent there.")
        }
        _ => "This is a redirect, which was not followed.".to_owned(),
    })
}
