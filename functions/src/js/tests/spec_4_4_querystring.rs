//! §4.4 of the specification: the module `querystring`. What each expression gives is what CloudFront's engine gives.

use super::*;

/// That each expression gives this, as JSON, or throws this.
#[track_caller]
fn rows(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        let program = format!("(function () {{ var q = require('querystring'); return {expression}; }})()");
        assert_eq!(evaluate(&program), *expected, "{expression}");
    }
}

#[test]
fn parse_and_decode() {
    rows(&[
        ("q.parse('name=value&abc=xyz&abc=123')", r#"{"name":"value","abc":["xyz","123"]}"#),
        ("q.parse('')", "{}"),
        ("q.parse('a')", r#"{"a":""}"#),
        ("q.parse('a=')", r#"{"a":""}"#),
        ("q.parse('=b')", r#"{"":"b"}"#),
        ("q.parse('&&a=1&&')", r#"{"a":"1"}"#),
        ("q.parse('a=b=c')", r#"{"a":"b=c"}"#),
        ("q.parse('a=1&a=2&a=3')", r#"{"a":["1","2","3"]}"#),
        ("q.parse('a%20b=c%26d')", r#"{"a b":"c&d"}"#),
        ("q.parse('a+b=c+d')", r#"{"a b":"c d"}"#),
        ("q.parse('a=%E5%AE%B6')", r#"{"a":"家"}"#),
        ("q.parse('a=%ff')", r#"{"a":"�"}"#),
        ("q.parse('a=%E5%AE')", r#"{"a":"�"}"#),
        ("q.parse('a=%')", r#"{"a":"%"}"#),
        ("q.parse('a=%zz')", r#"{"a":"%zz"}"#),
        ("q.parse('a:1;b:2', ';', ':')", r#"{"a":"1","b":"2"}"#),
        ("q.parse('a==1&&b==2', '&&', '==')", r#"{"a":"1","b":"2"}"#),
        ("q.parse('a=1&b=2', '', '')", r#"{"a":"1","b":"2"}"#),
        ("q.parse('a=1&b=2', null, undefined)", r#"{"a":"1","b":"2"}"#),
        ("q.parse('a=1&b=2&c=3', null, null, {maxKeys: 2})", r#"{"a":"1","b":"2"}"#),
        ("q.parse('a=1&b=2&c=3', null, null, {maxKeys: 0})", r#"{"a":"1","b":"2","c":"3"}"#),
        ("q.parse('a=1&a=2&b=3', null, null, {maxKeys: 2})", r#"{"a":["1","2"]}"#),
        (
            "Object.keys(q.parse(Array(1500).fill(0).map(function (x, i) { return 'k' + i + '=1'; }).join('&'))).length",
            "1000",
        ),
        (
            "Object.keys(q.parse(Array(1500).fill(0).map(function (x, i) { return 'k' + i + '=1'; }).join('&'), null, null, {maxKeys: 0})).length",
            "1500",
        ),
        (
            "q.parse('a=x&b=y', null, null, {decodeURIComponent: function (s) { return s + '!'; }})",
            r#"{"a!":"x!","b!":"y!"}"#,
        ),
        ("q.decode('a=1')", r#"{"a":"1"}"#),
        ("q.parse(5)", "{}"),
        ("q.parse(undefined)", "{}"),
    ]);
}

#[test]
fn stringify_and_encode() {
    rows(&[
        (
            "q.stringify({name: 'value', abc: ['xyz', '123'], anotherName: ''})",
            r#""name=value&abc=xyz&abc=123&anotherName=""#,
        ),
        ("q.stringify({})", r#""""#),
        ("q.stringify({a: []})", r#""""#),
        (
            "q.stringify({a: 1, b: true, c: null, d: undefined, e: {}, f: NaN, g: Infinity})",
            r#""a=1&b=true&c=&d=&e=&f=&g=""#,
        ),
        ("q.stringify({a: ['x', 2, null, true]})", r#""a=x&a=2&a=&a=true""#),
        ("q.stringify({'a b': 'c&d=e', 'é': '€'})", r#""a%20b=c%26d%3De&%C3%A9=%E2%82%AC""#),
        (r#"q.stringify({a: "-_.!~*'()"})"#, r#""a=-_.!~*'()""#),
        ("q.stringify({a: '+ /?#[]@:$,;%'})", r#""a=%2B%20%2F%3F%23%5B%5D%40%3A%24%2C%3B%25""#),
        ("q.stringify({a: 1, b: 2}, ';', ':')", r#""a:1;b:2""#),
        ("q.stringify({a: 1, b: 2}, '', '')", r#""a=1&b=2""#),
        (
            "q.stringify({a: 1, b: 2}, null, null, {encodeURIComponent: function (s) { return '<' + s + '>'; }})",
            r#""<a>=<1>&<b>=<2>""#,
        ),
        ("q.encode({a: 1})", r#""a=1""#),
        ("q.stringify('a')", r#""""#),
        ("q.stringify(undefined)", r#""""#),
        ("q.stringify([1, 2])", r#""0=1&1=2""#),
        ("q.stringify({a: {value: 'x'}})", r#""a=""#),
    ]);
}

#[test]
fn escape_and_unescape() {
    rows(&[
        ("q.escape('a b&é')", r#""a%20b%26%C3%A9""#),
        (r#"q.escape("-_.!~*'()")"#, r#""-_.!~*'()""#),
        ("q.unescape('a%20b')", r#""a b""#),
        ("q.unescape('a+b')", r#""a b""#),
        ("q.unescape('%ff%E5%AE%B6')", r#""�家""#),
        ("q.unescape('%')", r#""%""#),
    ]);
}

#[test]
fn it_has_nothing_else_and_is_in_both_runtimes() {
    let names = r#"["decode","encode","escape","parse","stringify","unescape"]"#;
    let expression = "Object.getOwnPropertyNames(require('querystring')).sort()";
    for runtime in [FunctionRuntime::CloudfrontJs1_0, FunctionRuntime::CloudfrontJs2_0] {
        assert_eq!(evaluate_in(expression, runtime), names);
        assert_eq!(
            evaluate_in(
                "require('querystring').stringify({name: 'value', abc: ['xyz', '123'], anotherName: ''})",
                runtime
            ),
            "\"name=value&abc=xyz&abc=123&anotherName=\""
        );
    }
}
