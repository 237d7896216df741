//! The log: a line for each event, to stderr, written by a thread of its own.

use std::{
    io::{self, Write},
    panic::{self, Location},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use keyway_hub::REQUESTS;
use tracing::Subscriber;
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
};

use super::config::{Format, Log};
use crate::exit::Failure;

/// How many lines may wait to be written. Whoever serves does not wait for whoever reads.
const QUEUE: usize = 8192;

/// The log. What is waiting is written before this is gone.
pub(super) struct Logging {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

/// Where lines go.
#[derive(Clone)]
struct Lines {
    send: Option<SyncSender<Vec<u8>>>,
    lost: Arc<AtomicU64>,
}

/// Starts the log of the process. `wanted` is what `RUST_LOG` says.
///
/// # Errors
/// When there is no thread for it, or there is a log already.
pub(super) fn start(log: &Log, wanted: Option<&str>) -> Result<Logging, Failure> {
    let logging = Logging::to(log.format, io::stderr())?;
    let subscriber = subscriber(log, wanted, logging.lines.clone());
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| Failure::because("there is a log already"))?;
    panic::set_hook(Box::new(|panic| of_panic(panic.location())));
    Ok(logging)
}

/// A panic ends what it was in, and nothing else. Its own text may quote what was worked on, a key among it.
fn of_panic(place: Option<&Location<'_>>) {
    let place = place.map_or_else(String::new, |place| format!("{}:{}", place.file(), place.line()));
    tracing::error!(place, "a fault of keyway's own; please report this place");
}

fn subscriber(log: &Log, wanted: Option<&str>, lines: Lines) -> Box<dyn Subscriber + Send + Sync> {
    let lines = move || lines.clone();
    let layer = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(false);
    let filter = targets(log, wanted);
    match log.format {
        Format::Text => Box::new(Registry::default().with(layer.with_filter(filter))),
        Format::Json => {
            Box::new(Registry::default().with(layer.json().flatten_event(true).with_filter(filter)))
        }
    }
}

/// What is logged. `RUST_LOG` raises what is Keyway's own; others tell of warnings alone, whatever it says: they may show
/// headers, or what goes over a connection.
fn targets(log: &Log, wanted: Option<&str>) -> Targets {
    const OTHERS: LevelFilter = LevelFilter::WARN;
    // Set and empty is as good as not set; as a filter it would be one that lets nothing through.
    let wanted = wanted.filter(|text| !text.trim().is_empty());
    let wanted: Targets = wanted.and_then(|text| text.parse().ok()).unwrap_or_default();
    let own = wanted.default_level().unwrap_or(log.level);
    let mut targets = Targets::new().with_default(OTHERS.min(own)).with_target("keyway", own);
    if !log.requests {
        targets = targets.with_target(REQUESTS, LevelFilter::OFF);
    }
    for (target, level) in wanted {
        let is_own = target == "keyway" || target.starts_with("keyway_") || target.starts_with("keyway::");
        targets = targets.with_target(target, if is_own { level } else { level.min(OTHERS) });
    }
    targets
}

