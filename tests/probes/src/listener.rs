//! A server that answers as it is told, and keeps what arrived.

use std::{
    io::{self, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use crate::Message;

/// A server on its own thread. It stops when this is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    answer: Mutex<Vec<Vec<u8>>>,
    arrived: Mutex<Vec<Message>>,
    connections: AtomicUsize,
    is_over: AtomicBool,
}

/// The time between two pieces of an answer. Nothing tells whether the other side has read the first one.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a connection may say nothing.
const IDLE: Duration = Duration::from_secs(60);

impl Listener {
    /// Listens. It answers nothing until it is told to.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.is_over.load(SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                of_thread.connections.fetch_add(1, SeqCst);
                let shared = Arc::clone(&of_thread);
                // An error is for the other side to notice.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on: these pieces, one after the other. Forgets what has arrived.
    pub fn answer(&self, pieces: Vec<Vec<u8>>) {
        *lock(&self.shared.answer) = pieces;
        lock(&self.shared.arrived).clear();
    }

    /// What has arrived since it was last told what to answer.
    pub fn arrived(&self) -> Vec<Message> {
        lock(&self.shared.arrived).clone()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Message::request(&mut reader)? {
        lock(&shared.arrived).push(request);
        let pieces = lock(&shared.answer).clone();
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                thread::sleep(PAUSE);
            }
            (&*stream).write_all(piece)?;
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
