//! A folder served as a bucket is: keys are files, there are no listings, nothing outside the folder is reachable.

use super::local::{Body, LocalOrigin, whole};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, channel::Channel};
use percent_encoding::percent_decode_str;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

/// A file is read and sent in pieces of this size.
const PIECE_BYTES: usize = 256 * 1024;

/// A folder origin.
#[derive(Debug)]
pub(crate) struct Directory {
    root: Arc<Path>,
}

/// What follows the head of an answer.
enum Content {
    /// All of it.
    Whole(Bytes),
    /// So many bytes from where the file stands.
    Pieces(File, u64),
}

/// A file that answers a key.
struct Object {
    file: File,
    length: u64,
    modified: SystemTime,
    content_type: String,
}

impl Directory {
    /// The folder `root`; it is looked at anew for each request.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl LocalOrigin for Directory {
    async fn answer(&self, request: http::Request<()>) -> Response<Body> {
        let root = self.root.clone();
        // The way to a thread that may wait for a disk costs more than what is done there: it is gone once.
        let answered = tokio::task::spawn_blocking(move || answer(&root, &request)).await;
        answered.unwrap_or_else(|_panic| unreadable()).map(|content| match content {
            Content::Whole(bytes) => whole(bytes),
            Content::Pieces(file, bytes) => stream(file, bytes),
        })
    }
}

/// Everything but the pieces of a large file. It blocks.
fn answer(root: &Path, request: &http::Request<()>) -> Response<Content> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "A folder is read only.");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match open(root, request.uri().path()) {
        Ok(object) => respond(request.headers(), object).unwrap_or_else(|reason| {
            tracing::warn!(%reason, path = request.uri().path(), "a file could not be read");
            unreadable()
        }),
        Err(reason) if reason.kind() == io::ErrorKind::PermissionDenied => {
            error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
        }
        Err(_) => error(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
    }
}

/// Opens the file of a key, unless it is outside of the folder by `..` or by a link.
fn open(root: &Path, key: &str) -> io::Result<Object> {
    let relative = relative_path(key).ok_or(io::ErrorKind::NotFound)?;
    let root = root.canonicalize()?;
    let path = root.join(relative).canonicalize()?;
    if !path.starts_with(&root) {
        return Err(io::ErrorKind::NotFound.into());
    }
    // A pipe in the place of a file would keep a thread waiting for ever.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let content_type = content_type(&path);
    Ok(Object { file, length: metadata.len(), modified: metadata.modified()?, content_type })
}

/// The file a key names below the folder; `None` for keys no file can have.
fn relative_path(key: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for segment in key.strip_prefix('/').unwrap_or(key).split('/') {
        let decoded = percent_decode_str(segment).decode_utf8().ok()?;
        // A `/` that was encoded is part of a name, and no file has such a name. Taken for a separator it would lead past
        // the path patterns of behaviors, which do not decode it.
        let mut parts = Path::new(decoded.as_ref()).components();
        let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !is_name || decoded.contains(['/', '\0']) {
            return None;
        }
        path.push(decoded.as_ref());
    }
    Some(path)
}

fn content_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let is_text = guess.type_() == "text" || guess.essence_str() == "application/javascript";
    if is_text { format!("{guess}; charset=utf-8") } else { guess.to_string() }
}

/// S3's form of an error.
fn error(status: StatusCode, code: &str, message: &str) -> Response<Content> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(Content::Whole(xml.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}

fn unreadable() -> Response<Content> {
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "The file could not be read.")
}

fn respond(request: &HeaderMap, object: Object) -> io::Result<Response<Content>> {
    let age = object.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let etag = format!("\"{:x}-{:x}\"", age.as_nanos(), object.length);
    let builder = Response::builder()
        .header(header::LAST_MODIFIED, httpdate::fmt_http_date(object.modified))
        .header(header::ETAG, &etag)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_TYPE, &object.content_type);
    let built = if is_not_modified(request, &etag, object.modified) {
        builder.status(StatusCode::NOT_MODIFIED).body(Content::Whole(Bytes::new()))
    } else {
        match requested_range(request, object.length) {
            None => builder.header(header::CONTENT_LENGTH, object.length).body(content(object.file, 0..object.length)?),
            Some(Ok(range)) => builder
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, object.length))
                .header(header::CONTENT_LENGTH, range.end - range.start)
                .body(content(object.file, range)?),
            Some(Err(Unsatisfiable)) => builder
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .header(header::CONTENT_RANGE, format!("bytes */{}", object.length))
                .body(Content::Whole(Bytes::new())),
        }
    };
    built.map_err(io::Error::other)
}

