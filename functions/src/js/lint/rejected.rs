//! What there is to find in a source, each with its name and the way out.

/// What a finding means for its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Our engine cannot run it either.
    Stops,
    /// CloudFront's engine rejects the whole source.
    Rejects,
    /// The source is taken; what is found fails when it runs, or means something else.
    Warns,
}

macro_rules! rejected {
    ($($(#[$doc:meta])* $what:ident: $weight:ident, $name:literal, $hint:literal;)*) => {
        /// What CloudFront's engine rejects, does not have or reads otherwise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Rejected {
            $($(#[$doc])* $what,)*
        }

        impl Rejected {
            /// All there are; a frame names one by its place here.
            pub const ALL: &[Self] = &[$(Self::$what),*];

            pub(super) fn weight(self) -> Weight {
                match self { $(Self::$what => Weight::$weight,)* }
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$what => $name,)* }
            }

            pub(super) fn hint(self) -> &'static str {
                match self { $(Self::$what => $hint,)* }
            }
        }
    };
}

rejected! {
    /// `f(a = 1)`
    DefaultParameter: Rejects, "default values of parameters", "set it in the body: if (a === undefined) a = 1;";
    /// `f(...list)`, `[...list]`
    Spread: Rejects, "spread (...)", "use apply or concat: f.apply(null, list), a.concat(b)";
    /// The same in runtime 1.0, which reports nothing.
    SpreadMisread: Warns, "spread (...)", "use apply or concat: f.apply(null, list), a.concat(b)";
    /// `{...object}`
    ObjectSpread: Rejects, "spread in object literals", "use Object.assign({}, a, b)";
    /// `var {a} = o`, `[a] = o`
    Destructuring: Rejects, "destructuring", "take the parts one by one: var a = o.a, b = list[0];";
    /// `function ([a])`, `({a}) => a`
    DestructuredParameter: Rejects, "destructuring of parameters",
        "name the whole and take its parts in the body: var k = pair[0];";
    /// `for (a of b)`
    ForOf: Rejects, "for (… of …)", "count: for (var i = 0; i < list.length; i++), or use list.forEach";
    /// `class`
    Class: Rejects, "class", "use an object, or a function and its prototype";
    /// `super.f()`
    Super: Rejects, "super", "call the function of the other object by its name: other.f.call(this)";
    /// `new.target`
    NewTarget: Rejects, "new.target", "test this instead: this instanceof F";
    /// `import.meta`
    ImportMeta: Stops, "import.meta", "leave it out: a function is one file, and no other is there to be found from it";
    /// `a.#b`
    PrivateName: Stops, "private names (#)", "use an ordinary member: a._b";
    /// `a?.b`
    OptionalChaining: Rejects, "optional chaining (?.)", "test for undefined first: a && a.b";
    /// `a ??= b`
    NullishAssignment: Rejects, "??=", "write it out: a = a ?? b";
    /// `a ||= b`, `a &&= b`
    LogicalAssignment: Rejects, "||= and &&=", "write it out: a = a || b";
    /// `1n`
    BigInt: Rejects, "BigInt", "use a number, or a string for what is beyond 2 ** 53";
    /// `function*`
    Generator: Rejects, "generators (function*)", "gather the values in an array and return that";
    /// `catch {`
    CatchWithoutBinding: Rejects, "catch without a name", "name the error: catch (error) {";
    /// `\u0061 = 1`
    EscapedName: Rejects, "escapes in names", "write the character itself";
    /// `/a/u`
    RegExpFlag: Rejects, "these flags of a regular expression", "leave the flag out; there are g, i, m and y";
    /// `/a/y` in runtime 1.0
    StickyFlag: Rejects, "these flags of a regular expression", "leave the flag out, or set runtime = \"cloudfront-js-2.0\"";
    /// `let` in runtime 1.0
    Let: Rejects, "let in runtime 1.0", "use var, or set runtime = \"cloudfront-js-2.0\"";
    /// `const` in runtime 1.0
    Const: Rejects, "const in runtime 1.0", "use var, or set runtime = \"cloudfront-js-2.0\"";
    /// `async` in runtime 1.0
    Async: Rejects, "async in runtime 1.0", "set runtime = \"cloudfront-js-2.0\"";
    /// `await` in runtime 1.0
    Await: Rejects, "await in runtime 1.0", "set runtime = \"cloudfront-js-2.0\"";
    /// `1_000` in runtime 1.0
    NumericSeparator: Rejects, "numeric separators in runtime 1.0",
        "write the number without _, or set runtime = \"cloudfront-js-2.0\"";
    /// `using a = b`, `await using a = b`
    Using: Stops, "using", "use const, and release what there is to release in finally";
    /// `f(await x)`
    AwaitInArguments: Rejects, "await in the arguments of a call", "await first: const value = await x; f(value);";
    /// `function f() { await x; }`
    AwaitOutside: Rejects, "await outside of an async function", "declare the function that waits: async function f() {}";
    /// `async () => {}`
    AsyncClosure: Warns, "async closures", "AWS documents them as not supported; declare the function: async function f() {}";
    /// `export`
    Export: Stops, "export", "leave it out: the function named handler is found by its name";
    /// `import {a} from 'b'`, `import * as a from 'b'`, `import('b')`
    ImportForm: Stops, "this form of import", "import the whole: import crypto from 'crypto'; then crypto.createHash";
    /// `import a from 'fs'`
    UnknownModule: Stops, "this module", "there are buffer, cloudfront, crypto and querystring, and no files";
    /// `import` in runtime 1.0
    ImportIn1_0: Stops, "import in runtime 1.0", "use require('crypto'), or set runtime = \"cloudfront-js-2.0\"";
    /// `require('fs')`
    UnknownRequire: Warns, "such module",
        "there are crypto and querystring, with runtime = \"cloudfront-js-2.0\" buffer and cloudfront, and no files";
    /// Nothing named `handler`
    NoHandler: Stops, "function named handler", "declare one at the top level: function handler(event) { … }";
    /// `new Map()`
    AbsentGlobal: Warns, "such object", "do without it; AWS's page of the runtime lists what there is";
    /// `console.error()`, `list.flat()`, `crypto.randomUUID()`
    AbsentMember: Warns, "such member", "do without it; AWS's page of the runtime lists what there is";
    /// `crypto.createHash('sha512')`
    UnknownAlgorithm: Warns, "such algorithm", "there are md5, sha1 and sha256";
    /// `new RegExp('a', 'u')`
    MadeRegExpFlag: Warns, "such flags of a regular expression, which throws", "leave the flag out; there are g, i, m and, with runtime = \"cloudfront-js-2.0\", y";
    /// `/[[:alpha:]]/`, `new RegExp('(?i)a')`
    PerlRegExp: Warns, "this part of a regular expression", "write what ECMAScript and Perl read alike";
    /// `/[\w-.]/`, `/[^]/`
    PcreRegExp: Warns, "this part of a regular expression", "write what ECMAScript and PCRE read alike";
    /// `var größe`
    NonAsciiName: Rejects, "names with letters beyond a to z", "write the name with a to z, or put it in quotes: o['größe']";
    /// `<!--`, and `-->` that begins a line
    HtmlComment: Rejects, "comments of HTML", "write // in front of a comment; where it is meant, put a space: a < !--b";
    /// `eval('…')`, `new Function('…')`
    CodeFromText: Warns, "code made of text (eval, the Function constructor), which throws",
        "write the code out, or choose among functions that are written out";
}

