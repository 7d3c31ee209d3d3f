//! Globals and modules of both runtimes, member by member.

use super::*;

/// Prints each expression with its value, for a snapshot.
fn values(expressions: &[&str]) -> String {
    let value = |expression: &&str| format!("{expression}\n    {}", evaluate(expression));
    expressions.iter().map(value).collect::<Vec<_>>().join("\n")
}

fn values_in_1_0(expressions: &[&str]) -> String {
    let value =
        |expression: &&str| format!("{expression}\n    {}", evaluate_in(expression, FunctionRuntime::CloudfrontJs1_0));
    expressions.iter().map(value).collect::<Vec<_>>().join("\n")
}

#[test]
fn digests_are_those_of_the_standards() {
    insta::assert_snapshot!(values(&[
        "require('crypto').createHash('md5').update('abc').digest('hex')",
        "require('crypto').createHash('sha1').update('abc').digest('hex')",
        "require('crypto').createHash('sha256').update('a').update('bc').digest('base64')",
        "require('crypto').createHash('sha256').update(Buffer.from('abc')).digest('base64url')",
        "require('crypto').createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('hex')",
        "require('crypto').createHmac('md5', Buffer.from('key')).update('x').digest('base64url')",
        "require('crypto').createHmac('sha1', 'k').update('é').digest().toString('hex')",
        "Buffer.isBuffer(require('crypto').createHash('md5').digest())",
        "require('crypto').createHash('sha512')",
        "require('crypto').createHash('md5').digest('latin1')",
        "(function () { var h = require('crypto').createHash('md5'); h.digest(); return h.digest(); })()",
        "(function () { var h = require('crypto').createHash('md5'); h.digest(); return h.update('a'); })()",
        "require('crypto').createHash('md5').update(5)",
        "require('crypto').createHmac('sha256')",
    ]));
}

#[test]
fn query_strings_are_parsed_and_made() {
    insta::assert_snapshot!(values(&[
        "require('querystring').parse('name=value&abc=xyz&abc=123&a%20b=c+d&bad=%E5%AE&empty')",
        "require('querystring').parse('a:1;b:2;a:3', ';', ':')",
        "require('querystring').parse('a=1&b=2&c=3', null, null, {maxKeys: 2})",
        "Object.keys(require('querystring').decode(new Array(1500).join('k=1&'))).length",
        "require('querystring').parse('__proto__=1&constructor=2').constructor",
        "require('querystring').parse('a=x', '&', '=', {decodeURIComponent: function (s) { return s + '!'; }})",
        "require('querystring').stringify({name: 'value', abc: ['xyz', '123'], anotherName: ''})",
        "require('querystring').encode({a: 1, b: true, c: null, d: {}, 'é': 'ü &='}, ';', ':')",
        "require('querystring').stringify({a: 'b'}, '&', '=', {encodeURIComponent: function (s) { return '<' + s + '>'; }})",
        "require('querystring').escape('a b&é')",
        "require('querystring').unescape('a%20b%ff+')",
    ]));
}

