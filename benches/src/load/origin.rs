//! An origin over TCP that costs as little as one can: the same bytes for every request.

use super::cores;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Starts it on a thread of its own, which lives as long as this process.
pub fn start(body: &[u8], on: &[usize]) -> io::Result<SocketAddr> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: max-age=86400\r\n\
         ETag: \"bench\"\r\nDate: Mon, 23 Nov 2026 14:00:00 GMT\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    let answer: &'static [u8] = answer.leak();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let cores = on.to_vec();
    std::thread::Builder::new().name("origin".to_owned()).spawn(move || {
        // Without it the bench is noisier, not wrong.
        let _ = cores::pin(&cores);
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer));
            }
        });
    })?;
    Ok(address)
}

/// Requests have no body, and one is sent after the other.
async fn serve(mut stream: TcpStream, answer: &'static [u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::with_capacity(16 * 1024);
    while stream.read_buf(&mut request).await? > 0 {
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            stream.write_all(answer).await?;
        }
    }
    Ok(())
}
