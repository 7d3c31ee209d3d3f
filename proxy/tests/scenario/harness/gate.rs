//! Where functions of a node under test wait until they are let on: no scenario sleeps until they have come so far.

use super::PATIENCE;
use std::net::Ipv4Addr;
use tokio::net::{TcpListener, TcpStream};

/// A port that functions connect to and wait at: `wait_at(<port>)`, `await waitAt(<port>)`.
pub(crate) struct Gate {
    listener: TcpListener,
}

/// A function that waits; it is let on when this is dropped.
pub(crate) struct Waiting(#[allow(dead_code, reason = "held open")] TcpStream);

impl Gate {
    /// What a Python function does there.
    pub(crate) const PYTHON: &str = r#"
import socket

def wait_at(port):
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.recv(1)
"#;
    /// What a Node.js function does there.
    pub(crate) const NODE: &str = r#"
const net = require("node:net");
const waitAt = (port) => new Promise((pass) => {
    const gate = net.connect(port, "127.0.0.1");
    gate.on("error", pass).on("close", pass).resume();
});
"#;

    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Returns when a function has come.
    pub(crate) async fn arrival(&self) -> Waiting {
        let (stream, _) = tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("it comes").unwrap();
        Waiting(stream)
    }

    /// From now on whoever comes goes on at once.
    pub(crate) fn open(self) {
        tokio::spawn(async move { while self.listener.accept().await.is_ok() {} });
    }
}
