//! Serving: threads, signals, and the end.

use std::{future::poll_fn, net::TcpListener, pin::Pin, process, task::Poll, thread, time::Duration};

use keyway_connect::Connect;
use keyway_hub::{Gateway, Listener, Stop, Tls};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{plan::Plan, socket::Sockets, tls::Certificate};
use crate::{
    exit::{Exit, Failure},
    stop::{self, Hangup},
};

/// How often the certificate's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What the system tells the process.
pub(super) struct Signals {
    stop: stop::Stop,
    hangup: Hangup,
}

impl Signals {
    /// Listens before anybody is told that this serves: what comes earlier ends the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self { stop: stop::Stop::listen()?, hangup: Hangup::listen()? })
    }
}

/// What is served.
pub(super) struct Hub {
    pub(super) gateway: Gateway,
    pub(super) connect: Option<Connect>,
}

/// Serves until a signal comes, and finishes what is in flight then. A second signal ends the process at once.
///
/// # Errors
/// When it cannot begin, or a thread ends by itself.
pub(super) async fn run(
    plan: &mut Plan,
    hub: Hub,
    sockets: Sockets,
    mut signals: Signals,
) -> Result<Exit, Failure> {
    let done = serve(plan, &hub, sockets, &mut signals).await;
    // All that was served is in the audit log before this ends; but whoever cannot wait for a database that is away need not.
    tokio::select! {
        closed = timeout(plan.config.limits.shutdown, hub.gateway.close()) => match closed {
            Ok(closed) => closed?,
            Err(_) => return Err(Failure::because(
                "the last uses could not be written to the audit log: the database cannot be reached",
            )),
        },
        () = signals.stop.wait() => process::exit(Exit::Failed as i32),
    }
    done
}

async fn serve(plan: &mut Plan, hub: &Hub, sockets: Sockets, signals: &mut Signals) -> Result<Exit, Failure> {
    // Each client takes a file, and so does each connection to a provider. What there is has to do.
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let stop = Stop::new();
    let (ended, mut endings) = unbounded_channel();
    let mut threads = plan.threads();
    let tls = plan.certificate.as_ref().map(|certificate| certificate.tls.clone());
    let gateway = &hub.gateway;
    for number in 0..threads {
        let listeners = { &sockets.gateway }.iter().map(|socket| listener(socket, tls.clone()));
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        spawn(number, gateway.clone(), listeners, stop.clone(), Ended(ended.clone()))?;
    }
    if let Some(socket) = &sockets.control {
        let (gateway, listener, stop) = (gateway.clone(), listener(socket, None)?, stop.clone());
        tokio::spawn(async move { gateway.control(listener, stop).await });
    }
    let mut tasks = JoinSet::new();
    if let Some(connect) = &hub.connect {
        for socket in &sockets.connect {
            let (connect, listener, stop) = (connect.clone(), listener(socket, tls.clone())?, stop.clone());
            tasks.spawn(async move {
                if let Err(error) = connect.serve(listener, stop).await {
                    tracing::error!(%error, "a port cannot be served");
                }
            });
        }
        let (connect, stop) = (connect.clone(), stop.clone());
        tasks.spawn(async move { connect.work(stop).await });
    }
    // Once the threads let go of theirs, nobody listens any more.
    drop(sockets);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut is_stopping, mut failed) = (false, false);
    while threads > 0 || !tasks.is_empty() {
        tokio::select! {
            () = signals.stop.wait() => {
                if is_stopping {
                    process::exit(Exit::Failed as i32);
                }
                tracing::info!("stopping: what is in flight is finished first");
                is_stopping = true;
                stop.ask();
            }
            () = signals.hangup.wait() => plan.certificate.iter_mut().for_each(Certificate::reload),
            _ = look.tick() => plan.certificate.iter_mut().for_each(Certificate::look),
            _ = endings.recv() => {
                threads -= 1;
                if !is_stopping {
                    (is_stopping, failed) = (true, true);
                    stop.ask();
                }
            }
            Some(_) = tasks.join_next() => if !is_stopping {
                (is_stopping, failed) = (true, true);
                stop.ask();
            },
        }
    }
    if failed { Err(Failure::because("something ended by itself; the log says why")) } else { Ok(Exit::Done) }
}

/// Says that a thread ended, also when it panicked.
struct Ended(UnboundedSender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn listener(socket: &TcpListener, tls: Option<Tls>) -> Result<Listener, Failure> {
    let socket = socket.try_clone().map_err(|_| Failure::because("too many files are open"))?;
    Ok(Listener::new(socket, tls)?)
}

/// Starts a thread that serves all listeners.
fn spawn(
    number: usize,
    gateway: Gateway,
    listeners: Vec<Listener>,
    stop: Stop,
    ended: Ended,
) -> Result<(), Failure> {
    let runtime = crate::runtime()?;
    let serve = move || {
        let _ended = ended;
        runtime.block_on(async move {
            let worker = gateway.worker();
            let serve = async |listener, stop| {
                if let Err(error) = worker.serve(listener, stop).await {
                    tracing::error!(%error, "a port cannot be served");
                }
            };
            all(listeners.into_iter().map(|listener| Box::pin(serve(listener, stop.clone()))).collect())
                .await;
        });
    };
    let thread = thread::Builder::new().name(format!("keyway-{number}")).spawn(serve);
    thread.map(drop).map_err(|_| Failure::because("keyway cannot start as many threads"))
}

/// Waits until all are done.
async fn all<F: Future<Output = ()>>(mut futures: Vec<Pin<Box<F>>>) {
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
