//! What a request has to pass before anything is sent, in the order that matters.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use http::{HeaderMap, HeaderValue, Method, header, request::Parts, uri::PathAndQuery};
use keyway_core::{BodyAccess, Error as CoreError};
use keyway_vault::{Denied, Record, Slot};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Gateway,
    gateway::Shared,
    intake::{Intake, is_host, is_passed_on, tokens_in},
    metrics::{Counted, REQUESTS},
    places::Found,
    problem::{Code, Problem},
    route::{Base, Route, Upstream},
    target::{self, Target},
};

/// Who asks, and by what way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) peer: IpAddr,
    /// Over TLS.
    pub(crate) secure: bool,
}

/// A request that may be sent.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) route: Arc<Route>,
    /// Which of the credential's origins it goes to.
    pub(crate) at: usize,
    pub(crate) base: Base,
    pub(crate) began: Instant,
    /// The place in the audit log that is kept for its outcome, and what will stand there.
    use_of_it: Option<(Slot, Record)>,
    ended: Option<Instant>,
    status: Option<http::StatusCode>,
    _turn: Option<OwnedSemaphorePermit>,
    _flight: Counted,
}

impl Admitted {
    /// Where it goes.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.route.targets[self.at]
    }

    /// Says that all of the answer was passed on, and when that was.
    pub(crate) fn end(&mut self) -> Instant {
        *self.ended.insert(Instant::now())
    }

    /// Nothing was sent: there is nothing to write down.
    pub(crate) fn unsent(&mut self) {
        self.use_of_it = None;
    }

    /// Writes down what came of it; once.
    pub(crate) fn outcome(&mut self, status: Option<http::StatusCode>) {
        let Some((slot, record)) = self.use_of_it.take() else { return };
        self.status = status;
        self.route.counters.answered(status);
        slot.record(match status {
            Some(status) => record.status(status.as_u16()),
            None => record,
        });
    }
}

impl Drop for Admitted {
    /// A request that was cut off on its way is written down, too: nobody knows what became of it.
    fn drop(&mut self) {
        self.outcome(None);
        let took = self.ended.map_or_else(|| self.began.elapsed(), |ended| ended - self.began);
        self.route.counters.seconds.observe(took.as_secs_f64());
        tracing::info!(
            target: REQUESTS,
            connection = %self.route.connection.id,
            grant = %self.route.grant.id,
            status = self.status.map(|status| status.as_u16()),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "a request ended"
        );
    }
}

/// For the benchmark alone: what a request costs until it is sent.
#[doc(hidden)]
impl Gateway {
    pub async fn __decide(&self, parts: &mut Parts, target: &PathAndQuery) -> bool {
        let (mut intake, mut headers) = (Intake::default(), HeaderMap::with_capacity(16));
        let mut last = None;
        for (name, value) in std::mem::take(&mut parts.headers) {
            last = name.or(last);
            if let Some(name) = &last
                && intake.take(&mut headers, name.clone(), value).is_err()
            {
                return false;
            }
        }
        parts.headers = headers;
        let caller = Caller { peer: IpAddr::from([127, 0, 0, 1]), secure: false };
        let Ok(mut admitted) = self.0.admit(parts, target, &intake, caller).await else { return false };
        let authorized = admitted.authorize(parts, BodyAccess::Empty).is_ok();
        admitted.unsent();
        authorized
    }
}

impl Shared {
    /// Lets a request pass, or says why not. `parts` is then the request as it goes out, but for its credential.
    pub(crate) async fn admit(
        &self,
        parts: &mut Parts,
        target: &PathAndQuery,
        intake: &Intake,
        caller: Caller,
    ) -> Result<Admitted, Problem> {
        let began = Instant::now();
        let flight = Counted::up(&self.metrics.in_flight);
        if !is_passed_on(&parts.method) {
            return Err(Code::MethodRefused.into());
        }
        let found = self.places.take(intake.grant.as_ref(), &mut parts.headers, target)?;
        // A grant may stand in one of them: the gateway is whom they are for.
        intake.drop_named(&mut parts.headers);
        spilled(intake, &found, &mut parts.headers)?;
        let target = found.target.as_ref().unwrap_or(target);
        let mut route = self.route(&found.hash).await?;
        let mut passed = pass(&route, target, &parts.method)?;
        let turn = route.pace.turn(self.limits.turn).await?;
        // While it waited for its turn, a grant may have been revoked, or a key replaced.
        if !self.is_current(&route) {
            route = self.route(&found.hash).await?;
            passed = pass(&route, target, &parts.method)?;
        }
        let Passed { at, path, now, explicit } = passed;
        if let Some(meter) = &route.meter {
            meter.count().map_err(|wait| Problem::from(Code::GrantRate).after(wait))?;
        }
        let Some(upstream) = route.targets.get(at) else { return Err(Code::ConnectionUnusable.into()) };

        let record = Record::new(
            route.grant.tenant.clone(),
            route.connection.id.clone(),
            route.by.clone(),
            parts.method.clone(),
            route.template(path.path()),
        )
        .at(now);
        let base = self.base(intake, caller, explicit);
        parts.uri = upstream.uri(path).ok_or(Code::PathAmbiguous)?;
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let slot = self.reserve(&record).await?;
        Ok(Admitted {
            route,
            at,
            base,
            began,
            use_of_it: Some((slot, record)),
            ended: None,
            status: None,
            _turn: turn,
            _flight: flight,
        })
    }

