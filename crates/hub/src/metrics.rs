//! What the gateway counts, for Prometheus: by provider, status class and problem; never by tenant, connection or path.

use std::sync::{Arc, atomic::AtomicU64};

use http::StatusCode;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::problem::Code;

/// The target of the log's line for each request, at `info`. Whoever serves much leaves it off.
pub const REQUESTS: &str = "keyway_hub::request";

type Labels<const N: usize> = [(&'static str, String); N];

/// Upper bounds of the time that requests take, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// All counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
    masked: Family<Labels<1>, Counter>,
    dials: Family<Labels<1>, Counter>,
    checks: Family<Labels<2>, Counter>,
    problems: Vec<Counter>,
    pub(crate) in_flight: Gauge,
    pub(crate) clients: Gauge,
    pub(crate) audit_failing: Gauge,
    pub(crate) loads: Counter,
    pub(crate) received: Bytes,
    pub(crate) sent: Bytes,
}

/// The counters of one provider, looked up once.
#[derive(Debug)]
pub(crate) struct OfProvider {
    classes: [Counter; 6],
    pub(crate) seconds: Histogram,
    pub(crate) masked: Counter,
    pub(crate) dials: Counter,
}

/// Counts the bytes of bodies.
pub(crate) type Bytes = Counter<u64, AtomicU64>;

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("keyway");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", version);
        let requests = Family::default();
        registry.register(
            "requests",
            "Requests that were sent to a provider, by the class of its answer",
            requests.clone(),
        );
        let seconds: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(seconds as fn() -> _);
        let help = "Time from a request's head to the end of the provider's answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, seconds.clone());
        let masked = Family::default();
        registry.register("masked", "Answers in which a key stood and was masked", masked.clone());
        let dials = Family::default();
        registry.register("upstream_dials", "Connections that were opened to a provider", dials.clone());
        let checks = Family::default();
        registry.register("checks", "Checks of credentials after an answer, by verdict", checks.clone());
        let of_problems: Family<Labels<1>, Counter> = Family::default();
        let problems = Code::ALL
            .iter()
            .map(|code| of_problems.get_or_create_owned(&[("code", code.as_str().to_owned())]));
        let problems = problems.collect();
        registry.register("problems", "Requests that the gateway answered itself", of_problems);
        let (in_flight, clients) = (Gauge::default(), Gauge::default());
        registry.register("requests_in_flight", "Requests that are being served", in_flight.clone());
        registry.register("clients", "Clients that are connected", clients.clone());
        let audit_failing = Gauge::default();
        registry.register(
            "audit_failing",
            "1 while uses cannot be written to the audit log, and requests are refused",
            audit_failing.clone(),
        );
        let loads = Counter::default();
        registry.register(
            "route_loads",
            "Times that a grant and its credential were read from the vault",
            loads.clone(),
        );
        let (received, sent) = (Bytes::default(), Bytes::default());
        registry.register_with_unit("received", "Bodies of requests", Unit::Bytes, received.clone());
        registry.register_with_unit("sent", "Bodies of answers", Unit::Bytes, sent.clone());
        Self {
            registry,
            requests,
            seconds,
            masked,
            dials,
            checks,
            problems,
            in_flight,
            clients,
            audit_failing,
            loads,
            received,
            sent,
        }
    }

    /// Those of a provider.
    pub(crate) fn of(&self, provider: &str) -> Arc<OfProvider> {
        let label = || [("provider", provider.to_owned())];
        Arc::new(OfProvider {
            classes: CLASSES.map(|class| {
                let labels = [("provider", provider.to_owned()), ("status", class.to_owned())];
                self.requests.get_or_create_owned(&labels)
            }),
            seconds: self.seconds.get_or_create_owned(&label()),
            masked: self.masked.get_or_create_owned(&label()),
            dials: self.dials.get_or_create_owned(&label()),
        })
    }

    /// Counts a request that the gateway answered itself.
    pub(crate) fn problem(&self, code: Code) {
        tracing::info!(target: REQUESTS, problem = code.as_str(), "a request was refused");
        if let Some(counter) =
            Code::ALL.iter().position(|known| *known == code).and_then(|at| self.problems.get(at))
        {
            counter.inc();
        }
    }

    /// Counts a check.
    pub(crate) fn checked(&self, provider: &str, verdict: &str) {
        let labels = [("provider", provider.to_owned()), ("verdict", verdict.to_owned())];
        self.checks.get_or_create_owned(&labels).inc();
    }

    /// All of them, in the text format of `OpenMetrics`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl OfProvider {
    /// Counts a request by the class of its answer; `None` where there was none.
    pub(crate) fn answered(&self, status: Option<StatusCode>) {
        let class = status.map_or(5, |status| usize::from(status.as_u16() / 100).clamp(1, 5) - 1);
        self.classes[class].inc();
    }
}

/// Counts down when it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    pub(crate) fn up(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
