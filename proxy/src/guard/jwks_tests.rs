//! Key sets behind a URL, with a server on an ephemeral port that the test holds in its hands.
#![allow(clippy::unwrap_used, reason = "tests")]

use homefront_config::jwt::{JwtAlgorithm, JwtKeys};
use http::HeaderValue;
use jsonwebtoken::Algorithm;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::super::test_keys::{bearer, claims, jwks, jwt, key_file, now, rsa_key, sign};
use super::super::{Reason, Verifier, Verifiers};
use super::*;

/// A JWKS server: what it answers can be changed, and answers can be held back.
struct Issuer {
    url: String,
    answer: Arc<parking_lot::Mutex<Vec<u8>>>,
    fetches: watch::Receiver<usize>,
    /// One permit lets one answer out; many by default.
    gate: Arc<Semaphore>,
}

impl Issuer {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let (count, fetches) = watch::channel(0);
        let issuer = Self {
            url,
            answer: Arc::new(parking_lot::Mutex::new(answer)),
            fetches,
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        };
        let (answer, gate) = (issuer.answer.clone(), issuer.gate.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                tokio::spawn(serve(stream, answer.clone(), gate.clone()));
            }
        });
        issuer
    }

    fn answer(&self, answer: Vec<u8>) {
        *self.answer.lock() = answer;
    }

    fn fetches(&self) -> usize {
        *self.fetches.borrow()
    }

    async fn fetched(&self, times: usize) {
        self.fetches.clone().wait_for(|&count| count >= times).await.unwrap();
    }

    fn hold_answers(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    fn release_answers(&self) {
        self.gate.add_permits(1_000);
    }

    fn verifier(&self) -> Arc<Verifier> {
        Arc::new(Verifier::open(&jwt(JwtKeys::JwksUrl(self.url.clone()), &[JwtAlgorithm::RS256])).unwrap())
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<parking_lot::Mutex<Vec<u8>>>, gate: Arc<Semaphore>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(1..) = stream.read_buf(&mut request).await else { return };
    }
    gate.acquire().await.unwrap().forget();
    let answer = answer.lock().clone();
    let _ = stream.write_all(&answer).await;
}

fn ok(body: &str) -> Vec<u8> {
    ok_with(body, "")
}

fn ok_with(body: &str, header: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{header}\r\n{body}", body.len()).into_bytes()
}

fn token(kid: Option<&str>, key: &str) -> String {
    sign(&rsa_key(key), Algorithm::RS256, kid, &claims())
}

async fn authorize(verifier: &Verifier, token: &str, now: SystemTime) -> Result<(), Reason> {
    verifier.authorize(&bearer(token), None, now).await.map(|_| ()).map_err(|refusal| refusal.reason)
}

#[tokio::test]
async fn the_first_request_fetches_the_set_when_nothing_did_before() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    assert_eq!(authorize(&verifier, &token(Some("one"), "a"), now()).await, Ok(()));
    assert_eq!(authorize(&verifier, &token(Some("one"), "a"), now()).await, Ok(()));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn no_request_is_lost_when_keys_rotate_under_traffic() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    let (old, new) = (token(Some("one"), "a"), token(Some("two"), "b"));
    assert_eq!(authorize(&verifier, &old, now()).await, Ok(()));

    issuer.answer(ok(&jwks(&[("one", "a"), ("two", "b")])));
    issuer.hold_answers();
    let later = now() + Duration::from_mins(1);
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, new) = (verifier.clone(), new.clone());
            tokio::spawn(async move { authorize(&verifier, &new, later).await })
        })
        .collect();
    issuer.fetched(2).await;
    // While the new set is on its way, the old one serves those whom it can, without waiting.
    assert!(verifier.verify(&bearer(&old), None, later).is_ok());
    issuer.release_answers();
    for request in waiting {
        assert_eq!(request.await.unwrap(), Ok(()));
    }
    assert_eq!(authorize(&verifier, &old, later).await, Ok(()));
    assert_eq!(issuer.fetches(), 2, "one fetch for a hundred requests");
}

