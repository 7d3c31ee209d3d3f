//! §4.4 of the specification: `Buffer`. What each expression gives is what CloudFront's engine gives.

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
fn errors() {
    rows(&[
        ("Buffer.from('a', 'latin1')", r#"throws TypeError: "latin1" encoding is not supported"#),
        ("Buffer.from('abc').toString('nope')", r#"throws TypeError: "nope" encoding is not supported"#),
        ("Buffer.from(5)", "throws TypeError: first argument number is not a string or Buffer-like object"),
        ("new Buffer('abc')", "throws TypeError: Buffer is not a constructor"),
        ("Buffer('abc')", "throws TypeError: Buffer is not a constructor"),
        ("Buffer.from(null)", "throws TypeError: first argument null is not a string or Buffer-like object"),
        ("Buffer.from('abc').readInt8(3)", "throws RangeError: index 3 is outside the bound of the buffer"),
        ("Buffer.from('abc').readInt32LE(0)", "throws RangeError: index 0 is outside the bound of the buffer"),
        ("Buffer.from('abc').readIntLE(0, 7)", r#"throws TypeError: "byteLength" must be <= 6"#),
        ("Buffer.alloc(1).writeInt16BE(1, 0)", "throws RangeError: index 0 is outside the bound of the buffer"),
        ("Buffer.from('abc').swap16()", "throws RangeError: Buffer size must be a multiple of 16-bits"),
        ("Buffer.alloc(-1)", "throws RangeError: invalid size"),
        ("Buffer.concat('a')", r#"throws TypeError: "list" argument must be an instance of Array"#),
        ("Buffer.concat([1])", r#"throws TypeError: "list[0]" argument must be an instance of Buffer or Uint8Array"#),
        (
            "Buffer.compare('a', 'b')",
            r#"throws TypeError: "source" argument must be an instance of Buffer or Uint8Array"#,
        ),
        (
            "Buffer.from('abc').equals('abc')",
            r#"throws TypeError: "target" argument must be an instance of Buffer or Uint8Array"#,
        ),
    ]);
}

#[test]
fn what_typed_array_methods_make_of_a_buffer_is_one() {
    rows(&[
        ("Buffer.from('abc').map(function (byte) { return byte + 1; }).toString()", "\"bcd\""),
        ("Buffer.isBuffer(Buffer.from('abc').filter(function (byte) { return byte > 97; }))", "true"),
    ]);
}

#[test]
fn is_buffer_and_is_encoding() {
    rows(&[
        ("Buffer.isBuffer(Buffer.from('a'))", "true"),
        ("Buffer.isBuffer(new Uint8Array(1))", "false"),
        ("Buffer.isBuffer('a')", "false"),
        (
            "['utf8', 'utf-8', 'hex', 'base64', 'base64url', 'latin1', 'UTF8', ''].map(function (e) { return Buffer.isEncoding(e); })",
            "[true,true,true,true,true,false,false,false]",
        ),
    ]);
}

#[test]
fn byte_length_and_compare() {
    rows(&[
        ("Buffer.byteLength('héllo')", "6"),
        ("Buffer.byteLength('aGk=', 'base64')", "2"),
        ("Buffer.byteLength('6869', 'hex')", "2"),
        ("Buffer.byteLength(Buffer.alloc(3))", "3"),
        ("Buffer.byteLength(new Uint16Array(2))", "4"),
        ("Buffer.byteLength(new ArrayBuffer(7))", "7"),
        ("Buffer.compare(Buffer.from('a'), Buffer.from('b'))", "-1"),
        ("Buffer.compare(Buffer.from('b'), Buffer.from('a'))", "1"),
        ("Buffer.compare(Buffer.from('a'), Buffer.from('a'))", "0"),
        ("Buffer.compare(Buffer.from('a'), Buffer.from('ab'))", "-1"),
        ("Buffer.from('abc').compare(Buffer.from('abd'))", "-1"),
        ("Buffer.from('xabcx').compare(Buffer.from('abc'), 0, 3, 1, 4)", "0"),
        ("Buffer.from('abc').equals(Buffer.from('abc'))", "true"),
        ("Buffer.from('abc').equals(Buffer.from('abd'))", "false"),
    ]);
}

#[test]
fn alloc_and_concat() {
    rows(&[
        ("Buffer.alloc(4).toString('hex')", r#""00000000""#),
        ("Buffer.alloc(4, 1).toString('hex')", r#""01010101""#),
        ("Buffer.alloc(5, 'ab').toString()", r#""ababa""#),
        ("Buffer.alloc(5, '6162', 'hex').toString()", r#""ababa""#),
        ("Buffer.alloc(3, Buffer.from('xy')).toString()", r#""xyx""#),
        ("Buffer.alloc(0).length", "0"),
        ("Buffer.allocUnsafe(3).length", "3"),
        ("Buffer.concat([Buffer.from('a'), Buffer.from('bc')]).toString()", r#""abc""#),
        ("Buffer.concat([Buffer.from('abc'), Buffer.from('def')], 4).toString()", r#""abcd""#),
        ("Buffer.concat([Buffer.from('a')], 3).toString('hex')", r#""610000""#),
        ("Buffer.concat([]).length", "0"),
    ]);
}

#[test]
fn write_numbers() {
    rows(&[
        (
            "(function () { var b = Buffer.alloc(2); return [b.writeInt8(-2, 1), b.toString('hex')]; })()",
            r#"[2,"00fe"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(2); return [b.writeUInt8(254), b.toString('hex')]; })()",
            r#"[1,"fe00"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(4); return [b.writeInt16BE(-2, 1), b.writeInt16LE(-2, 0), b.toString('hex')]; })()",
            r#"[3,2,"fefffe00"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(4); return [b.writeUInt16BE(258, 0), b.writeUInt16LE(258, 2), b.toString('hex')]; })()",
            r#"[2,4,"01020201"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(8); return [b.writeInt32BE(-2, 0), b.writeInt32LE(-2, 4), b.toString('hex')]; })()",
            r#"[4,8,"fffffffefeffffff"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(8); return [b.writeUInt32BE(16909060, 0), b.writeUInt32LE(16909060, 4), b.toString('hex')]; })()",
            r#"[4,8,"0102030404030201"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(6); return [b.writeIntBE(-2, 0, 3), b.writeIntLE(-2, 3, 3), b.toString('hex')]; })()",
            r#"[3,6,"fffffefeffff"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(6); return [b.writeUIntBE(66051, 0, 3), b.writeUIntLE(66051, 3, 3), b.toString('hex')]; })()",
            r#"[3,6,"010203030201"]"#,
        ),
        ("(function () { var b = Buffer.alloc(1); b.writeInt8(200, 0); return b.toString('hex'); })()", r#""c8""#),
    ]);
}

#[test]
fn read_numbers() {
    rows(&[
        ("Buffer.from('ff80', 'hex').readInt8(0)", "-1"),
        ("Buffer.from('ff80', 'hex').readInt8(1)", "-128"),
        ("Buffer.from('ff80', 'hex').readInt8()", "-1"),
        ("Buffer.from('ff80', 'hex').readUInt8(0)", "255"),
        ("Buffer.from('ff80', 'hex').readInt16BE(0)", "-128"),
        ("Buffer.from('ff80', 'hex').readInt16LE(0)", "-32513"),
        ("Buffer.from('ff80', 'hex').readUInt16BE(0)", "65408"),
        ("Buffer.from('ff80', 'hex').readUInt16LE(0)", "33023"),
        ("Buffer.from('ff800102', 'hex').readInt32BE(0)", "-8388350"),
        ("Buffer.from('ff800102', 'hex').readInt32LE(0)", "33652991"),
        ("Buffer.from('ff800102', 'hex').readUInt32BE(0)", "4286578946"),
        ("Buffer.from('ff800102', 'hex').readUInt32LE(0)", "33652991"),
        (
            "[1, 2, 3, 4, 5, 6].map(function (n) { return Buffer.from('ff8001020304', 'hex').readIntBE(0, n); })",
            "[-1,-128,-32767,-8388350,-2147417597,-549738904828]",
        ),
        (
            "[1, 2, 3, 4, 5, 6].map(function (n) { return Buffer.from('ff8001020304', 'hex').readIntLE(0, n); })",
            "[-1,-32513,98559,33652991,12918554879,4410965065983]",
        ),
        (
            "[1, 2, 3, 4, 5, 6].map(function (n) { return Buffer.from('ff8001020304', 'hex').readUIntBE(0, n); })",
            "[255,65408,16744449,4286578946,1097364210179,280925237805828]",
        ),
        (
            "[1, 2, 3, 4, 5, 6].map(function (n) { return Buffer.from('ff8001020384', 'hex').readUIntLE(0, n); })",
            "[255,33023,98559,33652991,12918554879,145148453421311]",
        ),
        ("Buffer.from('3fc00000', 'hex').readFloatBE(0)", "1.5"),
        ("Buffer.from('0000c03f', 'hex').readFloatLE()", "1.5"),
        ("Buffer.from('3ff8000000000000', 'hex').readDoubleBE(0)", "1.5"),
        ("Buffer.from('000000000000f83f', 'hex').readDoubleLE()", "1.5"),
    ]);
}

#[test]
fn fill_copy_and_write() {
    rows(&[
        (
            "(function () { var t = Buffer.alloc(4); var n = Buffer.from('abcd').copy(t, 1); return [n, t.toString('hex')]; })()",
            r#"[3,"00616263"]"#,
        ),
        (
            "(function () { var t = Buffer.alloc(4); var n = Buffer.from('abcd').copy(t, 1, 1, 3); return [n, t.toString('hex')]; })()",
            r#"[2,"00626300"]"#,
        ),
        ("Buffer.alloc(4).fill('ab').toString()", r#""abab""#),
        ("Buffer.alloc(4).fill('ab', 1).toString('hex')", r#""00616261""#),
        ("Buffer.alloc(4).fill('ab', 1, 3).toString('hex')", r#""00616200""#),
        ("Buffer.alloc(4).fill('6162', 'hex').toString()", r#""abab""#),
        ("Buffer.alloc(4).fill(300).toString('hex')", r#""2c2c2c2c""#),
        ("(function () { var b = Buffer.alloc(4); return [b.write('abcdef'), b.toString()]; })()", r#"[4,"abcd"]"#),
        (
            "(function () { var b = Buffer.alloc(4); return [b.write('ab', 2), b.toString('hex')]; })()",
            r#"[2,"00006162"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(4); return [b.write('abcd', 1, 2), b.toString('hex')]; })()",
            r#"[2,"00616200"]"#,
        ),
        (
            "(function () { var b = Buffer.alloc(4); return [b.write('6162', 1, 2, 'hex'), b.toString('hex')]; })()",
            r#"[2,"00616200"]"#,
        ),
    ]);
}

#[test]
fn includes_index_of_and_last_index_of() {
    rows(&[
        ("Buffer.from('abcabc').includes('ca')", "true"),
        ("Buffer.from('abcabc').includes('zz')", "false"),
        ("Buffer.from('abcabc').includes('a', 4)", "false"),
        ("Buffer.from('abcabc').indexOf('c')", "2"),
        ("Buffer.from('abcabc').indexOf('c', 3)", "5"),
        ("Buffer.from('abcabc').indexOf('c', -1)", "5"),
        ("Buffer.from('abcabc').indexOf(99)", "2"),
        ("Buffer.from('abcabc').indexOf(Buffer.from('bc'))", "1"),
        ("Buffer.from('abcabc').indexOf('6263', 0, 'hex')", "1"),
        ("Buffer.from('abcabc').indexOf('')", "0"),
        ("Buffer.from('abcabc').lastIndexOf('bc')", "4"),
        ("Buffer.from('abcabc').lastIndexOf('bc', 3)", "1"),
        ("Buffer.from('abcabc').lastIndexOf('a', -4)", "0"),
        ("Buffer.from('abcabc').lastIndexOf(97)", "3"),
    ]);
}

#[test]
fn subarray_and_swap() {
    rows(&[
        (
            "(function () { var b = Buffer.from('abcd'), s = b.subarray(1, 3); s[0] = 120; return [b.toString(), s.toString(), s.length, s.byteOffset]; })()",
            r#"["axcd","xc",2,1]"#,
        ),
        ("Buffer.from('abcd').subarray(-2).toString()", r#""cd""#),
        ("Buffer.from('abcd').subarray(3, 1).length", "0"),
        (
            "(function () { var b = Buffer.from('abcd'), s = b.slice(1); s[0] = 120; return b.toString(); })()",
            r#""axcd""#,
        ),
        ("Buffer.from('0102', 'hex').swap16().toString('hex')", r#""0201""#),
        ("Buffer.from('01020304', 'hex').swap32().toString('hex')", r#""04030201""#),
        ("Buffer.from('0102030405060708', 'hex').swap64().toString('hex')", r#""0807060504030201""#),
    ]);
}

#[test]
fn from_and_to_string() {
    rows(&[
        ("Buffer.from('héllo').toString('hex')", r#""68c3a96c6c6f""#),
        ("Buffer.from('héllo', 'utf8').toString()", r#""héllo""#),
        ("Buffer.from('6869', 'hex').toString()", r#""hi""#),
        ("Buffer.from('686', 'hex').toString('hex')", r#""68""#),
        ("Buffer.from('68zz', 'hex').toString('hex')", r#""68""#),
        ("Buffer.from('aGk=', 'base64').toString()", r#""hi""#),
        ("Buffer.from('aGk', 'base64').toString()", r#""hi""#),
        ("Buffer.from('-_8', 'base64url').toString('hex')", r#""fbff""#),
        (r"Buffer.from('\ufffd').toString('hex')", r#""efbfbd""#),
        ("Buffer.from([255, 254]).toString()", r#""��""#),
        ("Buffer.from([1, 256, -1, 1.9, 'x', '7']).toString('hex')", r#""0100ff010007""#),
        ("Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1, 2).toString('hex')", r#""0203""#),
        ("Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1).toString('hex')", r#""0203""#),
        ("Buffer.from(new Uint8Array([1, 2, 3]).buffer).toString('hex')", r#""010203""#),
        ("Buffer.from(Buffer.from('abc')).toString()", r#""abc""#),
        ("Buffer.from(new Uint16Array([1, 257])).toString('hex')", r#""0101""#),
        ("Buffer.from({type: 'Buffer', data: [97, 98]}).toString()", r#""ab""#),
        ("Buffer.from(new String('ab')).toString()", r#""ab""#),
        ("Buffer.from({length: 2, 0: 97, 1: 98}).toString()", r#""ab""#),
        ("Buffer.from('ab').toJSON()", r#"{"type":"Buffer","data":[97,98]}"#),
        ("Buffer.from('ab')", r#"{"type":"Buffer","data":[97,98]}"#),
        ("Buffer.from('hello').toString('utf8', 1, 3)", r#""el""#),
        ("Buffer.from('hello').toString('hex', 3)", r#""6c6f""#),
        ("Buffer.from('hi').toString('base64')", r#""aGk=""#),
        ("Buffer.from('fbff', 'hex').toString('base64')", r#""+/8=""#),
        ("Buffer.from('fbff', 'hex').toString('base64url')", r#""-_8""#),
        (
            "(function () { var b = Buffer.from('abc'); b[0] = 120; b[9] = 1; return [b[0], b[1], b[9], b.toString(), b.length]; })()",
            r#"[120,98,null,"xbc",3]"#,
        ),
        ("[Buffer.from('abc').buffer.byteLength, Buffer.from('abc').byteOffset, Buffer.from('abc').length]", "[3,0,3]"),
        ("Buffer.from('abc') instanceof Uint8Array", "true"),
        ("Object.prototype.toString.call(Buffer.from('a')) !== '[object Object]'", "true"),
        ("'' + Buffer.from('abc')", r#""abc""#),
    ]);
}

#[test]
fn floats_and_doubles_are_written_and_the_end_given() {
    rows(&[
        (
            "(function () { var b = Buffer.alloc(8); b.writeFloatBE(1.5, 0); b.writeFloatLE(1.5, 4); return b.toString('hex'); })()",
            r#""3fc000000000c03f""#,
        ),
        (
            "(function () { var b = Buffer.alloc(16); b.writeDoubleBE(1.5); b.writeDoubleLE(1.5, 8); return b.toString('hex'); })()",
            r#""3ff8000000000000000000000000f83f""#,
        ),
    ]);
}

#[test]
fn it_is_a_global_and_a_module_of_runtime_2_0() {
    rows(&[("require('buffer').Buffer === Buffer", "true")]);
    let code = "import buffer from 'buffer'; function handler(event) { console.log(buffer.Buffer === Buffer); return event.request; }";
    assert_eq!(Function::new(code).call(&request("/", &[]), None).logs, ["true"]);
    let in_1_0 =
        "typeof Buffer + (function () { try { require('buffer'); } catch (error) { return error.message; } })()";
    assert_eq!(evaluate_in(in_1_0, FunctionRuntime::CloudfrontJs1_0), r#""undefinedCannot find module \"buffer\"""#);
}
