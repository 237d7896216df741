//! The server ends with the process, and leaves nothing.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use keyway_postgres::Server;

#[test]
fn a_database_is_fresh_and_the_folder_goes_with_the_server() {
    let Some(server) = Server::start_new() else { return };
    let (first, second) = (server.database(), server.database());
    assert_ne!(first, second);
    server.execute(&first, "CREATE TABLE mine (id bigint)");
    assert_eq!(server.execute(&second, "SELECT to_regclass('mine') IS NULL"), "t");
    server.stop();
    server.start();
    assert_eq!(server.execute(&first, "SELECT count(*) FROM mine"), "0");
    let folder = server.socket().parent().unwrap().to_owned();
    assert!(folder.is_dir());
    drop(server);
    assert!(!folder.exists());
}

/// Runs itself as a child that starts a server and is killed.
#[test]
fn a_killed_process_leaves_no_server() {
    const CHILD: &str = "KEYWAY_POSTGRES_CHILD";
    if env::var_os(CHILD).is_some() {
        if let Some(server) = keyway_postgres::shared() {
            println!("\n{}", server.socket().parent().unwrap().display());
        }
        std::thread::park();
    }
    if Server::start_new().is_none() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_leaves_no_server", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folder = lines.map(Result::unwrap).find(|line| line.starts_with('/')).unwrap();
    assert!(Path::new(&folder).is_dir());
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while Path::new(&folder).exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "the server's folder is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}