/// The way out for a name that CloudFront's runtimes do not have, where it is another than to do without.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "Map" | "WeakMap" | "Set" | "WeakSet" => "use an object: var seen = {}; seen[key] = true;",
        "URL" | "URLSearchParams" => "the event has the parts: event.request.uri, event.request.querystring",
        "fetch" | "XMLHttpRequest" | "WebSocket" => {
            "functions have no network; a KeyValueStore can hold what they need"
        }
        "setTimeout" | "setInterval" | "setImmediate" | "clearTimeout" | "queueMicrotask" => {
            "functions have no timers and run to their end"
        }
        "process" => "functions have no environment; a KeyValueStore can hold what they need",
        "module" | "exports" | "__dirname" | "__filename" => {
            "a function is one file; require knows crypto and querystring"
        }
        "cloudfront" => "with runtime = \"cloudfront-js-2.0\" it can be imported: import cf from 'cloudfront'",
        "buffer" | "Buffer" | "TextEncoder" | "TextDecoder" | "atob" | "btoa" | "DataView" | "Symbol"
        | "replaceAll" | "all" | "allSettled" | "any" | "race" => "set runtime = \"cloudfront-js-2.0\"",
        "error" | "warn" | "info" | "debug" => "console.log is all there is",
        "randomUUID" | "randomBytes" | "getRandomValues" => {
            "Math.random is all there is; event.context.requestId is another for each request"
        }
        "sign" | "createSign" | "createVerify" => "createHmac with md5, sha1 or sha256 is all there is",
        "put" | "set" | "delete" => "a function reads its KeyValueStore: get, exists, meta, count",
        "flat" | "flatMap" => "use concat: [].concat.apply([], list)",
        "at" => "use an index: list[list.length - 1]",
        "from" => "use a loop, or Array.prototype.slice.call(list)",
        "fromEntries" => "use a loop: object[pair[0]] = pair[1];",
        "matchAll" => "call exec in a loop: while ((match = pattern.exec(text)))",
        "localeCompare" => "compare with <: a < b ? -1 : a > b ? 1 : 0",
        _ => return None,
    })
}
