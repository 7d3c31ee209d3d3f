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
        ("'é'.toUTF8()", r#""Ã©""#),
        ("'é'.toUTF8().fromUTF8()", r#""é""#),
        ("'\\xff'.fromUTF8()", "null"),
        ("'é'.toBytes().length", "1"),
        ("'€'.toBytes()", "null"),
        ("'abc'.fromBytes(1)", r#""bc""#),
        ("'abcd'.toBytes(1, 3)", r#""bc""#),
        ("'aé'.toUTF8(1).length", "2"),
        ("String.bytesFrom([97, 98, 255]).length", "3"),
        ("String.bytesFrom('6162', 'hex')", r#""ab""#),
        ("String.bytesFrom('aGk=', 'base64')", r#""hi""#),
        ("String.bytesFrom('aGk', 'base64url')", r#""hi""#),
    ] {
        assert_eq!(evaluate_in(expression, FunctionRuntime::CloudfrontJs1_0), expected, "{expression}");
    }
}
