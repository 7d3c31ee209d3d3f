//! Everything that can grow has a bound, and the bound has a name and a unit here, with CloudFront's value beside ours.

/// Bytes of a URL, path and query. CloudFront: 8,192, beyond it 414.
pub const URL_BYTES_MAX: usize = 8_192;
/// Bytes of request line and headers. CloudFront: 32,768, beyond it 494.
pub const REQUEST_HEAD_BYTES_MAX: usize = 32_768;
/// Bytes of an origin's response head. CloudFront: 32,768, beyond it 502.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 32_768;
/// Bytes of a function's source. CloudFront: 10 KB.
pub const FUNCTION_CODE_BYTES_MAX: u64 = 10_240;
/// Bytes of log text one call may print. CloudFront: 10 KB, the rest is cut.
pub const FUNCTION_LOG_BYTES_MAX: usize = 10_240;
/// Bytes of a body a CloudFront Function may give. CloudFront publishes none; Lambda@Edge's viewer limit is 40 KB, and so is ours.
pub const FUNCTION_BODY_BYTES_MAX: usize = 40_960;
/// Bytes of the event object TestFunction takes. CloudFront: 40,960.
pub const TEST_EVENT_BYTES_MAX: u64 = 40_960;
/// Bytes of a generated or replaced response in an origin event, headers and body. CloudFront: 1 MB.
pub const LAMBDA_ORIGIN_RESPONSE_BYTES_MAX: usize = 1_048_576;
/// Bytes of a key. CloudFront: 512.
pub const KVS_KEY_BYTES_MAX: usize = 512;
/// Bytes of a value. CloudFront: 1,024.
pub const KVS_VALUE_BYTES_MAX: usize = 1_024;
/// Bytes of an import file. CloudFront: 5 MB.
pub const KVS_FILE_BYTES_MAX: u64 = 5 * 1_048_576;
/// Bytes of one object the memory tier stores; larger ones are passed through. CloudFront: 50 GB.
pub const CACHED_OBJECT_BYTES_MAX: u64 = 64 * 1_048_576;
/// Bytes of one line of an access log field. CloudFront publishes none.
pub const LOG_FIELD_BYTES_MAX: usize = 8_192;
/// Characters of a path pattern. CloudFront: 255.
pub const PATH_PATTERN_CHARS_MAX: usize = 255;
