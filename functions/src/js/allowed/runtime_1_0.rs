//! What `cloudfront-js-1.0` has, in the order of the Developer Guide's "JavaScript runtime 1.0 features".

use super::Object;

pub(super) const OBJECTS: &[Object] = &[
    Object {
        path: "globalThis",
        listed: "Object String Number Math Date Function RegExp JSON Array \
                 Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array \
                 Float32Array Float64Array \
                 ArrayBuffer Promise console \
                 Error EvalError InternalError MemoryError RangeError ReferenceError SyntaxError TypeError URIError \
                 globalThis decodeURI decodeURIComponent encodeURI encodeURIComponent isFinite isNaN parseFloat parseInt \
                 NaN Infinity undefined require",
        // "All ES 5.1 types"; and `eval` is documented to throw.
        implied: "Boolean eval",
    },
    Object {
        path: "Object",
        listed: "create defineProperties defineProperty freeze getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf \
                 isExtensible isFrozen isSealed keys preventExtensions seal assign is setPrototypeOf entries values",
        implied: "",
    },
    Object {
        path: "Object.prototype",
        listed: "hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf",
        implied: "constructor",
    },
    Object { path: "String", listed: "fromCharCode fromCodePoint bytesFrom", implied: "" },
    Object {
        path: "String.prototype",
        listed: "charAt concat indexOf lastIndexOf match replace search slice split substr substring toLowerCase trim \
                 toUpperCase codePointAt endsWith includes repeat startsWith padStart padEnd trimStart trimEnd \
                 fromBytes fromUTF8 toBytes toUTF8",
        // AWS's own functions call `charCodeAt`.
        implied: "constructor length charCodeAt toString valueOf",
    },
    Object {
        path: "Number",
        listed: "isFinite isInteger isNaN isSafeInteger parseFloat parseInt EPSILON MAX_SAFE_INTEGER MAX_VALUE \
                 MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY NaN POSITIVE_INFINITY",
        implied: "",
    },
    Object {
        path: "Number.prototype",
        listed: "toExponential toFixed toPrecision",
        implied: "constructor toString valueOf",
    },
    Object { path: "Boolean", listed: "", implied: "" },
    Object { path: "Boolean.prototype", listed: "", implied: "constructor toString valueOf" },
    Object {
        path: "Math",
        listed: "abs acos asin atan atan2 ceil cos exp floor log max min pow random round sin sqrt tan \
                 acosh asinh atanh cbrt clz32 cosh expm1 fround hypot imul log10 log1p log2 sign sinh tanh trunc \
                 E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2",
        implied: "",
    },
    // "All ES 5.1 Date features are supported."
    Object { path: "Date", listed: "UTC now parse", implied: "" },
    Object { path: "Date.prototype", listed: super::DATE_ES_5_1, implied: "constructor" },
    Object { path: "Function", listed: "", implied: "" },
    Object { path: "Function.prototype", listed: "apply bind call", implied: "constructor arguments caller" },
    // "All ES 5.1 regular expression features are supported."
    Object { path: "RegExp", listed: "", implied: "" },
    Object {
        path: "RegExp.prototype",
        listed: "global ignoreCase multiline source exec test toString",
        implied: "constructor",
    },
    Object { path: "JSON", listed: "parse stringify", implied: "" },
    Object { path: "Array", listed: "isArray of", implied: "" },
    Object {
        path: "Array.prototype",
        listed: "concat every filter forEach indexOf join lastIndexOf map pop push reduce reduceRight reverse shift slice \
                 some sort splice unshift copyWithin fill find findIndex includes",
        implied: "constructor length toString",
    },
    Object { path: "TypedArray", listed: "", implied: "" },
    Object {
        path: "TypedArray.prototype",
        listed: "copyWithin fill join set slice subarray toString",
        implied: "constructor buffer byteLength byteOffset length",
    },
    Object { path: "ArrayBuffer", listed: "isView", implied: "" },
    Object { path: "ArrayBuffer.prototype", listed: "slice", implied: "constructor byteLength" },
    Object { path: "Promise", listed: "reject resolve", implied: "" },
    Object { path: "Promise.prototype", listed: "catch finally then", implied: "constructor" },
    Object { path: "console", listed: "log", implied: "" },
];
