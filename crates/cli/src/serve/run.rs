//! Serving: threads, signals, and the end.

use std::{future::poll_fn, net::TcpListener, pin::Pin, process, task::Poll, thread, time::Duration};

use keyway_hub::{Gateway, Listener, Stop, Tls};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{MissedTickBehavior, interval},
};

use super::{plan::Plan, socket::Sockets, tls::Certificate};
use crate::{
    exit::{Exit, Failure},
    stop::{self, Hangup},
};

/// How often the certificate's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Serves until a signal comes, and finishes what is in flight then. A second signal ends the process at once.
///
/// # Errors
/// When it cannot begin, or a thread ends by itself.
pub(super) async fn run(plan: &mut Plan, gateway: Gateway, sockets: Sockets) -> Result<Exit, Failure> {
    let (mut signals, mut hangup) = (stop::Stop::listen()?, Hangup::listen()?);
    // Each client takes a file, and so does each connection to a provider. What there is has to do.
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let stop = Stop::new();
    let (ended, mut endings) = unbounded_channel();
    let mut threads = plan.threads();
    let tls = plan.certificate.as_ref().map(|certificate| certificate.tls.clone());
    for number in 0..threads {
        let listeners = { &sockets.gateway }.iter().map(|socket| listener(socket, tls.clone()));
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        spawn(number, gateway.clone(), listeners, stop.clone(), Ended(ended.clone()))?;
    }
    if let Some(socket) = &sockets.control {
        let (gateway, listener, stop) = (gateway.clone(), listener(socket, None)?, stop.clone());
        tokio::spawn(async move { gateway.control(listener, stop).await });
    }
    // Once the threads let go of theirs, nobody listens any more.
    drop(sockets);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut is_stopping, mut failed) = (false, false);
    while threads > 0 {
        tokio::select! {
            () = signals.wait() => {
                if is_stopping {
                    process::exit(Exit::Failed as i32);
                }
                tracing::info!("stopping: what is in flight is finished first");
                is_stopping = true;
                stop.ask();
            }
            () = hangup.wait() => plan.certificate.iter_mut().for_each(Certificate::reload),
            _ = look.tick() => plan.certificate.iter_mut().for_each(Certificate::look),
            _ = endings.recv() => {
                threads -= 1;
                if !is_stopping {
                    (is_stopping, failed) = (true, true);
                    stop.ask();
                }
            }
        }
    }
    // All that was served is in the audit log before this ends.
    gateway.close().await?;
    if failed { Err(Failure::because("a thread ended by itself; the log says why")) } else { Ok(Exit::Done) }
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
            let serving = listeners.into_iter().map(|listener| worker.serve(listener, stop.clone()));
            all(serving.map(Box::pin).collect()).await;
        });
    };
    let thread = thread::Builder::new().name(format!("keyway-{number}")).spawn(serve);
    thread.map(drop).map_err(|_| Failure::because("keyway cannot start as many threads"))
}

/// Waits until all are done.
async fn all<F: Future>(mut futures: Vec<Pin<Box<F>>>) {
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