impl Logging {
    fn to(format: Format, out: impl Write + Send + 'static) -> Result<Self, Failure> {
        let (send, receive) = sync_channel(QUEUE);
        let lines = Lines { send: Some(send), lost: Arc::default() };
        let lost = Arc::clone(&lines.lost);
        let thread = thread::Builder::new().name("keyway-log".to_owned());
        let thread = thread
            .spawn(move || write(&receive, &lost, format, out))
            .map_err(|_| Failure::because("keyway cannot start a thread for its log"))?;
        Ok(Self { lines, thread: Some(thread) })
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        // The process's subscriber holds a sender for good, so an empty line says that this was the last one.
        if let Some(send) = self.lines.send.take() {
            let _ = send.send(Vec::new());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Write for Lines {
    /// Takes one line, as `tracing-subscriber` hands them out: whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(send) = &self.send
            && let Err(TrySendError::Full(_)) = send.try_send(line.to_vec())
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what comes, and says how much did not.
fn write(lines: &Receiver<Vec<u8>>, lost: &AtomicU64, format: Format, mut out: impl Write) {
    while let Ok(line) = lines.recv() {
        if line.is_empty() {
            break;
        }
        // Nobody can be told when this fails.
        let _ = out.write_all(&line);
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = out.write_all(told(lost, format).as_bytes());
        }
    }
    let _ = out.flush();
}

/// A line about those that are lost.
fn told(lost: u64, format: Format) -> String {
    let why = "lines of the log are not here: they came faster than they could be written";
    match format {
        Format::Text => format!("{lost} {why}\n"),
        Format::Json => format!("{{\"level\":\"WARN\",\"message\":\"{why}\",\"lost\":{lost}}}\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use tracing::Level;

    use super::*;

    const LOG: Log = Log { format: Format::Text, level: LevelFilter::INFO, requests: false };

    #[test]
    fn i2_rust_log_raises_what_is_keyway_s_own_and_nothing_else() {
        for (wanted, target, level, is_logged) in [
            (None, "keyway::serve", Level::INFO, true),
            (None, "keyway_hub::route", Level::DEBUG, false),
            (None, "hyper", Level::WARN, true),
            (None, "hyper", Level::INFO, false),
            (Some("trace"), "keyway_hub", Level::TRACE, true),
            (Some("trace"), "hyper::proto", Level::INFO, false),
            (Some("keyway_hub=trace"), "keyway_hub::h1", Level::TRACE, true),
            (Some("keyway_hub=trace"), "keyway::serve", Level::DEBUG, false),
            (Some("hyper=trace,rustls=debug"), "hyper", Level::INFO, false),
            (Some("hyper=trace,rustls=debug"), "rustls", Level::DEBUG, false),
            (Some("keywayward=trace"), "keywayward", Level::INFO, false),
            (Some("hyper=off"), "hyper", Level::ERROR, false),
            (Some("off"), "hyper", Level::ERROR, false),
            (Some("off"), "keyway", Level::ERROR, false),
            (Some("%%"), "keyway", Level::INFO, true),
            (Some(""), "keyway", Level::INFO, true),
            (Some(" "), "hyper", Level::WARN, true),
            (Some(""), "keyway", Level::DEBUG, false),
            (None, REQUESTS, Level::ERROR, false),
            (Some("keyway_hub::request=info"), REQUESTS, Level::INFO, true),
        ] {
            let targets = targets(&LOG, wanted);
            assert_eq!(targets.would_enable(target, &level), is_logged, "{wanted:?} {target} {level}");
        }
        let requests = Log { requests: true, ..LOG };
        assert!(targets(&requests, None).would_enable(REQUESTS, &Level::INFO));
    }

    /// Takes what is written, a line each, and waits to be let on before each.
    struct Slow(Receiver<()>, Sender<String>);

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_nobody_waits() {
        let ((go, wait), (tell, told)) = (channel(), channel());
        let logging = Logging::to(Format::Text, Slow(wait, tell)).unwrap();
        let mut lines = logging.lines.clone();
        let count = QUEUE + 10;
        for _ in 0..count {
            lines.write_all(b"a line\n").unwrap();
        }
        drop(go);
        drop(logging);
        let told: Vec<String> = told.iter().collect();
        let lost: usize = told
            .iter()
            .filter_map(|line| line.split_once(" lines of the log"))
            .map(|(number, _)| number.parse::<usize>().unwrap())
            .sum();
        let written = told.iter().filter(|line| *line == "a line\n").count();
        assert!(lost >= 9 && lost + written == count, "{lost} and {written} of {count}");
    }

    #[test]
    fn a_line_is_text_or_json() {
        for (format, is_json) in [(Format::Text, false), (Format::Json, true)] {
            let ((go, wait), (tell, told)) = (channel(), channel());
            drop(go);
            let logging = Logging::to(format, Slow(wait, tell)).unwrap();
            let subscriber = subscriber(&Log { format, ..LOG }, None, logging.lines.clone());
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(target: "keyway", port = 7, "it listens");
                of_panic(Some(Location::caller()));
            });
            drop(logging);
            let told: Vec<String> = told.iter().collect();
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(told[0].contains("it listens") && told[1].contains("log.rs:"), "{told:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&told[0]).is_ok(), is_json, "{told:?}");
        }
    }
}
