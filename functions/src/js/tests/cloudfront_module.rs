//! The rest of the module `cloudfront`: where a request is, what goes into the access log, CBOR Web Tokens, and what a standard
//! distribution does not have.

use super::*;
use crate::js::bytes::Encoding;
use boa_engine::JsString;
use hmac::{Hmac, Mac};
use homefront_config::limits::CWT_DEPTH_MAX;
use proptest::prelude::*;
use sha2::Sha256;

fn program(calls: &str) -> String {
    format!(
        "import cf from 'cloudfront';\nfunction handler(event) {{\n{calls}\nreturn event.response || event.request;\n}}"
    )
}

fn call(calls: &str) -> CallResult {
    Function::new(&program(calls)).call(&request("/", &[]), None)
}

/// The value of an expression within a handler, as `JSON.stringify` prints it, or what it throws.
fn value_of(expression: &str) -> String {
    let calls = format!(
        "var value; try {{ value = JSON.stringify({expression}); }} catch (error) {{ value = 'throws ' + error; }}\nconsole.log(String(value));"
    );
    let result = call(&calls);
    result.logs.first().cloned().unwrap_or_else(|| format!("{:?}", result.outcome))
}

fn values(expressions: &[&str]) -> String {
    let value = |expression: &&str| format!("{expression}\n    {}", value_of(expression));
    expressions.iter().map(value).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_edge_location_is_there_on_requests_and_empty_on_responses() {
    let expected = r#"{"name":"HFR","serverIp":"192.0.2.1","region":"us-east-1"}"#;
    assert_eq!(value_of("cf.edgeLocation"), expected);
    let code = program("console.log(JSON.stringify(cf.edgeLocation));");
    let result = Function::new(&code).call(&request("/", &[]), Some(&response(200, &[])));
    assert_eq!(result.logs, ["{}"]);
    assert_eq!(value_of("(function () { cf.edgeLocation.name = 'ICN'; return cf.edgeLocation.name; })()"), "\"HFR\"");
}

#[test]
fn of_several_texts_for_the_access_log_the_last_counts() {
    let data = |calls: &str| call(calls).log_data.map(String::from);
    assert_eq!(data(""), None);
    assert_eq!(data("cf.logCustomData('one'); cf.logCustomData('two é');").as_deref(), Some("two é"));
    assert_eq!(data("cf.logCustomData('');").as_deref(), Some(""));
    let long = data("cf.logCustomData('x' + new Array(1000).join('é'));").unwrap();
    assert_eq!(long.len(), 799, "800 bytes at most, and no half of a character");
    let thrown = call("cf.logCustomData('before'); throw new Error('x');");
    assert_eq!(thrown.log_data.as_deref(), Some("before"), "whatever came of the call");
    for argument in ["", "5", "{}", "null"] {
        let text = value_of(&format!("cf.logCustomData({argument})"));
        assert_eq!(text, "throws TypeError: logCustomData takes a string", "{argument}");
    }
}

#[test]
fn no_call_leaves_a_text_to_the_next() {
    let mut function = Function::new(&program("if (event.request.uri === '/first') cf.logCustomData('first');"));
    for (uri, data) in [("/first", Some("first")), ("/", None)] {
        assert_eq!(function.call(&request(uri, &[]), None).log_data.as_deref(), data);
    }
}

#[test]
fn what_a_standard_distribution_does_not_have_says_so() {
    insta::assert_snapshot!(values(&[
        "cf.distributionTenant.id",
        "cf.distributionTenant.parameters.get('a')",
        "cf.mtls.renameClientCertHeaders({ 'CloudFront-Viewer-Cert-Pem': 'X-Cert' })",
        "cf.mtls.renamePemHeaders({})",
        "cf.mtls.combinePemHeaders({ newHeaderName: 'x-chain' })",
        "typeof cf.mtls.other",
    ]), @r#"
    cf.distributionTenant.id
        throws TypeError: distributionTenant module is not available
    cf.distributionTenant.parameters.get('a')
        throws TypeError: distributionTenant module is not available
    cf.mtls.renameClientCertHeaders({ 'CloudFront-Viewer-Cert-Pem': 'X-Cert' })
        throws TypeError: mtls module is not available
    cf.mtls.renamePemHeaders({})
        throws TypeError: mtls module is not available
    cf.mtls.combinePemHeaders({ newHeaderName: 'x-chain' })
        throws TypeError: mtls module is not available
    typeof cf.mtls.other
        "undefined"
    "#);
}

/// A token made by hand, by RFC 9052 §6.3: the code is of `["MAC0", protected, h'', payload]`.
fn token(protected: &[u8], payload: &[u8], key: &[u8]) -> Vec<u8> {
    let text = |bytes: &[u8]| [&[0x58, bytes.len() as u8], bytes].concat();
    let structure = [&[0x84, 0x64][..], b"MAC0", &text(protected)[..], &[0x40], &text(payload)[..]].concat();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    // The canonical head of a short string, which is what an encoder writes there.
    let short =
        |bytes: &[u8]| if bytes.len() < 24 { [&[0x40 + bytes.len() as u8], bytes].concat() } else { text(bytes) };
    let structure = if protected.len() < 24 || payload.len() < 24 {
        [&[0x84, 0x64][..], b"MAC0", &short(protected)[..], &[0x40], &short(payload)[..]].concat()
    } else {
        structure
    };
    mac.update(&structure);
    let code = mac.finalize().into_bytes();
    [&[0xd1, 0x84][..], &text(protected)[..], &[0xa1, 0x04, 0x43], b"kid", &text(payload)[..], &[0x58, 32], &code[..]]
        .concat()
}

/// `{1: 5}`
const HS256: &[u8] = &[0xa1, 0x01, 0x05];
/// `{1: "me", 4: 1740000000, "x": [true, h'00']}`
const PAYLOAD: &[u8] =
    &[0xa3, 0x01, 0x62, b'm', b'e', 0x04, 0x1a, 0x67, 0xb6, 0x4b, 0x00, 0x61, b'x', 0x82, 0xf5, 0x41, 0x00];

/// `cf.cwt.validateToken` of these bytes.
fn validated(token: &[u8], key: &str) -> String {
    value_of(&format!("cf.cwt.validateToken(Buffer.from('{}', 'hex'), {{ key: {key} }})", hex::encode(token)))
}

#[test]
fn a_token_of_another_maker_is_validated_and_shown_with_keys_as_strings() {
    let token = token(HS256, PAYLOAD, b"secret");
    insta::assert_snapshot!(validated(&token, "'secret'"), @r#"{"protectedHeaders":{"1":5},"unprotectedHeaders":{"4":{"type":"Buffer","data":[107,105,100]}},"payload":{"1":"me","4":1740000000,"x":[true,{"type":"Buffer","data":[0]}]}}"#);
    assert_eq!(validated(&token, "Buffer.from('secret')"), validated(&token, "'secret'"));
    // 61, CWT's own tag, may stand around it.
    let tagged = [&[0xd8, 61][..], &token[..]].concat();
    assert_eq!(validated(&tagged, "'secret'"), validated(&token, "'secret'"));
}

#[test]
fn a_token_that_is_not_what_cloudfront_takes_is_refused() {
    let good = token(HS256, PAYLOAD, b"secret");
    let refused = |token: &[u8]| validated(token, "'secret'");
    insta::assert_snapshot!(validated(&good, "'other'"), @"throws TypeError: cf.cwt.validateToken: the token's code is not that of its content and this key");
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        // The unprotected headers are what their name says.
        let unprotected = good.windows(3).position(|window| window == b"kid").unwrap();
        if !(unprotected - 3..unprotected + 3).contains(&at) {
            assert!(refused(&damaged).starts_with("throws TypeError: cf.cwt.validateToken: "), "{at}");
        }
    }
    insta::assert_snapshot!(refused(&good[1..]), @"throws TypeError: cf.cwt.validateToken: the token is not tagged as COSE MAC0 (17)");
    insta::assert_snapshot!(refused(&[&good[..], &[0]].concat()), @"throws TypeError: cf.cwt.validateToken: the token is not CBOR");
    // HS256 cut to 64 bits, which is another algorithm.
    insta::assert_snapshot!(refused(&token(&[0xa1, 0x01, 0x04], PAYLOAD, b"secret")), @"throws TypeError: cf.cwt.validateToken: the token's algorithm is not HS256");
    insta::assert_snapshot!(refused(&token(&[], PAYLOAD, b"secret")), @"throws TypeError: cf.cwt.validateToken: the token's algorithm is not HS256");
    insta::assert_snapshot!(refused(&token(HS256, &[0x01], b"secret")), @"throws TypeError: cf.cwt.validateToken: the token's payload is not a map of claims");
    // {1: 0, "1": 0}
    insta::assert_snapshot!(refused(&token(HS256, &[0xa2, 0x01, 0x00, 0x61, b'1', 0x00], b"secret")), @r#"throws TypeError: cf.cwt.validateToken: the token has the key "1" twice"#);
    insta::assert_snapshot!(refused(&[0; 1_025]), @"throws TypeError: cf.cwt.validateToken: the token has 1025 bytes; at most 1024 are taken");
    insta::assert_snapshot!(refused(&[0x81; 1_000]), @"throws TypeError: cf.cwt.validateToken: the token is not CBOR");
    insta::assert_snapshot!(values(&[
        "cf.cwt.validateToken('text', { key: 'a' })",
        "cf.cwt.validateToken(Buffer.from('d1', 'hex'))",
        "cf.cwt.validateToken(Buffer.from('d1', 'hex'), {})",
        "cf.cwt.validateToken(Buffer.from('d1', 'hex'), { key: '' })",
        "cf.cwt.validateToken(Buffer.from('d1', 'hex'), { key: 5 })",
        "cf.cwt.validateToken(Buffer.from('d1', 'hex'), { key: 'a', algorithm: 'none' })",
    ]));
}

#[test]
fn a_token_is_generated_as_it_is_validated_in_either_order_of_arguments() {
    let content = "{ protected: { 1: '5' }, unprotected: { 4: 'kid' }, payload: { 1: 'me', 4: 1740000000, '-70001': 1.5, \
                   sub: { list: ['a', null, true], bytes: Buffer.from([1, 2]) }, gone: undefined } }";
    let with = "{ coseTag: 'MAC0', key: 'secret' }";
    // Statement by statement: the parser is the one that needs stack for what is nested.
    let shown = |before: &str, arguments: &str| {
        value_of(&format!(
            "(function () {{ var content = {content}; var options = {with}; {before} var token = cf.cwt.generateToken({arguments}); \
             return cf.cwt.validateToken(token, {{ key: 'secret' }}); }})()"
        ))
    };
    let examples_order = shown("", "content, options");
    insta::assert_snapshot!(examples_order, @r#"{"protectedHeaders":{"1":5},"unprotectedHeaders":{"4":{"type":"Buffer","data":[107,105,100]}},"payload":{"1":"me","4":1740000000,"-70001":1.5,"sub":{"list":["a",null,true],"bytes":{"type":"Buffer","data":[1,2]}}}}"#);
    assert_eq!(shown("", "options, content"), examples_order);
    // What validateToken gave is what generateToken takes.
    let again = "content = cf.cwt.validateToken(cf.cwt.generateToken(content, options), { key: 'secret' });";
    assert_eq!(shown(again, "content, options"), examples_order);
    let first_bytes = |tag: &str| {
        value_of(&format!(
            "cf.cwt.generateToken({{ payload: {{}} }}, {{ coseTag: 'MAC0', key: 'k', cwtTag: {tag} }}).toString('hex').slice(0, 6)"
        ))
    };
    assert_eq!((first_bytes("false").as_str(), first_bytes("true").as_str()), ("\"d18443\"", "\"d83dd1\""));
}

#[test]
fn content_that_is_no_token_is_refused() {
    insta::assert_snapshot!(values(&[
        "cf.cwt.generateToken()",
        "cf.cwt.generateToken({ payload: {} }, { key: 'k' })",
        "cf.cwt.generateToken({ payload: {} }, { coseTag: 'SIGN1', key: 'k' })",
        "cf.cwt.generateToken({ payload: {} }, { coseTag: 'MAC0' })",
        "cf.cwt.generateToken({}, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ payload: 'text' }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ payload: [] }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ 4: 1740000000, payload: {} }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ protected: {}, protectedHeaders: {}, payload: {} }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ protected: { 1: 4 }, payload: {} }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ payload: { a: function () {} } }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ payload: { a: Symbol.for('a') } }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ payload: { a: new Array(1025).join('x') } }, { coseTag: 'MAC0', key: 'k' })",
        "cf.cwt.generateToken({ payload: { a: new Array(100000000) } }, { coseTag: 'MAC0', key: 'k' })",
        "(function () { var a = {}; a.a = a; return cf.cwt.generateToken({ payload: a }, { coseTag: 'MAC0', key: 'k' }); })()",
    ]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_are_a_harmful_token(bytes in prop::collection::vec(any::<u8>(), 0..200), nested in 0_usize..600, head in prop::sample::select(vec![0x81_u8, 0xa1, 0xc1, 0x9f, 0xbf, 0x5f])) {
        let hostile = [vec![0xd1; 1], vec![head; nested], bytes.clone()].concat();
        for token in [hostile, [&[0xd1, 0x84, 0x43][..], HS256, &bytes].concat(), bytes] {
            prop_assert!(validated(&token, "'k'").starts_with("throws TypeError: cf.cwt.validateToken: "));
        }
    }

    /// A payload of hostile CBOR whose maker knows the key.
    #[test]
    fn no_payload_is_harmful(payload in prop::collection::vec(any::<u8>(), 0..100)) {
        let shown = validated(&token(HS256, &payload, b"k"), "'k'");
        prop_assert!(shown.starts_with("throws TypeError: ") || shown.starts_with('{'), "{}", shown);
    }

    #[test]
    fn claims_survive_the_way_there_and_back(text in "[a-z\u{e9}]{0,20}", number in -9_007_199_254_740_991_i64..9_007_199_254_740_991, key in any::<i32>()) {
        let payload = format!("{{ '{key}': '{text}', n: {number} }}");
        let shown = value_of(&format!(
            "cf.cwt.validateToken(cf.cwt.generateToken({{ payload: {payload} }}, {{ coseTag: 'MAC0', key: 'k' }}), {{ key: 'k' }}).payload"
        ));
        prop_assert_eq!(shown, value_of(&payload));
    }
}

#[test]
fn the_deepest_token_fits_an_ordinary_threads_stack() {
    let nested = |levels: usize| {
        let payload = [&[0xa1, 0x01][..], &vec![0x81; levels][..], &[0x00]].concat();
        validated(&token(HS256, &payload, b"k"), "'k'")
    };
    on_stack(2 << 20, move || {
        assert!(nested(CWT_DEPTH_MAX - 2).starts_with('{'), "{}", nested(CWT_DEPTH_MAX - 2));
        assert!(nested(CWT_DEPTH_MAX + 1).starts_with("throws TypeError: "));
        let made = "(function () { var a = 1; for (var i = 0; i < 20; i++) a = [a]; \
            return cf.cwt.generateToken({ payload: { a: a } }, { coseTag: 'MAC0', key: 'k' }).length; })()";
        assert!(value_of(made).parse::<u32>().is_ok(), "{}", value_of(made));
    });
}

#[test]
fn tokens_are_text_that_buffers_read() {
    let token = token(HS256, PAYLOAD, b"secret");
    let text = Encoding::Base64Url.encode(&token).to_std_string_lossy();
    assert_eq!(JsString::from(text.as_str()).len(), text.len());
    let shown = value_of(&format!(
        "cf.cwt.validateToken(Buffer.from('{text}', 'base64url'), {{ key: 'secret' }}).payload['1']"
    ));
    assert_eq!(shown, "\"me\"");
}
