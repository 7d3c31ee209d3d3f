//! Where functions of a node under test wait until they are let on: no scenario sleeps until they have come so far.

use super::{Code, PATIENCE};
use std::fmt::Debug;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A port that functions connect to and wait at: `wait_at(<port>)`, `await waitAt(<port>)`. What only says that it has come so far, and
/// goes on, says `pass_by(<port>)`, `await passBy(<port>)`.
pub(crate) struct Gate {
    listener: TcpListener,
}

/// What comes of `first`, which ends before a request is answered.
pub(crate) async fn before<A: Debug, B>(
    unanswered: &mut (impl Future<Output = A> + Unpin),
    first: impl Future<Output = B>,
) -> B {
    tokio::select! {
        biased;
        answer = unanswered => panic!("it was answered too early: {answer:?}"),
        done = first => done,
    }
}

/// A function that waits; it is let on when this is dropped.
pub(crate) struct Waiting(TcpStream);

impl Waiting {
    /// Lets it on; gives what it says there until it ends or closes its side.
    pub(crate) async fn last_words(mut self) -> String {
        let mut said = String::new();
        let heard = async {
            self.0.shutdown().await?;
            self.0.read_to_string(&mut said).await
        };
        // Who was killed in the middle of it has said what it has said.
        let _ = tokio::time::timeout(PATIENCE, heard).await.expect("it ends");
        said
    }
}

impl Gate {
    /// What a Python function does there.
    pub(crate) const PYTHON: &str = r#"
import socket

def wait_at(port):
    try:
        with socket.create_connection(("127.0.0.1", port)) as gate:
            gate.sendall(b"here")
            gate.recv(1)
    except OSError: pass

passed = []
def pass_by(port):
    passed.append(socket.create_connection(("127.0.0.1", port)))
    passed[-1].sendall(b"here")
"#;
    /// What a Node.js function does there.
    pub(crate) const NODE: &str = r#"
const net = require("node:net");
const waitAt = (port) => new Promise((pass) => {
    const gate = net.connect(port, "127.0.0.1");
    gate.on("error", pass).on("close", pass).resume().write("here");
});
const passBy = (port) => new Promise((pass) => net.connect(port, "127.0.0.1").on("error", pass).write("here", pass));
"#;

    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap() }
    }

    /// Such a function, in which `PORT` stands for the gate's.
    pub(crate) fn code(&self, python: &str, node: &str) -> Code {
        let at = |source: &str| source.replace("PORT)", &format!("{})", self.port()));
        Code { python: format!("{}{}", Self::PYTHON, at(python)), node: format!("{}{}", Self::NODE, at(node)) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Returns when a function has come.
    pub(crate) async fn arrival(&self) -> Waiting {
        let arrival = async {
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                // Others of this machine may try any port.
                let mut word = [0; 4];
                if stream.read_exact(&mut word).await.is_ok() && word == *b"here" {
                    return Waiting(stream);
                }
            }
        };
        tokio::time::timeout(PATIENCE, arrival).await.expect("it comes")
    }

    /// The same, while this request has no answer.
    pub(crate) async fn arrival_before<A: Debug>(&self, unanswered: &mut (impl Future<Output = A> + Unpin)) -> Waiting {
        before(unanswered, self.arrival()).await
    }

    /// From now on whoever comes goes on at once.
    pub(crate) fn open(self) {
        tokio::spawn(async move { while self.listener.accept().await.is_ok() {} });
    }
}
