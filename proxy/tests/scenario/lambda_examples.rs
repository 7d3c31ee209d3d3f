//! The examples of Lambda@Edge functions that talk to somebody: a table in DynamoDB, an origin with images, an issuer of tokens.

use crate::harness::binary::{Binary, command, run, setup_python};
use crate::harness::{Answer, Connection, Origin, PATIENCE, Reply, get_of, repository};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The search path, on which `python3` is that Python.
fn path() -> OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = [setup_python().parent().unwrap().to_owned()].into_iter().chain(std::env::split_paths(&own));
    std::env::join_paths(folders).unwrap()
}

/// Starts a server that prints its address and runs until its input ends; gives the address.
async fn serving(mut command: Command) -> (Child, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("an address");
            if let Some(at) = line.find("http://").filter(|_| !line.contains(' ')) {
                return line[at..].to_owned();
            }
        }
    };
    let address = tokio::time::timeout(PATIENCE, address).await.expect("an address");
    (child, address)
}

/// A copy of an example, on a free port.
fn copied(example: &str) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&repository("examples").join(example), folder.path());
    replace(&folder.path().join("homefront.toml"), "127.0.0.1:8080", "127.0.0.1:0");
    folder
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} has no {from:?}", file.display());
    std::fs::write(file, text.replace(from, to)).unwrap();
}

async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    Connection::open(address).await.send(&get_of(path, headers)).await
}

#[tokio::test]
async fn redirects_are_read_from_dynamodb_through_boto3() {
    let mut table = Command::new(setup_python());
    table.arg(repository("examples/dynamodb-redirects/table.py")).arg("0");
    let (_table, endpoint) = serving(table).await;
    let mut test = command(&repository("examples"), &["test", "dynamodb-redirects"]);
    test.env("PATH", path()).env("AWS_ENDPOINT_URL", endpoint);
    test.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    let ended = run(test).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

/// Width and height of a PNG, which begins with them.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[1..4], b"PNG");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn images_are_resized_with_pillow_and_kept_for_each_width() {
    let original = std::fs::read(repository("examples/image-resizing/public/photos/hills.png")).unwrap();
    let body = original.clone();
    let origin = Origin::serve(move |asked| {
        let body = body.clone();
        async move {
            if asked.target.starts_with("/photos/hills.png") {
                Reply::ok(body).with("content-type", "image/png").with("etag", "\"original\"")
            } else {
                Reply::status(404, "no")
            }
        }
    });
    let folder = copied("image-resizing");
    let port = format!("http_port = {}", origin.address.port());
    replace(&folder.path().join("homefront.toml"), "http_port = 9000", &port);
    let mut serve = command(folder.path(), &["serve", "homefront.toml"]);
    serve.env("PATH", path());
    let (_node, address) = Binary::start(serve).await;

    let narrow = get(address, "/photos/hills.png?width=300", &[]).await;
    assert_eq!((narrow.status, narrow.header("x-resized-to")), (200, Some("320")), "{}", narrow.text());
    assert_eq!(size(&narrow.body), (320, 213));
    assert_eq!(narrow.header("etag"), None);
    let again = get(address, "/photos/hills.png?width=300", &[]).await;
    assert_eq!((again.header("x-cache"), &again.body), (Some("Hit from cloudfront"), &narrow.body));
    for unchanged in ["/photos/hills.png", "/photos/hills.png?width=1000", "/photos/hills.png?width=no"] {
        let answer = get(address, unchanged, &[]).await;
        assert_eq!((answer.header("etag"), &answer.body), (Some("\"original\""), &original), "{unchanged}");
    }
    assert_eq!(get(address, "/nothing.png?width=300", &[]).await.status, 404);
}

/// Where a redirect goes to, and `Cookie` of the cookies it sets.
fn redirect(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 302, "{}", answer.text());
    let set = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let cookies: Vec<_> = set.map(|(_, value)| value.split(';').next().unwrap()).collect();
    (answer.header("location").unwrap().to_owned(), cookies.join("; "))
}

#[tokio::test]
async fn the_issuer_goes_on_without_an_input_and_ends_with_one_when_told() {
    let issuer = |words: &[&str], input: Stdio| {
        let mut issuer = Command::new("node");
        issuer.arg(repository("examples/oidc-login/issuer.mjs")).args(words);
        issuer.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
    };
    // As a script starts it in the background. It answers a request that comes after it could have seen that its input has ended.
    let mut scripted = issuer(&["0"], Stdio::null());
    let mut lines = BufReader::new(scripted.stdout.take().unwrap()).lines();
    let address = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("an address").unwrap().unwrap();
    let address = address.strip_prefix("http://").unwrap().parse().unwrap();
    for _ in 0..2 {
        assert_eq!(get(address, "/.well-known/openid-configuration", &[]).await.status, 200);
    }
    assert!(scripted.try_wait().unwrap().is_none(), "it goes on");
    let mut told = issuer(&["0", "--until-input-ends"], Stdio::piped());
    drop(told.stdin.take());
    let ended = tokio::time::timeout(PATIENCE, told.wait()).await.expect("an end").unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn viewers_sign_in_at_an_openid_connect_issuer() {
    let mut issuer = Command::new("node");
    issuer.arg(repository("examples/oidc-login/issuer.mjs")).args(["0", "--until-input-ends"]);
    let (_issuer, issuer) = serving(issuer).await;
    let folder = copied("oidc-login");
    let (_node, address) = Binary::serve(folder.path()).await;
    // The function reads it when it starts, which is with the first request.
    let config = folder.path().join("lambda/login/config.json");
    replace(&config, "http://127.0.0.1:9400", &issuer);
    replace(&config, "127.0.0.1:8080", &address.to_string());

    let (to_issuer, login) = redirect(&get(address, "/index.html?from=mail", &[]).await);
    assert!(to_issuer.starts_with(&format!("{issuer}/authorize?response_type=code&")), "{to_issuer}");
    let issuer_address = issuer.strip_prefix("http://").unwrap().parse().unwrap();
    let (back, _) = redirect(&get(issuer_address, to_issuer.strip_prefix(&issuer).unwrap(), &[]).await);
    let callback = back.strip_prefix(&format!("http://{address}")).expect("back to the node");

    assert_eq!(get(address, callback, &[]).await.status, 401, "another viewer has no use for the code");
    let (page, session) = redirect(&get(address, callback, &[("Cookie", &login)]).await);
    assert_eq!(page, "/index.html?from=mail");
    let member = get(address, &page, &[("Cookie", &session)]).await;
    assert_eq!((member.status, member.text()), (200, "<!doctype html><title>Members</title><p>For members.\n"));

    assert_eq!(get(address, "/", &[]).await.status, 302, "the page is in the cache, and for members only");
    let forged = session.replace("; login=", "x; login=");
    assert_eq!(get(address, "/", &[("Cookie", &forged)]).await.status, 302, "a signature that is not the issuer's");
    assert_eq!(get(address, callback, &[("Cookie", &login)]).await.status, 401, "a code is good for one time");
}