#[tokio::test]
async fn a_token_without_kid_survives_a_rotation_too() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    assert_eq!(authorize(&verifier, &token(None, "a"), now()).await, Ok(()));
    issuer.answer(ok(&jwks(&[("two", "b")])));
    let later = now() + Duration::from_mins(1);
    assert_eq!(authorize(&verifier, &token(None, "b"), later).await, Ok(()));
    let withdrawn = authorize(&verifier, &token(Some("one"), "a"), later).await;
    assert_eq!(withdrawn, Err(Reason::UnknownKey(Some("one".into()))));
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_an_interval() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    assert_eq!(authorize(&verifier, &token(Some("one"), "a"), now()).await, Ok(()));
    let interval = Duration::from_secs(limits::JWKS_DEMAND_INTERVAL_S);
    for round in 1..=3_u32 {
        for attempt in 0..20 {
            let at = now() + interval * round + Duration::from_millis(attempt);
            let junk = token(Some(&format!("junk-{round}-{attempt}")), "b");
            assert!(matches!(authorize(&verifier, &junk, at).await, Err(Reason::UnknownKey(_))));
        }
        assert_eq!(issuer.fetches(), 1 + round as usize);
    }
}

#[tokio::test]
async fn hanging_up_does_not_buy_another_fetch() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    issuer.hold_answers();
    for _ in 0..10 {
        let (verifier, junk) = (verifier.clone(), token(Some("junk"), "b"));
        let request = tokio::spawn(async move { authorize(&verifier, &junk, now()).await });
        issuer.fetched(1).await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    issuer.release_answers();
    assert_eq!(authorize(&verifier, &token(Some("one"), "a"), now()).await, Ok(()), "the abandoned fetch went on");
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn the_last_good_set_stays_when_the_server_fails() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    let good = token(Some("one"), "a");
    assert_eq!(authorize(&verifier, &good, now()).await, Ok(()));
    let failures = [
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ok("not json"),
        ok("{}"),
        ok(&format!("{{\"keys\":[{}]}}", vec!["{}"; limits::JWKS_KEYS_MAX + 1].join(","))),
        ok(&" ".repeat(limits::JWKS_BYTES_MAX + 1)),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_vec(),
        Vec::new(),
    ];
    let mut at = now();
    for (fetches_before, failure) in (1..).zip(failures) {
        issuer.answer(failure.clone());
        at += Duration::from_secs(limits::JWKS_DEMAND_INTERVAL_S);
        let unknown = authorize(&verifier, &token(Some("two"), "b"), at).await;
        assert!(matches!(unknown, Err(Reason::UnknownKey(_))));
        assert_eq!(issuer.fetches(), fetches_before + 1);
        assert_eq!(authorize(&verifier, &good, at).await, Ok(()), "after {:.60}", String::from_utf8_lossy(&failure));
    }
}

