//! What stands between the store and PostgreSQL, and cuts the connection at `COMMIT`.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Never,
    /// `COMMIT` does not arrive.
    Before,
    /// `COMMIT` arrives, and its answer does not.
    After,
    /// Nothing arrives, on what is connected never again, and nothing ends: the server is gone without a word.
    Silence,
}

pub(crate) struct Proxy {
    port: u16,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    /// Starts one on a port of loopback, before a Unix socket.
    pub(crate) async fn start(socket: std::path::PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(Cut::Never as u8));
        let shared = cut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, UnixStream::connect(&socket).await.unwrap(), shared.clone()));
            }
        });
        Self { port, cut }
    }

    /// The address of a database behind it.
    pub(crate) fn address(&self, database: &str) -> String {
        let name = database.trim_start_matches("postgres:///").split('?').next().unwrap();
        format!("postgres://keyway@127.0.0.1:{}/{name}", self.port)
    }

    /// What becomes of the next `COMMIT`, or of everything.
    pub(crate) fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

/// Carries one connection until either side ends it, or it is cut.
async fn connection(mut client: TcpStream, mut server: UnixStream, cut: Arc<AtomicU8>) {
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                silence(&cut).await;
                let commits = asked[..length].windows(7).any(|window| window == b"COMMIT\0");
                let cut = if commits { cut.swap(Cut::Never as u8, Ordering::SeqCst) } else { Cut::Never as u8 };
                if cut == Cut::Before as u8 || server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if cut == Cut::After as u8 {
                    // The answer says that it is done; nobody hears of it.
                    server.read_u8().await.ok();
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                silence(&cut).await;
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Stays in a connection to a server that is gone.
async fn silence(cut: &AtomicU8) {
    if cut.load(Ordering::SeqCst) == Cut::Silence as u8 {
        std::future::pending::<()>().await;
    }
}
