//! A request with a key that is kept. It is in the audit log before it is sent.

use std::time::Duration;

use bytes::Bytes;
use http::{Method as Verb, StatusCode};
use keyway::{
    Answer, Registry,
    http::Error,
    vault::{By, ConnectionId, Record, Recorder, Recording, Status, Vault, template_of},
};

use super::{headers, verb};
use crate::{
    answer,
    args::Request,
    exit::{Exit, Failure},
    messages::Topic,
    output::{self, Spinner},
    place::Place,
    values,
    vault::Part,
};

/// How long somebody who has the answer waits for the audit log.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the request.
pub(super) async fn request(
    registry: &Registry,
    args: &Request,
    id: &ConnectionId,
    method: &str,
    path: &str,
) -> Result<Exit, Failure> {
    let (verb, headers) = (verb(method)?, headers(&args.headers)?);
    let part = Part::of(&args.whose)?;
    part.with(async |vault, scope| {
        let opened = scope.open(id, registry).await?;
        let credential = &opened.credential;
        let (entry, method) = registry.method(
            credential.provider().descriptor().id().as_str(),
            Some(credential.method().id().as_str()),
        )?;
        let place = Place::of_kept(credential);
        let topic = Topic { descriptor: entry.descriptor(), method, place: &place };
        if !opened.warnings.is_empty() {
            output::note(&topic.warnings(&opened.warnings));
        }
        if opened.connection.status == Status::NeedsKey {
            output::note("The last check said that this key does not work any more.");
        }
        let body = args.data.as_deref().map(values::data).transpose()?.map(Bytes::from).unwrap_or_default();
        let mut request = credential
            .request(verb.clone(), path, body)
            .map_err(|error| Failure::Because(format!("nothing was sent: {error}")))?;
        *request.headers_mut() = headers;
        let client = place.open(entry, method).await?.client()?;

        let usage = Usage::begin(vault, &part, id, verb, &template_of(request.uri().path())).await?;
        let spinner = Spinner::start(format!("Asking {} …", entry.descriptor().name()));
        let answer = client.send(credential, request).await;
        drop(spinner);
        usage.end(answer.as_ref().ok().map(Answer::status)).await;
        match answer {
            Ok(answer) => {
                let exit = answer::print(&answer, credential, args.include)?;
                if answer.status() == StatusCode::UNAUTHORIZED {
                    output::note(&format!(
                        "\nThe key may not be good any more. This asks: keyway connection check {id} --tenant {}",
                        part.tenant
                    ));
                }
                Ok(exit)
            }
            Err(Error::Transport(error)) => {
                output::note(&topic.no_answer(&error));
                Ok(Exit::Unavailable)
            }
            Err(error) => Err(Failure::Because(format!("nothing was sent: {error}"))),
        }
    })
    .await
}

/// One use, on its way into the audit log.
struct Usage {
    recorder: Recorder,
    recording: Recording,
    record: Record,
}

impl Usage {
    /// Writes that it is about to take place.
    ///
    /// # Errors
    /// When that is not in the log: nothing may be sent then.
    async fn begin(
        vault: &Vault,
        part: &Part,
        id: &ConnectionId,
        verb: Verb,
        path: &str,
    ) -> Result<Self, Failure> {
        let (recorder, recording) = vault.recorder().await?;
        let by = By::Actor(part.actor.clone());
        let record = Record::new(part.tenant.clone(), id.clone(), by, verb, path.into());
        recorder.intend(record.clone()).await?;
        Ok(Self { recorder, recording, record })
    }

    /// Writes what came of it. The request was made, so its answer is shown whatever happens here.
    async fn end(self, status: Option<StatusCode>) {
        let Self { recorder, recording, record } = self;
        let record = match status {
            Some(status) => record.status(status.as_u16()),
            None => record,
        };
        let recorded = recorder.record(record).await.is_ok();
        drop(recorder);
        let ended = tokio::time::timeout(PATIENCE, recording.end()).await;
        if !recorded || !matches!(ended, Ok(Ok(()))) {
            output::note("The audit log has this request, and could not be told what came of it.");
        }
    }
}
