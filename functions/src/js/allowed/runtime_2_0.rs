//! What `cloudfront-js-2.0` has, in the order of the Developer Guide's "JavaScript runtime 2.0 features".

use super::Object;

pub(super) const OBJECTS: &[Object] = &[
    Object {
        path: "globalThis",
        listed: "Object String Number Math Date Function RegExp JSON Array \
                 Float32Array Float64Array Int8Array Int16Array Int32Array \
                 Uint8Array Uint8ClampedArray Uint16Array Uint32Array \
                 ArrayBuffer Promise DataView Symbol TextDecoder TextEncoder console \
                 Error EvalError InternalError RangeError ReferenceError SyntaxError TypeError URIError \
                 globalThis decodeURI decodeURIComponent encodeURI encodeURIComponent isFinite isNaN parseFloat parseInt \
                 atob btoa NaN Infinity undefined Buffer require",
        // "All ES 5.1 types"; and `eval` is documented to throw.
        implied: "Boolean eval",
    },
    Object {
        path: "Object",
        listed: "create defineProperties defineProperty freeze getOwnPropertyDescriptor getOwnPropertyDescriptors \
                 getOwnPropertyNames getPrototypeOf isExtensible isFrozen isSealed keys preventExtensions seal \
                 assign entries values is setPrototypeOf",
        implied: "",
    },
    Object {
        path: "Object.prototype",
        listed: "hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf",
        implied: "constructor",
    },
    Object { path: "String", listed: "fromCharCode fromCodePoint", implied: "" },
    Object {
        path: "String.prototype",
        listed: "charAt concat indexOf lastIndexOf match replace search slice split substr substring toLowerCase trim \
                 toUpperCase codePointAt endsWith includes repeat startsWith padStart padEnd trimStart trimEnd replaceAll",
        // AWS's own functions call `charCodeAt`.
        implied: "constructor length charCodeAt toString valueOf",
    },
    Object {
        path: "Number",
        listed: "EPSILON MAX_SAFE_INTEGER MIN_SAFE_INTEGER MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY \
                 isFinite isInteger isNaN isSafeInteger parseInt parseFloat",
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
        listed: "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 \
                 abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp expm1 floor fround hypot imul log \
                 log1p log2 log10 max min pow random round sign sinh sin sqrt tan tanh trunc",
        implied: "",
    },
    // "All ES 5.1 Date features are supported."
    Object { path: "Date", listed: "UTC now parse", implied: "" },
    Object { path: "Date.prototype", listed: super::DATE_ES_5_1, implied: "constructor" },
    Object { path: "Function", listed: "", implied: "" },
    Object { path: "Function.prototype", listed: "apply bind call", implied: "constructor arguments caller" },
    Object { path: "RegExp", listed: "", implied: "" },
    // `[@@replace]` and `[@@split]` are listed too, and therefore their symbols.
    Object {
        path: "RegExp.prototype",
        listed: "global ignoreCase multiline source sticky flags exec test toString",
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
    Object { path: "TypedArray", listed: "from of", implied: "" },
    Object {
        path: "TypedArray.prototype",
        listed: "copyWithin every fill filter find findIndex forEach includes indexOf join lastIndexOf map reduce \
                 reduceRight reverse some set slice sort subarray toString",
        implied: "constructor buffer byteLength byteOffset length",
    },
    Object { path: "ArrayBuffer", listed: "isView", implied: "" },
    Object { path: "ArrayBuffer.prototype", listed: "slice", implied: "constructor byteLength" },
    Object { path: "Promise", listed: "all allSettled any reject resolve race", implied: "" },
    Object { path: "Promise.prototype", listed: "catch finally then", implied: "constructor" },
    Object { path: "DataView", listed: "", implied: "" },
    Object {
        path: "DataView.prototype",
        listed: "getFloat32 getFloat64 getInt16 getInt32 getInt8 getUint16 getUint32 getUint8 \
                 setFloat32 setFloat64 setInt16 setInt32 setInt8 setUint16 setUint32 setUint8",
        implied: "constructor buffer byteLength byteOffset",
    },
    Object { path: "Symbol", listed: "for keyFor", implied: "replace split" },
    Object { path: "Symbol.prototype", listed: "", implied: "constructor toString valueOf" },
    Object { path: "TextDecoder", listed: "", implied: "" },
    Object { path: "TextDecoder.prototype", listed: "decode encoding fatal ignoreBOM", implied: "constructor" },
    Object { path: "TextEncoder", listed: "", implied: "" },
    Object { path: "TextEncoder.prototype", listed: "encode encodeInto", implied: "constructor" },
    Object { path: "console", listed: "log", implied: "" },
    Object {
        path: "Buffer",
        listed: "alloc allocUnsafe byteLength compare concat from isBuffer isEncoding",
        implied: "",
    },
    Object {
        path: "Buffer.prototype",
        listed: "compare copy equals fill includes indexOf lastIndexOf \
                 readInt8 readIntBE readInt16BE readInt32BE readIntLE readInt16LE readInt32LE \
                 readUInt8 readUIntBE readUInt16BE readUInt32BE readUIntLE readUInt16LE readUInt32LE \
                 readDoubleBE readDoubleLE readFloatBE readFloatLE \
                 subarray swap16 swap32 swap64 toJSON toString write \
                 writeInt8 writeIntBE writeInt16BE writeInt32BE writeIntLE writeInt16LE writeInt32LE \
                 writeUInt8 writeUIntBE writeUInt16BE writeUInt32BE writeUIntLE writeUInt16LE writeUInt32LE \
                 writeDoubleBE writeDoubleLE writeFloatBE writeFloatLE",
        // In place of the typed arrays' `slice`, which copies.
        implied: "constructor slice",
    },
];
