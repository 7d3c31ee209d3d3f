//! The load generator: connections that send the next request when the answer to the last is there, and check each answer.

use super::cores;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A connection gives up after so many failed requests.
const FAILURES_OF_A_CONNECTION_MAX: u64 = 100;

/// A server that has not answered after this time is taken for dead.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked, and what the answer must be.
#[derive(Debug, Clone)]
pub struct Question {
    /// Of whom.
    pub server: SocketAddr,
    /// The request's bytes.
    pub request: Vec<u8>,
    /// The length of the body of every answer.
    pub body_bytes: usize,
    /// The `X-Cache` of every answer; `None` = it is not looked at.
    pub x_cache: Option<&'static str>,
}

/// How much load, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// Connections in all.
    pub connections: usize,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// In which requests are counted.
    pub measured: Duration,
    /// From one request of a connection to its next. A request that is due before the answer to the last one is there counts from then, so
    /// that a server that stands still is seen in all that it keeps waiting. `None` = the next is sent when that answer is there.
    pub every: Option<Duration>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Of each answered request, in nanoseconds, sorted.
    pub latencies_ns: Vec<u32>,
    /// Requests that were not answered as they must be.
    pub errors: u64,
    /// What the first of them was.
    pub first_error: Option<String>,
    /// The time in which requests were counted.
    pub elapsed: Duration,
    /// CPU time of the server in that time.
    pub cpu: Duration,
}

impl Measured {
    fn add(&mut self, part: Self) {
        self.latencies_ns.extend(part.latencies_ns);
        self.errors += part.errors;
        self.first_error = self.first_error.take().or(part.first_error);
    }

    /// The latency that `share` of the requests did not exceed, in nanoseconds; 0 when there were none.
    pub fn percentile_ns(&self, share: f64) -> u32 {
        let rank = (share * self.latencies_ns.len() as f64).ceil() as usize;
        self.latencies_ns.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }
}

const WARM_UP: u8 = 0;
const MEASURE: u8 = 1;
const STOP: u8 = 2;

/// Asks `question` again and again from threads on these cores; `cpu` tells the CPU time of the server.
pub fn run(
    question: &Question,
    volume: Volume,
    on: &[usize],
    cpu: impl Fn() -> io::Result<Duration>,
) -> io::Result<Measured> {
    let phase = Arc::new(AtomicU8::new(WARM_UP));
    std::thread::scope(|scope| {
        let threads = on.len().min(volume.connections).max(1);
        let askers: Vec<_> = (0..threads)
            .map(|thread| {
                let connections = volume.connections / threads + usize::from(thread < volume.connections % threads);
                let (volume, phase) = (Volume { connections, ..volume }, phase.clone());
                scope.spawn(move || ask_on_thread(question, volume, on, &phase))
            })
            .collect();
        std::thread::sleep(volume.warm_up);
        let cpu_before = cpu();
        let began = Instant::now();
        phase.store(MEASURE, Ordering::Relaxed);
        std::thread::sleep(volume.measured);
        phase.store(STOP, Ordering::Relaxed);
        let elapsed = began.elapsed();
        let cpu_after = cpu();
        let mut all = Measured { elapsed, ..Measured::default() };
        for asker in askers {
            all.add(asker.join().map_err(|_| io::Error::other("a thread of the load generator panicked"))??);
        }
        all.cpu = cpu_after?.saturating_sub(cpu_before?);
        all.latencies_ns.sort_unstable();
        Ok(all)
    })
}

fn ask_on_thread(question: &Question, volume: Volume, on: &[usize], phase: &Arc<AtomicU8>) -> io::Result<Measured> {
    cores::pin(on)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async {
        let mut connections = JoinSet::new();
        for number in 0..volume.connections {
            let pace = volume.every.map(|every| Pace {
                every,
                due: Instant::now() + every.mul_f64(number as f64 / volume.connections as f64),
            });
            connections.spawn(ask_until_told(question.clone(), pace, phase.clone()));
        }
        tokio::time::timeout(volume.warm_up + volume.measured + ANSWER_TIMEOUT, connections.join_all()).await
    });
    let parts = asked.map_err(|_| io::Error::other(format!("{} does not answer any more", question.server)))?;
    let mut all = Measured::default();
    for part in parts {
        all.add(part);
    }
    Ok(all)
}

/// When a connection sends.
struct Pace {
    every: Duration,
    due: Instant,
}