#[tokio::test]
async fn requests_with_a_token_get_503_until_the_first_set_is_there() {
    let issuer = Issuer::start(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let verifier = issuer.verifier();
    let good = bearer(&token(Some("one"), "a"));
    let refusal = verifier.authorize(&good, None, now()).await.unwrap_err();
    assert_eq!((refusal.status(), refusal.www_authenticate()), (503, None));
    assert_eq!(refusal.body(), "503 Service Unavailable\n");
    assert_eq!(refusal.to_string(), "jwt `login`: no key set could be fetched yet");
    let anonymous = verifier.authorize(&HeaderMap::new(), None, now()).await.unwrap_err();
    assert_eq!(anonymous.status(), 401, "no key is needed to see that there is no token");

    issuer.answer(ok(&jwks(&[("one", "a")])));
    let later = now() + Duration::from_secs(limits::JWKS_DEMAND_INTERVAL_S);
    assert!(verifier.authorize(&good, None, later).await.is_ok());
}

#[tokio::test]
async fn an_emptied_set_is_in_force() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let verifier = issuer.verifier();
    assert_eq!(authorize(&verifier, &token(Some("one"), "a"), now()).await, Ok(()));
    issuer.answer(ok(r#"{"keys":[]}"#));
    let later = now() + Duration::from_mins(1);
    assert!(authorize(&verifier, &token(Some("two"), "b"), later).await.is_err());
    let withdrawn = verifier.authorize(&bearer(&token(Some("one"), "a")), None, later).await.unwrap_err();
    assert_eq!(withdrawn.status(), 401, "the issuer withdrew all its keys; they are not missing");
}

#[tokio::test]
async fn the_set_is_refreshed_in_the_background() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let quick = Duration::from_millis(1);
    let pace = Pace { refresh_min: quick, refresh_max: quick, refresh_default: quick, retry: quick, ..Pace::default() };
    let jwks_behind_url = Arc::new(Jwks::with_pace(&issuer.url, pace).unwrap());
    let task = tokio::spawn(jwks_behind_url.clone().keep_fresh());
    issuer.fetched(2).await;
    issuer.answer(Vec::new());
    let failed = issuer.fetches() + 2;
    issuer.fetched(failed).await;
    let generation = jwks_behind_url.generation();
    assert!(generation >= 1, "what was there stays");
    issuer.answer(ok(&jwks(&[("two", "b")])));
    let again = issuer.fetches() + 3;
    issuer.fetched(again).await;
    assert!(jwks_behind_url.generation() > generation, "the next good set takes its place");
    task.abort();
}

#[tokio::test]
async fn a_nodes_verifiers_fetch_their_sets_without_being_asked() {
    let issuer = Issuer::start(ok(&jwks(&[("one", "a")]))).await;
    let behind_url = jwt(JwtKeys::JwksUrl(issuer.url.clone()), &[JwtAlgorithm::RS256]);
    let mut of_file = jwt(JwtKeys::PublicKeyFile(key_file("rsa-b.public.pem")), &[JwtAlgorithm::RS256]);
    of_file.name = "file".to_owned();
    let verifiers = Arc::new(Verifiers::open([&behind_url, &of_file, &behind_url]).unwrap());
    let task = tokio::spawn({
        let verifiers = verifiers.clone();
        async move { verifiers.keep_keys_fresh().await }
    });
    issuer.fetched(1).await;
    // Waits for the fetch that is under way, and causes none of its own.
    assert_eq!(authorize(verifiers.named("login").unwrap(), &token(Some("one"), "a"), now()).await, Ok(()));
    assert_eq!(authorize(verifiers.named("file").unwrap(), &token(None, "b"), now()).await, Ok(()));
    assert!(verifiers.named("other").is_none());
    assert_eq!(issuer.fetches(), 1);
    assert!(!task.is_finished());
    task.abort();
}

#[test]
fn max_age_is_honoured_within_bounds() {
    let pace = Pace::default();
    let refresh_s = |values: &[&'static str]| {
        let headers = values.iter().map(|value| (CACHE_CONTROL, HeaderValue::from_static(value))).collect();
        pace.refresh(&headers).as_secs()
    };
    assert_eq!(refresh_s(&[]), 600);
    assert_eq!(refresh_s(&["public, Max-Age=900, must-revalidate"]), 900);
    assert_eq!(refresh_s(&["public", "max-age=\"900\""]), 900);
    assert_eq!(refresh_s(&["max-age=0"]), 60);
    assert_eq!(refresh_s(&["max-age=31536000"]), 3_600);
    assert_eq!(refresh_s(&["max-age=900, no-store"]), 60);
    assert_eq!(refresh_s(&["no-cache"]), 60);
    assert_eq!(refresh_s(&["max-age=-1, max-age=x"]), 600);
}

#[test]
fn a_clock_set_back_does_not_stop_fetches() {
    let pace = Pace::default();
    let interval = pace.demand_interval;
    assert!(pace.allows(None, now()));
    assert!(!pace.allows(Some(now()), now()));
    assert!(!pace.allows(Some(now()), now() + interval - Duration::from_nanos(1)));
    assert!(pace.allows(Some(now()), now() + interval));
    assert!(pace.allows(Some(now()), now() - Duration::from_secs(1)));
}

#[test]
fn keys_that_cannot_verify_are_passed_over() {
    let set: serde_json::Value = serde_json::from_str(&jwks(&[("one", "a")])).unwrap();
    let good = set["keys"][0].clone();
    let with = |name: &str, value: &str| {
        let mut key = good.clone();
        key[name] = value.into();
        key
    };
    let keys = serde_json::json!({ "keys": [
        { "kty": "oct", "kid": "shared", "k": "c2VjcmV0" },
        { "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" },
        { "kty": "OKP", "crv": "X25519", "x": "AA" },
        { "kty": "future" },
        7,
        with("use", "enc"),
        with("alg", "RSA-OAEP"),
        with("n", "not base64!"),
    ] });
    assert_eq!(KeySet::from_jwks(keys.to_string().as_bytes()).unwrap().len(), 0);

    let only_384 = serde_json::json!({ "keys": [with("alg", "RS384")] }).to_string();
    let only_384 = KeySet::from_jwks(only_384.as_bytes()).unwrap();
    assert_eq!(only_384.candidates(Some("one"), Algorithm::RS384).count(), 1);
    assert_eq!(only_384.candidates(Some("one"), Algorithm::RS256).count(), 0);
}
