//! §4.4 of the specification: the module `crypto`. What each expression gives is what CloudFront's engine gives.

use super::*;

/// That each expression gives this, as JSON, or throws this.
#[track_caller]
fn rows(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        let program = format!("(function () {{ var c = require('crypto'); return {expression}; }})()");
        assert_eq!(evaluate(&program), *expected, "{expression}");
    }
}

#[test]
fn errors_of_algorithms_keys_data_and_encodings() {
    rows(&[
        ("c.createHash('sha512')", r#"throws TypeError: not supported algorithm: "sha512""#),
        ("c.createHash('SHA256')", r#"throws TypeError: not supported algorithm: "SHA256""#),
        ("c.createHash()", "throws TypeError: algorithm must be a string"),
        ("c.createHmac('sha512', 'k')", r#"throws TypeError: not supported algorithm: "sha512""#),
        ("c.createHmac('md5')", r#"throws TypeError: key argument "undefined" is not a string or Buffer-like object"#),
        ("c.createHash('md5').digest('latin1')", r#"throws TypeError: Unknown digest encoding: "latin1""#),
        ("c.createHash('md5').digest('HEX')", r#"throws TypeError: Unknown digest encoding: "HEX""#),
        (
            "c.createHash('md5').update({})",
            r#"throws TypeError: data argument "object" is not a string or Buffer-like object"#,
        ),
        (
            "(function () { var h = c.createHash('md5'); h.digest(); h.digest(); })()",
            "throws Error: Digest already called",
        ),
        (
            "(function () { var h = c.createHmac('md5', 'k'); h.digest(); h.update('a'); })()",
            "throws Error: Digest already called",
        ),
    ]);
}

#[test]
fn create_hmac() {
    rows(&[
        ("c.createHmac('md5', 'key').update('data').digest('hex')", r#""9d5c73ef85594d34ec4438b7c97e51d8""#),
        ("c.createHmac('sha1', 'key').update('data').digest('hex')", r#""104152c5bfdca07bc633eebd46199f0255c9f49d""#),
        (
            "c.createHmac('sha256', 'key').update('data').digest('hex')",
            r#""5031fe3d989c6d1537a013fa6e739da23463fdaec3b70137d828e36ace221bd0""#,
        ),
        (
            "c.createHmac('sha256', 'key').update('data').digest('base64')",
            r#""UDH+PZicbRU3oBP6bnOdojRj/a7DtwE32Cjjas4iG9A=""#,
        ),
        (
            "c.createHmac('sha256', 'key').update('data').digest('base64url')",
            r#""UDH-PZicbRU3oBP6bnOdojRj_a7DtwE32Cjjas4iG9A""#,
        ),
        (
            "c.createHmac('sha256', Buffer.from('key')).update(Buffer.from('data')).digest('hex')",
            r#""5031fe3d989c6d1537a013fa6e739da23463fdaec3b70137d828e36ace221bd0""#,
        ),
        (
            "c.createHmac('sha256', '').update('').digest('hex')",
            r#""b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad""#,
        ),
        (
            "c.createHmac('sha256', 'k'.repeat(200)).update('data').digest('hex')",
            r#""0163658d479ec73f2b801df07141db1426aaae2c6b5e8e6d9e6789f92f5e2b4f""#,
        ),
        (
            "c.createHmac('sha1', 'key').update('a').update('b').digest('hex')",
            r#""d659c8a62785fca0d0329c6e767ee4817e34628d""#,
        ),
        ("c.createHmac('md5', 'k').digest().length", "16"),
    ]);
}

#[test]
fn create_hash_update_and_digest() {
    rows(&[
        ("c.createHash('md5').update('abc').digest('hex')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("c.createHash('sha1').update('abc').digest('hex')", r#""a9993e364706816aba3e25717850c26c9cd0d89d""#),
        (
            "c.createHash('sha256').update('abc').digest('hex')",
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        ),
        (
            "c.createHash('sha256').update('').digest('hex')",
            r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#,
        ),
        ("c.createHash('md5').update('abc').digest('base64')", r#""kAFQmDzST7DWlj99KOF/cg==""#),
        ("c.createHash('md5').update('abc').digest('base64url')", r#""kAFQmDzST7DWlj99KOF_cg""#),
        (
            "c.createHash('sha1').update('a').update('b').update('c').digest('hex')",
            r#""a9993e364706816aba3e25717850c26c9cd0d89d""#,
        ),
        (
            "c.createHash('sha256').update('é€😀').digest('hex')",
            r#""df9226927fd572c1ee66eec85de1bb139497614899f36e4e90474cb71f6ef9d0""#,
        ),
        (
            "c.createHash('sha256').update(Buffer.from('abc')).digest('hex')",
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        ),
        (
            "c.createHash('sha256').update(new Uint8Array([97, 98, 99])).digest('hex')",
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        ),
        ("c.createHash('md5').update('616263', 'hex').digest('hex')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("c.createHash('md5').update('YWJj', 'base64').digest('hex')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("Buffer.isBuffer(c.createHash('md5').update('abc').digest())", "true"),
        ("c.createHash('md5').update('abc').digest().toString('hex')", r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("typeof c.createHash('md5').update", r#""function""#),
        ("(function () { var h = c.createHash('md5'); return h.update('a') === h; })()", "true"),
    ]);
}

#[test]
fn it_can_be_imported_and_required_and_has_nothing_else() {
    rows(&[
        ("[typeof c.createHash, typeof c.createHmac]", r#"["function","function"]"#),
        ("Object.getOwnPropertyNames(c)", r#"["createHash","createHmac"]"#),
        ("[c.randomBytes, c.createSign, c.subtle, c.getRandomValues].join()", r#"",,,""#),
        ("Object.getOwnPropertyNames(Object.getPrototypeOf(c.createHash('md5'))).sort()", r#"["digest","update"]"#),
    ]);
    let code = "import crypto from 'crypto'; function handler(event) { console.log(crypto === require('crypto')); return event.request; }";
    assert_eq!(Function::new(code).call(&request("/", &[]), None).logs, ["true"]);
}

#[test]
fn a_digest_without_encoding_is_a_buffer_in_2_0_and_a_byte_string_in_1_0() {
    let digest = "require('crypto').createHash('md5').update('abc').digest()";
    assert_eq!(evaluate(&format!("{digest} instanceof Buffer")), "true");
    let in_1_0 = |expression: &str| evaluate_in(expression, FunctionRuntime::CloudfrontJs1_0);
    assert_eq!(in_1_0(&format!("[typeof {digest}, {digest}.length, {digest}.charCodeAt(0)]")), r#"["string",16,144]"#);
    let hmac = "require('crypto').createHmac('sha1', 'key').update('data').digest('base64url')";
    assert_eq!(in_1_0(hmac), format!("\"{}\"", base64url_of_hmac()));
}

/// RFC 2104 with the key `key` and the data `data`, by the crate itself.
fn base64url_of_hmac() -> String {
    use base64::Engine as _;
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"key").unwrap();
    mac.update(b"data");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}