impl Pace {
    /// Waits for the next request's time; from when it counts. How late the system wakes the load generator is not the server's doing.
    async fn turn(&mut self) -> Instant {
        let due = self.due;
        self.due += self.every;
        if Instant::now() > due {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }
}

/// One connection, opened anew after a failure and when the server wants it.
async fn ask_until_told(question: Question, mut pace: Option<Pace>, phase: Arc<AtomicU8>) -> Measured {
    let mut tally = Measured { latencies_ns: Vec::with_capacity(64 * 1024), ..Measured::default() };
    let mut open = None;
    let mut failures = 0;
    while phase.load(Ordering::Relaxed) != STOP && failures < FAILURES_OF_A_CONNECTION_MAX {
        let began = match &mut pace {
            Some(pace) => pace.turn().await,
            None => Instant::now(),
        };
        let answered = match open.take() {
            Some(connection) => ask(connection, &question).await,
            None => match Connection::open(question.server).await {
                Ok(connection) => ask(connection, &question).await,
                Err(error) => Err(error),
            },
        };
        let counts = phase.load(Ordering::Relaxed) == MEASURE;
        match answered {
            Ok(connection) => {
                open = connection;
                if counts {
                    tally.latencies_ns.push(u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX));
                }
            }
            Err(error) => {
                failures += 1;
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }
    tally
}

struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    async fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::with_capacity(32 * 1024) })
    }
}

/// Sends the request and takes the whole answer; gives the connection back unless the server closes it.
async fn ask(mut connection: Connection, question: &Question) -> io::Result<Option<Connection>> {
    connection.stream.write_all(&question.request).await?;
    loop {
        if connection.stream.read_buf(&mut connection.unread).await? == 0 {
            return Err(io::Error::other("the connection ended before the answer did"));
        }
        if let Some(stays_open) = judge(&connection.unread, question)? {
            connection.unread.clear();
            return Ok(stays_open.then_some(connection));
        }
    }
}

/// Whether the connection stays open, once `bytes` are exactly the answer that must come.
fn judge(bytes: &[u8], question: &Question) -> io::Result<Option<bool>> {
    let mut lines = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut lines);
    let httparse::Status::Complete(head_bytes) = head.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let field = |name: &str| {
        let line = head.headers.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(line.value).ok()
    };
    let wrong = |what: &str| {
        let shown = String::from_utf8_lossy(&bytes[..head_bytes]);
        Err(io::Error::other(format!("{what} in the answer {shown:?}")))
    };
    if head.code != Some(200) {
        return wrong("another status than 200");
    }
    if field("content-length").and_then(|length| length.parse().ok()) != Some(question.body_bytes) {
        return wrong("another length");
    }
    if question.x_cache.is_some() && field("x-cache") != question.x_cache {
        return wrong("another X-Cache");
    }
    match bytes.len() - head_bytes {
        received if received < question.body_bytes => Ok(None),
        received if received > question.body_bytes => wrong("more than its length"),
        _ => Ok(Some(!field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn question() -> Question {
        let server = SocketAddr::from(([127, 0, 0, 1], 1));
        Question { server, request: Vec::new(), body_bytes: 2, x_cache: Some("Hit from cloudfront") }
    }

    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Cache: Hit from cloudfront\r\n\r\nok";

    #[test]
    fn an_answer_counts_only_when_it_is_whole() {
        for end in 1..ANSWER.len() {
            assert_eq!(judge(&ANSWER.as_bytes()[..end], &question()).unwrap(), None, "{end}");
        }
        assert_eq!(judge(ANSWER.as_bytes(), &question()).unwrap(), Some(true));
    }

    #[test]
    fn an_answer_with_another_status_length_or_cache_result_is_an_error() {
        for (from, to) in [("200", "503"), (": 2", ": 3"), ("Hit", "Miss"), ("\r\n\r\nok", "\r\n\r\nok!")] {
            assert!(judge(ANSWER.replace(from, to).as_bytes(), &question()).is_err(), "{to}");
        }
    }

    #[test]
    fn a_connection_the_server_closes_is_not_used_again() {
        let closed = ANSWER.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(judge(closed.as_bytes(), &question()).unwrap(), Some(false));
    }

    #[test]
    fn percentiles_are_of_the_requests_that_were_made() {
        let measured = Measured { latencies_ns: (1..=100).collect(), ..Measured::default() };
        assert_eq!((measured.percentile_ns(0.5), measured.percentile_ns(0.99)), (50, 99));
        assert_eq!(Measured::default().percentile_ns(0.5), 0);
    }
}