/// If-None-Match wins over If-Modified-Since (RFC 9110 §13.2.2).
fn is_not_modified(request: &HeaderMap, etag: &str, modified: SystemTime) -> bool {
    let text = |name| request.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    if let Some(tags) = text(header::IF_NONE_MATCH) {
        return tags.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == etag);
    }
    let since = text(header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
    // The header has whole seconds.
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    since.is_some_and(|since| seconds(modified) <= seconds(since))
}

struct Unsatisfiable;

/// One range is honoured; anything else gets the whole file, as RFC 9110 §14.2 allows.
fn requested_range(request: &HeaderMap, length: u64) -> Option<Result<Range<u64>, Unsatisfiable>> {
    let (first, last) = request.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", suffix) => length.saturating_sub(suffix.parse().ok()?)..length,
        (first, "") => first.parse().ok()?..length,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    Some(if range.start < range.end { Ok(range) } else { Err(Unsatisfiable) })
}

/// Of a small file or part all of it.
fn content(mut file: File, range: Range<u64>) -> io::Result<Content> {
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    let length = range.end - range.start;
    if length > PIECE_BYTES as u64 {
        return Ok(Content::Pieces(file, length));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(Content::Whole(bytes.into()))
}

/// Piece by piece, as fast as the viewer takes them.
fn stream(file: File, length: u64) -> Body {
    let (mut file, mut left) = (tokio::fs::File::from_std(file), length as usize);
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(2);
    tokio::spawn(async move {
        while left > 0 {
            let mut piece = vec![0; left.min(PIECE_BYTES)];
            if let Err(reason) = file.read_exact(&mut piece).await {
                // The file became shorter: the viewer must not take the rest for the whole.
                sender.abort(reason);
                return;
            }
            left -= piece.len();
            if sender.send_data(piece.into()).await.is_err() {
                return;
            }
        }
    });
    body.boxed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("public")).unwrap();
        std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
        std::fs::write(folder.path().join("public/index.html"), "<p>hi").unwrap();
        std::fs::write(folder.path().join("public/a b.txt"), "0123456789").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.txt"), folder.path().join("public/link")).unwrap();
        let directory = Directory::new(folder.path().join("public"));
        (folder, directory)
    }

    async fn get(directory: &Directory, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Bytes) {
        let mut request = http::Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, body) = directory.answer(request.body(()).unwrap()).await.into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn a_file_is_served_with_its_type_and_validators() {
        let (_folder, directory) = folder();
        let (status, headers, body) = get(&directory, "/index.html", &[]).await;
        assert_eq!((status, &body[..]), (200, &b"<p>hi"[..]));
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        let etag = headers["etag"].to_str().unwrap();
        let (status, _, body) = get(&directory, "/index.html", &[("if-none-match", etag)]).await;
        assert_eq!((status, body.len()), (304, 0));
        let date = headers["last-modified"].to_str().unwrap();
        assert_eq!(get(&directory, "/index.html", &[("if-modified-since", date)]).await.0, 304);
    }

    #[tokio::test]
    async fn a_pipe_in_the_place_of_a_file_is_no_object_and_keeps_nobody_waiting() {
        let (folder, directory) = folder();
        let pipe = folder.path().join("public/pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(get(&directory, "/pipe", &[]).await.0, 404);
    }

    #[tokio::test]
    async fn nothing_outside_of_the_folder_is_reachable() {
        let (_folder, directory) = folder();
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/%2findex.html",
            "/link",
            "/",
            "/%00",
            "//etc/passwd",
            "//index.html",
            "/index.html/",
        ] {
            assert_eq!(get(&directory, path, &[]).await.0, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn one_range_is_honoured_and_a_bad_one_is_refused() {
        let (_folder, directory) = folder();
        let cases = [("bytes=0-3", 206, "0123"), ("bytes=-2", 206, "89"), ("bytes=8-", 206, "89")];
        for (range, status, body) in cases {
            let answer = get(&directory, "/a%20b.txt", &[("range", range)]).await;
            assert_eq!((answer.0, &answer.2[..]), (status, body.as_bytes()), "{range}");
        }
        assert_eq!(get(&directory, "/a%20b.txt", &[("range", "bytes=10-")]).await.0, 416);
        assert_eq!(get(&directory, "/a%20b.txt", &[("range", "bytes=0-1,3-4")]).await.0, 200);
    }

    #[tokio::test]
    async fn a_large_file_is_streamed_whole() {
        let (folder, directory) = folder();
        let large = vec![7_u8; 3 * PIECE_BYTES + 5];
        std::fs::write(folder.path().join("public/large.bin"), &large).unwrap();
        assert_eq!(get(&directory, "/large.bin", &[]).await.2, large);
    }
}
