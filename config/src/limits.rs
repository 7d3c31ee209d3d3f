//! Everything that can grow has a bound, and the bound has a name and a unit here, with CloudFront's value beside ours.

use std::time::Duration;

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
/// Problems of one import file that are told; a generated file may have thousands alike.
pub const KVS_PROBLEMS_TOLD_MAX: usize = 5;
/// Bytes of one object the memory tier stores; larger ones are passed through. CloudFront: 50 GB.
pub const CACHED_OBJECT_BYTES_MAX: u64 = 64 * 1_048_576;
/// Bytes up to which a cached object is kept in one piece, so that a hit is one write. CloudFront publishes none.
pub const CACHED_WHOLE_BYTES_MAX: usize = 1_048_576;
/// Bytes of the pieces of larger cached objects, at least.
pub const CACHED_PIECE_BYTES: usize = 262_144;
/// Bytes that a cached object occupies beside its body and header, about.
pub const CACHED_OBJECT_OVERHEAD_BYTES: usize = 600;
/// Bytes that a cached header line occupies beside its text, about.
pub const CACHED_HEADER_OVERHEAD_BYTES: usize = 64;
/// Objects being filled may hold one part in this many of `[cache] memory`; beyond it responses pass without being stored.
pub const CACHE_FILLING_SHARE: u64 = 4;
/// Bytes that a viewer may be behind a response that is too large to store before the origin is read more slowly.
pub const CACHE_PASSING_LAG_BYTES: usize = 1_048_576;
/// Bytes beyond that which another viewer of the same response may be behind before it is cut off.
pub const CACHE_FOLLOWER_LAG_BYTES_MAX: usize = 8 * 1_048_576;
/// How long the origin of such a response waits for a viewer that reads nothing before the response is given up.
pub const CACHE_PASSING_STALL_MAX: Duration = Duration::from_mins(1);
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
/// Bytes of the configuration file.
pub const CONFIG_FILE_BYTES_MAX: u64 = 4 * 1_048_576;
/// The least that a function's budget is in a test case: a busy machine fails no case. What a call may cost is for
/// `utilization_max` to say.
pub const CASE_FUNCTION_BUDGET_MIN: Duration = Duration::from_secs(5);
/// Of one answer to a test case, until its end.
pub const CASE_ANSWER_TIMEOUT: Duration = Duration::from_mins(3);
/// Bytes of the body of an answer to a test case.
pub const CASE_BODY_BYTES_MAX: usize = 64 * 1_048_576;
/// Seconds that one step of a test case may move the clock.
pub const CASE_CLOCK_S_MAX: u64 = 10 * 365 * 86_400;
/// Requests that a test case may expect an origin to get in one step.
pub const CASE_ORIGIN_REQUESTS_MAX: u64 = 1_000;
/// Bytes of a file that holds one secret.
pub const SECRET_BYTES_MAX: u64 = 65_536;
/// Bytes of a PEM file or a JWKS file.
pub const KEY_FILE_BYTES_MAX: u64 = 1_048_576;
/// Aliases of a distribution. CloudFront's quota: 100.
pub const ALIASES_QUOTA: usize = 100;
/// Origins of a distribution. CloudFront's quota: 100.
pub const ORIGINS_QUOTA: usize = 100;
/// Origin groups of a distribution. CloudFront's quota: 10.
pub const ORIGIN_GROUPS_QUOTA: usize = 10;
/// Behaviors of a distribution, the default one included. CloudFront's quota: 75.
pub const BEHAVIORS_QUOTA: usize = 75;
/// Characters of `default_root_object`. CloudFront: 255.
pub const DEFAULT_ROOT_OBJECT_CHARS_MAX: usize = 255;
/// Characters of an origin's `path`. CloudFront: 255.
pub const ORIGIN_PATH_CHARS_MAX: usize = 255;
/// Custom headers of all origins of a distribution. CloudFront's quota: 30.
pub const CUSTOM_HEADERS_QUOTA: usize = 30;
/// Characters of a custom header's name. CloudFront: 256.
pub const CUSTOM_HEADER_NAME_CHARS_MAX: usize = 256;
/// Characters of a custom header's value. CloudFront: 1,783.
pub const CUSTOM_HEADER_VALUE_CHARS_MAX: usize = 1_783;
/// Characters of all custom headers of an origin, names and values. CloudFront: 10,240.
pub const CUSTOM_HEADERS_CHARS_MAX: usize = 10_240;
/// Attempts to connect to an origin. CloudFront: 1 to 3.
pub const CONNECTION_ATTEMPTS_MAX: u64 = 3;
/// Seconds of one attempt to connect. CloudFront: 1 to 10.
pub const CONNECTION_TIMEOUT_S_MAX: u64 = 10;
/// Seconds to an origin's first byte and between packets. CloudFront: 1 to 120.
pub const READ_TIMEOUT_S_MAX: u64 = 120;
/// Seconds an idle origin connection is kept. CloudFront: 1 to 300.
pub const KEEPALIVE_TIMEOUT_S_MAX: u64 = 300;
/// Seconds of a whole origin response. CloudFront publishes none; ours is a day.
pub const RESPONSE_COMPLETION_TIMEOUT_S_MAX: u64 = 86_400;
/// Seconds of a TTL. CloudFront: 100 years.
pub const TTL_S_MAX: u64 = 3_153_600_000;
/// Headers, cookies or query strings that a policy lists. CloudFront's quota: 10 of each.
pub const POLICY_NAMES_QUOTA: usize = 10;
/// Characters of the names in one list of a policy. CloudFront's quota: 1,024.
pub const POLICY_NAMES_CHARS_QUOTA: usize = 1_024;
/// Characters of a policy's name. CloudFront: 128.
pub const POLICY_NAME_CHARS_MAX: usize = 128;
/// Milliseconds a call of a CloudFront Function may be given. CloudFront publishes none.
pub const FUNCTION_BUDGET_MS_MAX: u64 = 10_000;
/// MB of one Lambda execution environment, at least. Lambda: 128.
pub const LAMBDA_MEMORY_MB_MIN: u64 = 128;
/// MB of one Lambda execution environment, at most. Lambda: 10,240.
pub const LAMBDA_MEMORY_MB_MAX: u64 = 10_240;
/// Seconds of one Lambda@Edge call. CloudFront: 30.
pub const LAMBDA_TIMEOUT_S_MAX: u64 = 30;
/// Execution environments of one Lambda@Edge function. Lambda's quota: 1,000 a region.
pub const LAMBDA_CONCURRENCY_MAX: u64 = 1_000;
/// Seconds of tolerance for a token's times.
pub const JWT_CLOCK_SKEW_S_MAX: u64 = 600;
/// Places a token is looked for in.
pub const JWT_TOKEN_SOURCES_MAX: usize = 8;
/// Claims given to origins as headers.
pub const JWT_CLAIM_HEADERS_MAX: usize = 32;
/// Variants of an experiment.
pub const VARIANTS_MAX: usize = 32;
/// The weight of a variant.
pub const VARIANT_WEIGHT_MAX: u64 = 1_000_000;
/// Bytes of one frame from the node to a function worker: a store of 5 MB with its keys is the largest.
pub const FUNCTION_ORDER_BYTES_MAX: usize = 16 * 1_048_576;
/// Bytes of one frame from a function worker: a body, headers and a log, or a test result.
pub const FUNCTION_ANSWER_BYTES_MAX: usize = 512 * 1_024;
/// Things a function worker names that CloudFront's engine would reject in one function.
pub const FUNCTION_FINDINGS_MAX: usize = 32;
/// Bytes of CloudFront's own sentence in one of them.
pub const FUNCTION_FINDING_TEXT_BYTES_MAX: usize = 256;
/// Bytes a function worker may use for functions, stores and what they compute. CloudFront: 2 MB for one function.
pub const FUNCTION_WORKER_MEMORY_BYTES_MAX: u64 = 256 * 1_048_576;
/// Bytes of stack reserved, not used, for the engine: JavaScript that nests too deep must end as an error, not as a crash.
pub const FUNCTION_WORKER_STACK_BYTES: usize = 1_073_741_824;
/// Calls after which a worker collects garbage even when it has no idle moment.
pub const FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX: u32 = 256;
/// Added to the node's nice value for function workers: under load the traffic of others goes first.
pub const FUNCTION_WORKER_NICE: i32 = 2;
/// Bytes on their way between the node and a function worker, each way; a power of two. Longer frames go in pieces.
pub const FUNCTION_RING_BYTES: u32 = 65_536;
/// Microseconds an answer may lie in a function worker before the node is woken for it, while more calls are there to be done
/// and are expected to take less.
pub const FUNCTION_ANSWER_DELAY_US_MAX: u64 = 100;
/// Calls that wait in the functions' pool of one distribution; one more is throttled.
pub const FUNCTION_QUEUE_CALLS_MAX: usize = 4_096;
/// Calls given to one worker ahead of their turn, so that it and the node need not wake one another for each.
pub const FUNCTION_WORKER_CALLS_MAX: usize = 32;
/// Milliseconds a call may wait for a worker before it is throttled.
pub const FUNCTION_QUEUE_WAIT_MS_MAX: u64 = 10_000;
/// Milliseconds in which a worker must have compiled one function.
pub const FUNCTION_LOAD_MS_MAX: u64 = 5_000;
/// Workers a function may kill within [`FUNCTION_DEATHS_WINDOW_MS`] before it is throttled.
pub const FUNCTION_DEATHS_MAX: usize = 10;
/// See [`FUNCTION_DEATHS_MAX`].
pub const FUNCTION_DEATHS_WINDOW_MS: u64 = 10_000;
/// Milliseconds a function that kills its workers is throttled. CloudFront: minutes.
pub const FUNCTION_THROTTLE_MS: u64 = 30_000;
/// Bytes of one line a worker prints on stderr that reach the node's log.
pub const FUNCTION_WORKER_STDERR_LINE_BYTES_MAX: usize = 1_024;
/// Lines a worker prints on stderr that reach the node's log; a worker prints when it dies, and then few.
pub const FUNCTION_WORKER_STDERR_LINES_MAX: u64 = 64;
/// From the first byte of a request head to its last. CloudFront publishes none.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// From the connection to the end of the TLS handshake, or to the first bytes of a plaintext viewer.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idle viewer connection is kept.
pub const VIEWER_KEEPALIVE_TIMEOUT_S: u64 = 60;
/// Viewer connections at the same time; further ones wait in the kernel's queue.
pub const VIEWER_CONNECTIONS_MAX: usize = 65_536;
/// Between two attempts to accept when the system is out of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// From the signal to stop until requests in flight are cut off.
pub const GRACEFUL_STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the addresses of an origin's name are kept.
pub const DNS_TTL: Duration = Duration::from_secs(30);
/// How long a lookup of an origin's name may take.
pub const DNS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a viewer may wait for another viewer's fetch of the same object.
pub const COLLAPSE_WAIT_TIMEOUT: Duration = Duration::from_mins(2);
/// A write to a viewer that takes nothing for so long is given up.
pub const VIEWER_WRITE_TIMEOUT: Duration = Duration::from_mins(1);
/// Objects the node remembers as not cacheable, so that their requests do not wait for each other.
pub const UNCACHEABLE_REMEMBERED_MAX: usize = 16_384;
/// Streams a viewer may have open on one h2 connection. CloudFront: 128.
pub const H2_STREAMS_MAX: u32 = 128;
/// An origin that takes nothing of a request body for so long is given up, if its read timeout is not longer.
pub const ORIGIN_WRITE_TIMEOUT_MIN: Duration = Duration::from_secs(30);
/// Idle connections to origins, all origins together.
pub const ORIGIN_CONNECTIONS_IDLE_MAX: usize = 1_024;
/// Ranges of one request; with more the whole object is sent. CloudFront publishes none.
pub const RANGES_MAX: usize = 100;
/// Milliseconds an execution environment may take to start. Lambda: 10 s.
pub const LAMBDA_INIT_MS_MAX: u64 = 10_000;
/// Events of one function that wait for an environment; the next is throttled. Lambda keeps no queue, and may start 1,000 environments.
pub const LAMBDA_QUEUE_EVENTS_MAX: usize = 1_024;
/// Milliseconds an event waits for an environment before it is throttled: as long as an environment may take to start.
pub const LAMBDA_QUEUE_WAIT_MS_MAX: u64 = LAMBDA_INIT_MS_MAX;
/// Seconds an idle execution environment is kept. Lambda publishes none; five to fifteen minutes are observed.
pub const LAMBDA_IDLE_S_MAX: u64 = 300;
/// Milliseconds after its last event until an environment is frozen. Lambda: at once; a burst of events need not pay for it.
pub const LAMBDA_FREEZE_AFTER_MS: u64 = 100;
/// Bytes of a result over the Runtime API. Lambda: 6 MiB and 100 bytes.
pub const LAMBDA_PAYLOAD_BYTES_MAX: usize = 6 * 1_048_576 + 100;
/// Connections one environment may have open to its Runtime API. Lambda publishes none; a runtime needs one or two.
pub const LAMBDA_API_CONNECTIONS_MAX: usize = 16;
/// Bytes of one line of a function's log; longer ones are split. CloudWatch Logs: 256 KB.
pub const LAMBDA_LOG_LINE_BYTES_MAX: usize = 262_144;
/// Bytes of log text one call may print; the rest is counted and dropped. Lambda has no such bound.
pub const LAMBDA_LOG_BYTES_MAX: usize = 1_048_576;
/// Open files of one environment. Lambda: 1,024.
pub const LAMBDA_OPEN_FILES_MAX: u64 = 1_024;
/// Bytes of one file a function writes. Lambda: 512 MB for all of `/tmp`.
pub const LAMBDA_FILE_BYTES_MAX: u64 = 512 * 1_048_576;
/// Bytes of private memory an environment may reserve above `memory_mb`: the stacks of threads (8 MiB each, mostly never
/// touched) and the allocator's slack count for the kernel's limit, and do not count as used memory on Lambda.
pub const LAMBDA_MEMORY_HEADROOM_BYTES: u64 = 64 * 1_048_576;
/// Starts of one function's environments that may fail one after another before a pause is made.
pub const LAMBDA_INIT_FAILURES_MAX: u32 = 3;
/// Milliseconds of that pause: events fail at once with the last start's reason. Lambda makes pauses, and publishes none.
pub const LAMBDA_INIT_PAUSE_MS: u64 = 1_000;
/// Bytes of an origin's id that a function names. CloudFront: 128 characters.
pub const FUNCTION_ORIGIN_ID_BYTES_MAX: usize = 1_024;
/// Seconds of `keepAliveTimeout` that a function may give an origin. CloudFront: 120.
pub const FUNCTION_KEEPALIVE_TIMEOUT_S_MAX: u64 = 120;
/// Names in `allowedCertificateNames`. CloudFront: 20.
pub const FUNCTION_CERTIFICATE_NAMES_MAX: usize = 20;
/// Characters of one of them. CloudFront: 64.
pub const FUNCTION_CERTIFICATE_NAME_CHARS_MAX: usize = 64;
/// Characters of the domain name of an S3 bucket. CloudFront: 128.
pub const S3_DOMAIN_NAME_CHARS_MAX: usize = 128;
/// Names of origins that functions of one distribution gave and whose addresses are kept.
pub const FUNCTION_ORIGIN_NAMES_MAX: u64 = 256;
/// Lookups of such names at the same time, for one distribution; further ones wait.
pub const FUNCTION_ORIGIN_LOOKUPS_MAX: usize = 8;
/// Origins that functions of one distribution made and whose idle connections are kept.
pub const FUNCTION_ORIGINS_POOLED_MAX: u64 = 64;
/// How long an origin that a function made is remembered after its last request.
pub const FUNCTION_ORIGIN_IDLE: Duration = Duration::from_mins(5);
/// Lists of `allowedCertificateNames` of one distribution whose TLS settings are kept.
pub const FUNCTION_TLS_SETTINGS_MAX: u64 = 32;
/// Bytes of a CBOR Web Token. CloudFront: 1 KB.
pub const CWT_BYTES_MAX: usize = 1_024;
/// Values inside one another in a CBOR Web Token. CloudFront publishes none.
pub const CWT_DEPTH_MAX: usize = 24;
/// Bytes that `cf.logCustomData` writes, URL-encoded. CloudFront: 800.
pub const FUNCTION_LOG_DATA_BYTES_MAX: usize = 800;
/// JavaScript calls inside one another, few enough for the 2 MiB stack of an ordinary thread. CloudFront publishes none.
pub const FUNCTION_RECURSION_MAX: usize = 200;
/// Turns of the loops of one JavaScript call: some 20 ms, so that an endless loop is an error before the budget ends its worker. CloudFront ends a function by time.
pub const FUNCTION_LOOP_TURNS_MAX: u64 = 300_000;
/// Values on the engine's stack.
pub const FUNCTION_STACK_VALUES_MAX: usize = 262_144;
/// Promise jobs of one call.
pub const FUNCTION_JOBS_MAX: usize = 100_000;
/// Characters of a string that a built-in makes at once. CloudFront: 2 MB of memory in all.
pub const FUNCTION_STRING_LENGTH_MAX: usize = 1_048_576;
/// Elements of an array that a built-in makes or walks at once. CloudFront: 2 MB of memory in all.
pub const FUNCTION_ARRAY_LENGTH_MAX: u64 = 262_144;
/// Bytes of an ArrayBuffer or Buffer. CloudFront: 2 MB of memory in all.
pub const FUNCTION_BUFFER_BYTES_MAX: u64 = 2_097_152;
/// Arrays and objects inside one another that `JSON.parse` takes. CloudFront's engine: 32.
pub const FUNCTION_JSON_DEPTH_MAX: usize = 32;
/// Microseconds of CPU that make a compute utilization of 100. CloudFront publishes none; people measure one millisecond.
pub const FUNCTION_COMPUTE_US_MAX: u64 = 1_000;
/// Header and member names an engine keeps as JavaScript strings.
pub const FUNCTION_NAMES_KEPT_MAX: usize = 512;
/// Bytes of the text of a function's error in a log or a test result. CloudFront publishes none.
pub const FUNCTION_ERROR_BYTES_MAX: usize = 2_048;
/// Bytes of a request head that is logged; a larger one is served, not logged. CloudFront: 20 KB.
pub const LOGGED_HEAD_BYTES_MAX: usize = 20_480;
/// Work that saved functions and stores may cause at once, per distribution and per store. CloudFront publishes none.
pub const RELOAD_BURST: Duration = Duration::from_secs(1);
/// Beyond that it may take one part in this many of the time.
pub const RELOAD_SHARE: u32 = 4;
/// Saved versions that are compiled at the same time, in all distributions.
pub const RELOADS_AT_ONCE_MAX: usize = 4;