    /// Keeps a place in the audit log; in strict mode, writes there that the request is about to be sent.
    async fn reserve(&self, record: &Record) -> Result<Slot, Problem> {
        let Some(recorder) = self.recorder.load_full() else { return Err(Code::Stopping.into()) };
        let unwritten = |_| Problem::from(Code::AuditUnavailable);
        if self.strict {
            recorder.intend(record.clone()).await.map_err(unwritten)?;
        }
        recorder.reserve().await.map_err(unwritten)
    }

    /// Where this client reaches the gateway.
    fn base(&self, intake: &Intake, caller: Caller, explicit: bool) -> Base {
        if let Some(public) = &self.public {
            return Base { secure: public.secure, authority: public.authority.clone(), explicit };
        }
        let mut base = Base {
            secure: caller.secure,
            authority: intake.host.clone().unwrap_or(HeaderValue::from_static("")),
            explicit,
        };
        if (intake.forwarded_proto.is_some() || intake.forwarded_host.is_some()) && self.trusts(caller.peer) {
            if let Some(proto) = &intake.forwarded_proto {
                base.secure = proto.as_bytes().eq_ignore_ascii_case(b"https");
            }
            if let Some(forwarded) = intake.forwarded_host.as_ref().filter(|host| is_host(host)) {
                base.authority.clone_from(forwarded);
            }
        }
        base
    }
}

/// What a grant lets pass.
struct Passed {
    /// Which origin it goes to.
    at: usize,
    path: PathAndQuery,
    now: SystemTime,
    /// The client named the connection.
    explicit: bool,
}

/// Decides about a request by what it is on its way out: the policy sees what the provider sees.
fn pass(route: &Route, target: &PathAndQuery, method: &Method) -> Result<Passed, Problem> {
    let named = Target::of(target.path());
    if named.connection.is_some_and(|id| id != route.connection.id.as_str()) {
        return Err(Code::ConnectionUnknown.into());
    }
    let is_named =
        |up: &Upstream| named.host.is_some_and(|host| up.authority().as_str().eq_ignore_ascii_case(host));
    let by_host = route.targets.iter().position(is_named);
    let start = if by_host.is_some() { named.behind_host } else { named.start };
    let path = behind(target, start)?;
    target::check(&path)?;
    let now = SystemTime::now();
    route.grant.allows(method, path.path(), now).map_err(denied)?;
    route.pace.check(&route.credential)?;
    Ok(Passed { at: by_host.unwrap_or(0), path, now, explicit: named.connection.is_some() })
}

/// Refuses a request in which a grant stands where nobody takes it out. A `Referer` with one is only dropped: browsers and
/// their like write it by themselves.
fn spilled(intake: &Intake, found: &Found, headers: &mut HeaderMap) -> Result<(), Problem> {
    if intake.tokens <= found.taken {
        return Ok(());
    }
    let in_referer =
        headers.get_all(header::REFERER).iter().map(|value| tokens_in(value.as_bytes())).sum::<usize>();
    headers.remove(header::REFERER);
    if intake.tokens > found.taken + in_referer { Err(Code::GrantSpilled.into()) } else { Ok(()) }
}

/// The path and query behind what names connection and host.
fn behind(target: &PathAndQuery, start: usize) -> Result<PathAndQuery, Problem> {
    if start == 0 {
        return Ok(target.clone());
    }
    let rest = &target.as_str()[start..];
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    PathAndQuery::try_from(path).map_err(|_| Code::PathAmbiguous.into())
}

fn denied(denied: Denied) -> Problem {
    match denied {
        Denied::Revoked => Code::GrantRevoked,
        Denied::Expired => Code::GrantExpired,
        Denied::Method => Code::GrantMethod,
        _ => Code::GrantPath,
    }
    .into()
}

impl Admitted {
    /// Puts the credential in.
    ///
    /// # Errors
    /// `Ok(false)` when the method has to see the body, which was not given. A problem when it cannot be placed. The request
    /// is then as it was.
    pub(crate) fn authorize(&self, parts: &mut Parts, body: BodyAccess<'_>) -> Result<bool, Problem> {
        match self.route.credential.authorize(parts, body) {
            Ok(()) => Ok(true),
            Err(CoreError::OpaqueBody) => Ok(false),
            Err(error) => {
                tracing::error!(connection = %self.route.connection.id, %error, "a credential cannot be placed");
                Err(Code::ConnectionUnusable.into())
            }
        }
    }
}
