//! The signals that end a command which otherwise goes on.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use crate::exit::Failure;

/// The signal that asks for files to be read again, where there is one.
pub(crate) struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    /// Listens before anything is begun: unheard, the signal ends the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
            let signal = signal.map_err(|_| Failure::because("SIGHUP cannot be listened for"))?;
            Ok(Self { signal })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for it.
    pub(crate) async fn wait(&mut self) {
        #[cfg(unix)]
        self.signal.recv().await;
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    }
}

/// The signals: Ctrl-C, and where there are others, those too.
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
    #[cfg(windows)]
    signals: [tokio::signal::windows::CtrlC; 1],
}

impl Stop {
    /// Listens before anything is begun, so that no signal is missed.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        let signals = {
            use tokio::signal::unix::{SignalKind, signal};
            signal(SignalKind::interrupt()).and_then(|one| Ok([one, signal(SignalKind::terminate())?]))
        };
        #[cfg(windows)]
        let signals = tokio::signal::windows::ctrl_c().map(|one| [one]);
        let signals = signals.map_err(|_| Failure::because("Ctrl-C cannot be listened for"))?;
        Ok(Self { signals })
    }

    /// Waits for the first of them.
    pub(crate) async fn wait(&mut self) {
        poll_fn(|context| self.poll(context)).await;
    }

    /// Tells whether one of them came, and has `context` woken when one does.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let came = self.signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    }
}
