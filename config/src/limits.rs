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
/// Bytes of log lines that wait for one log's writer; beyond it lines are dropped and counted. CloudFront: none, best effort.
pub const LOG_QUEUE_BYTES_MAX: usize = 16 * 1_048_576;
/// Log lines that wait for one log's writer. CloudFront: none, best effort.
pub const LOG_QUEUE_LINES_MAX: usize = 16_384;
/// Bytes of a JSON Web Token. CloudFront has no native check; its limit on the request's head holds as well.
pub const JWT_BYTES_MAX: usize = 16_384;
/// Bytes of a request header made of a claim; a longer claim gives none.
pub const CLAIM_HEADER_BYTES_MAX: usize = 4_096;
/// Bytes of a JSON Web Key Set, and of any other file of keys.
pub const JWKS_BYTES_MAX: usize = 262_144;
/// Keys of a JSON Web Key Set.
pub const JWKS_KEYS_MAX: usize = 64;
/// Seconds a fetch of a key set may take, from connect to the last byte.
pub const JWKS_FETCH_TIMEOUT_S: u64 = 5;
/// Seconds until a key set is fetched again, though its `max-age` is shorter.
pub const JWKS_REFRESH_S_MIN: u64 = 60;
/// Seconds until a key set is fetched again, though its `max-age` is longer: so long a withdrawn key may live on.
pub const JWKS_REFRESH_S_MAX: u64 = 3_600;
/// Seconds until a key set without `max-age` is fetched again.
pub const JWKS_REFRESH_S_DEFAULT: u64 = 600;
/// Seconds until a failed fetch of a key set is tried again.
pub const JWKS_RETRY_S: u64 = 30;
/// Seconds between two fetches of a key set that tokens with unknown keys caused.
pub const JWKS_DEMAND_INTERVAL_S: u64 = 10;