#[test]
fn buffers_have_their_documented_members() {
    insta::assert_snapshot!(values(&[
        "Buffer.from('héllo').toString('hex')",
        "Buffer.from('68c3a9', 'hex').toString()",
        "Buffer.from('aGk', 'base64').toString() + Buffer.from('-_8', 'base64url').toString('hex')",
        "Buffer.from([1, 256, -1, 'x']).toJSON()",
        "Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1, 2).toJSON().data",
        "Buffer.from(Buffer.from('abc')).toString('base64')",
        "Buffer.from({type: 'Buffer', data: [97, 98]}).toString() + Buffer.from(new String('cd'))",
        "Buffer.from(new Uint16Array([1, 257])).toJSON().data",
        "Buffer.from('a', 'latin1')",
        "Buffer.from(5)",
        "Buffer.alloc(3).toJSON().data.concat(Buffer.alloc(3, 'ab').toJSON().data, Buffer.alloc(2, 7).toJSON().data)",
        "[Buffer.byteLength('é'), Buffer.byteLength('aGk=', 'base64'), Buffer.allocUnsafe(4).length]",
        "[Buffer.compare(Buffer.from('a'), Buffer.from('b')), Buffer.from('b').compare(Buffer.from('a')), Buffer.from('a').equals(Buffer.from('a'))]",
        "[Buffer.concat([Buffer.from('a'), Buffer.from('bc')]).toString(), Buffer.concat([Buffer.from('abc')], 2).toString()]",
        "[Buffer.isBuffer(Buffer.from('')), Buffer.isBuffer(new Uint8Array(1)), Buffer.isEncoding('HEX'), Buffer.isEncoding('latin1')]",
        "(function () { var b = Buffer.alloc(4); return [b.write('abcdef'), b.write('x', 1), b.write('zz', 3, 'utf8'), b.toString()]; })()",
        "(function () { var b = Buffer.alloc(4); return [b.write('aéé'), b.toString('hex')]; })()",
        "(function () { var b = Buffer.from('abcd'), t = Buffer.alloc(3); return [b.copy(t, 1, 2), t.toString('hex')]; })()",
        "(function () { var b = Buffer.alloc(4).fill('ab', 1); return b.fill(0x7a, 0, 1).toString(); })()",
        "(function () { var b = Buffer.from('abcabc'); return [b.indexOf('ca'), b.indexOf(99), b.lastIndexOf('b'), b.includes('zz'), b.indexOf('a', 1), b.indexOf(Buffer.from('bc'))]; })()",
        "(function () { var b = Buffer.from('abcd'), s = b.subarray(1, -1); s[0] = 120; return [b.toString(), s.toString(), Buffer.isBuffer(s), s.byteOffset]; })()",
        "[Buffer.from('0102', 'hex').swap16().toString('hex'), Buffer.from('01020304', 'hex').swap32().toString('hex'), Buffer.from('0102030405060708', 'hex').swap64().toString('hex')]",
        "Buffer.from('abc').swap16()",
        "(function () { var b = Buffer.from('ff80000000000000', 'hex'); return [b.readInt8(0), b.readUInt8(0), b.readInt16BE(0), b.readUInt16LE(0), b.readInt32BE(0), b.readUInt32BE(0), b.readIntBE(0, 6), b.readUIntLE(0, 3)]; })()",
        "(function () { var b = Buffer.alloc(8); b.writeDoubleBE(1.5, 0); var d = b.toString('hex'); b.writeFloatLE(-2, 0); return [d, b.readFloatLE(0), b.writeInt32LE(-2, 4), b.readInt32LE(4), b.writeUIntBE(0x123456, 0, 3), b.toString('hex', 0, 3)]; })()",
        "(function () { var b = Buffer.alloc(8); b.writeUInt8(255); b.writeInt16BE(-2, 1); return [b.toString('hex'), b.readDoubleLE(0) > 0]; })()",
        "Buffer.alloc(2).readInt32LE(0)",
        "Buffer.alloc(2).readIntLE(0, 7)",
        "Buffer.alloc(2).writeInt8(1, 5)",
        "JSON.stringify(Buffer.from('a'))",
        "Buffer.from('abc').map(function (x) { return x + 1; }).toString()",
        "[Buffer.from('abc')[1], Buffer.from('abc').length, Buffer.from('abc').buffer.byteLength, Buffer.from('a') instanceof Uint8Array]",
        "require('buffer').Buffer === Buffer",
    ]));
}

#[test]
fn text_is_encoded_and_decoded() {
    insta::assert_snapshot!(values(&[
        "Array.prototype.slice.call(new TextEncoder().encode('é€'))",
        "(function () { var t = new Uint8Array(4), r = new TextEncoder().encodeInto('a€€', t); return [r, Array.prototype.slice.call(t)]; })()",
        "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0xc3, 0xa9, 0xff]))",
        "new TextDecoder('utf-8', {ignoreBOM: true}).decode(new Uint8Array([0xef, 0xbb, 0xbf])).length",
        "new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([0xff]))",
        "new TextDecoder('latin1')",
        "[new TextDecoder().encoding, new TextDecoder().fatal, new TextDecoder().ignoreBOM]",
        "new TextDecoder().decode(Buffer.from('xaby').subarray(1, 3))",
        "[btoa('hi\\xff'), atob('aGk='), atob(' a G k '), atob('')]",
        "btoa('€')",
        "atob('a')",
        "atob('*')",
    ]));
}

