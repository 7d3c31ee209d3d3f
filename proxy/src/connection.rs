//! One viewer connection: what is known of it, and the stream that pingora speaks HTTP over.

mod stream;

pub(crate) use stream::{Transport, ViewerStream};

use crate::renew::Renewal;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

/// The length of an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`; pingora's and the origin's are equally long.
pub(crate) const DATE_BYTES: usize = 29;

/// What is known of a connection before its first request, and what its requests tell the stream.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// The TCP peer.
    pub(crate) address: SocketAddr,
    /// The address it came to.
    pub(crate) server_ip: IpAddr,
    /// TLS, when it was spoken.
    pub(crate) tls: Option<TlsFacts>,
    /// Set while a request is being worked on: its head has been read.
    in_request: AtomicBool,
    /// Left for the requests that pingora makes on this connection's behalf.
    renewals: Mutex<VecDeque<Renewal>>,
    /// The `Date` the next response head goes out with, instead of pingora's.
    date: Mutex<Option<[u8; DATE_BYTES]>>,
}

/// CloudFront's names for what was agreed in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3`
    pub(crate) protocol: &'static str,
    /// `TLS_AES_128_GCM_SHA256`, `ECDHE-RSA-AES128-GCM-SHA256`
    pub(crate) cipher: String,
    /// Whether ALPN chose `h2`.
    pub(crate) http2: bool,
}

impl Viewer {
    /// A viewer that has just connected.
    pub(crate) fn new(address: SocketAddr, server_ip: IpAddr, tls: Option<TlsFacts>) -> Self {
        // A listener on `[::]` has viewers over IPv4, too, whose addresses are IPv4's for whoever compares them.
        let (address, server_ip) =
            (SocketAddr::new(address.ip().to_canonical(), address.port()), server_ip.to_canonical());
        let (in_request, renewals, date) = (AtomicBool::new(false), Mutex::default(), Mutex::new(None));
        Self { address, server_ip, tls, in_request, renewals, date }
    }

    /// The head of a request has been read: its clock stops.
    pub(crate) fn request_begins(&self) {
        self.in_request.store(true, Ordering::Relaxed);
    }

    /// The answer is out: the next bytes are the next head.
    pub(crate) fn request_ends(&self) {
        self.in_request.store(false, Ordering::Relaxed);
        *self.date.lock() = None;
    }

    /// Leaves a renewal. There are at most as many as requests on the connection at a time, and each is taken at once.
    pub(crate) fn hand_over(&self, renewal: Renewal) {
        self.renewals.lock().push_back(renewal);
    }

    /// Takes the oldest renewal.
    pub(crate) fn take_renewal(&self) -> Option<Renewal> {
        self.renewals.lock().pop_front()
    }

    /// Lets the next response head (HTTP/1 only) carry the origin's date.
    pub(crate) fn keep_date(&self, date: &[u8]) {
        if let Ok(date) = <[u8; DATE_BYTES]>::try_from(date) {
            *self.date.lock() = Some(date);
        }
    }
}
