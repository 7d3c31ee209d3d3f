//! §4.3 of the specification: `TextEncoder`, `TextDecoder`, `atob`, `btoa`. What each expression gives is what CloudFront's engine gives.

use super::*;

/// That each expression gives this, as JSON, or throws this.
#[track_caller]
fn rows(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        let program = format!("(function () {{ return {expression}; }})()");
        assert_eq!(evaluate(&program), *expected, "{expression}");
    }
}

#[test]
fn text_encoder() {
    rows(&[
        ("Array.prototype.slice.call(new TextEncoder().encode('aé€😀'))", "[97,195,169,226,130,172,240,159,152,128]"),
        ("new TextEncoder().encode().length", "0"),
        ("new TextEncoder().encode('a') instanceof Uint8Array", "true"),
        (
            "(function () { var t = new Uint8Array(4); var r = new TextEncoder().encodeInto('a€€', t); return [r.read, r.written, Array.prototype.slice.call(t)]; })()",
            "[2,4,[97,226,130,172]]",
        ),
        (
            "(function () { var t = new Uint8Array(10); var r = new TextEncoder().encodeInto('😀b', t); return [r.read, r.written]; })()",
            "[3,5]",
        ),
    ]);
}

#[test]
fn text_decoder() {
    rows(&[
        ("new TextDecoder().decode(new Uint8Array([97, 195, 169, 226, 130, 172]))", r#""aé€""#),
        ("new TextDecoder().decode(new Uint8Array([239, 187, 191, 97])).length", "1"),
        ("new TextDecoder('utf-8', {ignoreBOM: true}).decode(new Uint8Array([239, 187, 191, 97])).length", "2"),
        ("new TextDecoder().decode(new Uint8Array([255, 97]))", r#""�a""#),
        (
            "new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255]))",
            "throws TypeError: The encoded data was not valid",
        ),
        ("new TextDecoder().decode()", r#""""#),
        ("new TextDecoder().decode(Buffer.from('xaby').subarray(1, 3))", r#""ab""#),
        ("new TextDecoder().decode(new Uint8Array([97, 98]).buffer)", r#""ab""#),
        (
            "[new TextDecoder().encoding, new TextDecoder().fatal, new TextDecoder().ignoreBOM]",
            r#"["utf-8",false,false]"#,
        ),
        (
            "[new TextDecoder('utf8').encoding, new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).fatal, new TextDecoder('utf-8', {ignoreBOM: 1}).ignoreBOM]",
            r#"["utf-8",true,true]"#,
        ),
        ("new TextDecoder('latin1')", r#"throws RangeError: The "latin1" encoding is not supported"#),
        (
            "new TextDecoder().decode('text')",
            r#"throws TypeError: The "input" argument must be an instance of TypedArray"#,
        ),
    ]);
}

#[test]
fn text_decoder_of_a_stream() {
    let pieces = |options: &str, pieces: &str| {
        format!(
            "(function () {{ var d = new TextDecoder('utf-8', {options}); \
             return {pieces}.map(function (p) {{ return d.decode(new Uint8Array(p), {{stream: true}}); }}).concat(d.decode()); }})()"
        )
    };
    for (options, given, expected) in [
        ("{}", "[[97, 226], [130], [172, 98]]", r#"["a","","€b",""]"#),
        ("{}", "[[240, 159, 152], [128]]", r#"["","😀",""]"#),
        ("{}", "[[97, 226, 130]]", r#"["a","�"]"#),
        ("{}", "[[226], [97]]", r#"["","�a",""]"#),
        ("{}", "[[255, 97]]", r#"["�a",""]"#),
        ("{}", "[[239, 187], [191, 97], [239, 187, 191]]", "[\"\",\"a\",\"\u{feff}\",\"\"]"),
        ("{fatal: true}", "[[226, 130], [172]]", r#"["","€",""]"#),
        ("{fatal: true}", "[[226, 130]]", "throws TypeError: The encoded data was not valid"),
    ] {
        assert_eq!(evaluate(&pieces(options, given)), expected, "{options} {given}");
    }
    rows(&[(
        "(function () { var d = new TextDecoder('utf-8', {fatal: true}); d.decode(new Uint8Array([226]), {stream: true}); \
         try { d.decode(); } catch (e) {} return d.decode(new Uint8Array([97])); })()",
        r#""a""#,
    )]);
}

#[test]
fn btoa_and_atob() {
    rows(&[
        ("btoa('hi')", r#""aGk=""#),
        (r"btoa('\xff\x00')", r#""/wA=""#),
        ("btoa('')", r#""""#),
        ("btoa('€')", "throws TypeError: invalid character (>= U+00FF)"),
        ("btoa(12)", r#""MTI=""#),
        ("atob('aGk=')", r#""hi""#),
        ("atob('/wA=').charCodeAt(0)", "255"),
        ("atob('')", r#""""#),
        ("atob(' a G k = ')", r#""hi""#),
        ("atob('a')", "throws TypeError: the string to be decoded is not correctly encoded"),
        ("atob('*')", "throws TypeError: the string to be decoded is not correctly encoded"),
        (r"atob(btoa('round trip \xe9'))", r#""round trip é""#),
    ]);
}

#[test]
fn byte_strings_of_runtime_1_0() {
    for (expression, expected) in [
        ("'é'.toUTF8().length", "2"),
        ("['é'.toUTF8().charCodeAt(0), 'é'.toUTF8().codePointAt(1), 'é'.toUTF8()[0].charCodeAt(0)]", "[195,169,195]"),
        ("'é'.toUTF8().fromUTF8()", r#""é""#),
        ("String.bytesFrom('ff', 'hex').fromUTF8()", "null"),
        ("'é'.fromUTF8() + 'é'.fromBytes()", r#""éé""#),
        ("'é'.toBytes().length", "1"),
        ("'é'.toBytes().fromBytes()", r#""é""#),
        ("'€'.toBytes()", "null"),
        ("'abc'.fromBytes(1)", r#""bc""#),
        ("'abcd'.toBytes(1, 3)", r#""bc""#),
        ("'aé'.toUTF8(1).length", "2"),
        ("String.bytesFrom([97, 98, 255]).length", "3"),
        ("String.bytesFrom('ff00c3a9', 'hex').length", "4"),
        ("String.bytesFrom('ff', 'hex').charCodeAt(0)", "255"),
        ("('\u{1f600}'.charCodeAt(1)).toString(16)", r#""de00""#),
        ("String.bytesFrom('6162', 'hex')", r#""ab""#),
        ("String.bytesFrom('aGk=', 'base64')", r#""hi""#),
        ("String.bytesFrom('aGk', 'base64url')", r#""hi""#),
        // What is UTF-8 as a whole is that text.
        ("String.bytesFrom('w6k', 'base64url') === 'é'", "true"),
        ("JSON.parse(String.bytesFrom('eyJuYW1lIjoiWm_DqyJ9', 'base64url')).name", r#""Zoë""#),
        ("JSON.parse('\"é\"'.toUTF8()) === 'é'", "true"),
        ("JSON.parse('\"' + String.bytesFrom('ff', 'hex') + '\"').charCodeAt(0)", "255"),
        (
            "encodeURIComponent(JSON.stringify({ a: 'é'.toUTF8(), b: '\\\\udcc3' }))",
            r#""%7B%22a%22%3A%22%C3%A9%22%2C%22b%22%3A%22%5C%5Cudcc3%22%7D""#,
        ),
        ("require('querystring').escape(String.bytesFrom('ff', 'hex') + 'é'.toUTF8())", r#""%FF%C3%A9""#),
        ("require('querystring').stringify({ a: String.bytesFrom('ff', 'hex') })", r#""a=%FF""#),
        // Outside of the engine, and in digests, they are bytes.
        ("encodeURIComponent('é'.toUTF8()) + encodeURIComponent(String.bytesFrom('ff', 'hex'))", r#""%C3%A9%FF""#),
        ("encodeURI(String.bytesFrom('2f20ff', 'hex')) + encodeURI('/é')", r#""/%20%FF/%C3%A9""#),
        ("'user:pass'.toUTF8().toString('base64')", r#""dXNlcjpwYXNz""#),
        ("'é'.toUTF8().toString('base64url') + 'é'.toString('hex')", r#""w6kc3a9""#),
        ("(String.bytesFrom('ff', 'hex') + 'é').toString('hex')", r#""ffc3a9""#),
        ("new String('abc').toString('hex') + 'a'.toString() + new String('b').toString()", r#""616263ab""#),
        ("'abc'.toString('utf8')", r#"throws TypeError: Unknown encoding: "utf8""#),
        ("'abc'.toString(1)", "throws TypeError: encoding must be a string"),
        ("String.prototype.toString.call(1)", "throws TypeError: unexpected value type"),
    ] {
        assert_eq!(evaluate_in(expression, FunctionRuntime::CloudfrontJs1_0), expected, "{expression}");
    }
}

#[test]
fn digests_of_runtime_1_0_are_bytes_and_of_bytes() {
    let crypto =
        "var crypto = require('crypto'); var md5 = function (data) { return crypto.createHash('md5').update(data); };";
    let hmac = "function (key, text) { return crypto.createHmac('sha256', key).update(text).digest(); }";
    for (expression, expected) in [
        ("md5('x').digest().length", "16"),
        // A text by chance.
        ("md5('user4017').digest().length", "16"),
        ("md5('x').digest().toString('hex')", r#""9dd4e461268c8034f5c8564e155c67a6""#),
        ("md5(String.bytesFrom('ff00', 'hex')).digest('hex')", r#""e0e8bfafbb0689563b2fba789c97b3cc""#),
        ("md5('é').digest() === md5('é'.toUTF8()).digest()", "true"),
        ("md5('é'.toBytes()).digest('hex')", r#""3406877694691ddd1dfb0aca54681407""#),
        (
            "hmac(hmac('a', 'b'), 'c').toString('hex')",
            r#""afb366b1e7d0ffd4e7c273ecd31eb15ce01301c2c39155f3a8ddd8190ef26edc""#,
        ),
    ] {
        let script = format!("(function () {{ {crypto} var hmac = {hmac}; return {expression}; }})()");
        let value = evaluate_in(&script, FunctionRuntime::CloudfrontJs1_0);
        assert_eq!(value, expected, "{expression}");
    }
}

#[test]
fn the_source_of_a_regular_expression_is_as_it_was_written() {
    for runtime in [FunctionRuntime::CloudfrontJs1_0, FunctionRuntime::CloudfrontJs2_0] {
        for (expression, expected) in [
            (r"/a\/b/.source", r#""a\\/b""#),
            (r"String(/a\/b/g)", r#""/a\\/b/g""#),
            (r"/\\\//.source", r#""\\\\\\/""#),
            (r"/[/]/.source + /[\/]/.source", r#""[/][\\/]""#),
            ("new RegExp('a/b').source", r#""a/b""#),
            ("new RegExp('').source + /a/.source", r#""(?:)a""#),
            (
                r"new RegExp([/^\/api\//, /^\/admin\//].map(function (r) { return r.source; }).join('|')).test('/admin/x')",
                "true",
            ),
            (r"'/a/b'.split(/\//).length + '/a/b'.replace(/\//g, '-')", r#""3-a-b""#),
        ] {
            assert_eq!(evaluate_in(expression, runtime), expected, "{expression}");
        }
    }
}

#[test]
fn half_of_a_character_is_no_byte_in_runtime_2_0() {
    for (expression, expected) in [
        (r"Buffer.from('\udcc3\udca9').toString('hex')", r#""efbfbdefbfbd""#),
        (r"new TextEncoder().encode('\udcc3\udca9').length", "6"),
        (r"encodeURIComponent('\udcc3\udca9')", "throws URIError: malformed URI"),
        (
            r"require('crypto').createHash('md5').update('paid \ud83d\udcb0'.slice(6)).digest('hex') === require('crypto').createHash('md5').update(Buffer.from('paid \ud83d\udcb0'.slice(6))).digest('hex')",
            "true",
        ),
    ] {
        assert_eq!(evaluate_in(expression, FunctionRuntime::CloudfrontJs2_0), expected, "{expression}");
    }
}