#[test]
fn runtime_1_0_has_byte_strings_instead_of_buffers() {
    insta::assert_snapshot!(values_in_1_0(&[
        "typeof Buffer + typeof TextEncoder + typeof atob + typeof DataView + typeof MemoryError",
        "require('buffer')",
        "require('crypto').createHash('md5').update('abc').digest().length",
        "require('crypto').createHash('md5').update('abc').digest('hex')",
        "'é'.toUTF8().length",
        "'é'.toUTF8().fromUTF8()",
        "'\\xff'.fromUTF8()",
        "['é'.toBytes().length, '€'.toBytes(), 'abc'.fromBytes(1)]",
        "[String.bytesFrom('6162', 'hex'), String.bytesFrom('aGk=', 'base64'), String.bytesFrom([97, 98])]",
        "String.bytesFrom('x', 'nope')",
        "['replaceAll' in String.prototype, 'all' in Promise, 'from' in Uint8Array, 'map' in Uint8Array.prototype]",
        "(new MemoryError('x')) instanceof Error",
    ]));
}

#[test]
fn json_is_parsed_as_documented() {
    insta::assert_snapshot!(values(&[
        "JSON.parse(' {\"a\" : [1, -2.5e3, true, null, \"\\\\u00e9\\\\n\\\\ud83d\\\\ude00\"] } ')",
        "JSON.parse('{\"__proto__\": {\"x\": 1}}').x",
        "Object.keys(JSON.parse('{\"__proto__\": 1, \"2\": 0, \"1\": 0}'))",
        "JSON.parse('[1, 2, {\"a\": 3}]', function (key, value) { return typeof value === 'number' ? value * 2 : value; })",
        "JSON.parse('{\"a\": 1, \"b\": 2}', function (key, value) { return key === 'a' ? undefined : value; })",
        "1 / JSON.parse('-0')",
        "JSON.parse('12345678901234567890')",
        "JSON.parse('{\"a\":1,\"a\":2}').a",
        "JSON.parse('')",
        "JSON.parse('[1,]')",
        "JSON.parse('01')",
        "JSON.parse('\"a')",
        "JSON.parse('\"\\\\x\"')",
        "JSON.parse('\"a\\nb\"')",
        "JSON.parse('truex')",
        "JSON.parse('\"€\"')",
        "JSON.parse(undefined)",
    ]));
}

#[test]
fn errors_of_cloudfronts_engine_can_be_thrown() {
    insta::assert_snapshot!(values(&[
        "String(new InternalError('x'))",
        "new InternalError('x') instanceof Error && new InternalError() instanceof InternalError",
        "Object.prototype.toString.call(new InternalError('x'))",
    ]));
}

#[test]
fn the_members_that_are_told_to_be_there_are_those_of_the_engine() {
    let code = "import cf from 'cloudfront'; import crypto from 'crypto'; import qs from 'querystring'; import buffer from 'buffer';\n\
                function handler(event) { var hash = Object.getPrototypeOf(crypto.createHash('md5')), \
                kvs = Object.getPrototypeOf(cf.kvs()); [buffer, cf, cf.cwt, kvs, cf.mtls, crypto, hash, qs].forEach(function (o) { \
                console.log(Object.getOwnPropertyNames(o).sort().join(' ')); }); return event.request; }";
    let mut function = Function::with(code, FunctionRuntime::CloudfrontJs2_0, Some(store()));
    let told = [
        "buffer",
        "cloudfront",
        "cloudfront.cwt",
        "cloudfront.kvs",
        "cloudfront.mtls",
        "crypto",
        "crypto.hash",
        "querystring",
    ];
    let told = told.map(|path| {
        let mut members: Vec<_> = super::super::allowed::modules::members(path).collect();
        members.sort_unstable();
        members.join(" ")
    });
    assert_eq!(function.call(&request("/", &[]), None).logs, told);
}
