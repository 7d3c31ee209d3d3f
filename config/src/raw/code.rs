//! `[[function]]`, `[[lambda]]`, `[[key_value_store]]`: the code a distribution runs, and what it reads.

use crate::function::{Fidelity, FunctionRuntime, Isolation};
use crate::language::scalar::{Int, Name, Text};
use crate::language::table::table;
use crate::limits::{
    FUNCTION_BUDGET_MS_MAX, LAMBDA_CONCURRENCY_MAX, LAMBDA_MEMORY_MB_MAX, LAMBDA_MEMORY_MB_MIN, LAMBDA_TIMEOUT_S_MAX,
};
use std::path::PathBuf;

table! {
    /// A CloudFront Function: JavaScript on a viewer event.
    Function "function" {
        /// What behaviors call it: 1 to 64 of `A-Z a-z 0-9 - _`.
        name: Name, required;
        /// Which of CloudFront's runtimes.
        runtime: FunctionRuntime, default "\"cloudfront-js-2.0\"";
        /// The source file, at most 10 KB.
        code: PathBuf, required;
        /// The `[[key_value_store]]` that `cf.kvs()` reads. Needs `cloudfront-js-2.0`.
        key_value_store: Text, optional;
        /// `strict`: syntax and built-ins that CloudFront's engine does not have are not there, and a function that uses such
        /// syntax answers 503, as on CloudFront. `relaxed`: they are, and such syntax is only told about.
        fidelity: Fidelity, default "\"strict\"";
        /// Where the engine runs: in a worker process, or in the proxy's own thread, where a call that comes alone takes less time
        /// and which nothing guards.
        isolation: Isolation, default "\"process\"";
        /// Milliseconds a call may compute before it is killed; in all it may last four times as long, where the machine has others to serve.
        budget_ms: Int<1, FUNCTION_BUDGET_MS_MAX>, default "50";
    }
}

table! {
    /// A Lambda@Edge function, run in execution environments of its own.
    Lambda "lambda" {
        /// What behaviors call it: 1 to 64 of `A-Z a-z 0-9 - _`.
        name: Name, required;
        /// `python3` or `python3.X`; `nodejs`, or `nodejs18.x`, `nodejs20.x`, `nodejs22.x`, `nodejs24.x`; or `provided`,
        /// `provided.al2`, `provided.al2023`: an executable `bootstrap` in the package that speaks the Lambda Runtime API, in any language.
        runtime: Text, required;
        /// What runs it, when that is not the `python3`, `python3.X` or `node` on `PATH`: a path, as to `bin/python3` of a
        /// virtual environment.
        interpreter: PathBuf, optional;
        /// The module's path and the function, as in `authorize.lambda_handler` or `index.handler`. Needed but for `provided`,
        /// whose `bootstrap` makes of it what it likes.
        handler: Text, optional;
        /// The deployment package, its dependencies inside: a folder, or a .zip file of at most 50 MB.
        code: PathBuf, required;
        /// Memory of one execution environment, in MB.
        memory_mb: Int<LAMBDA_MEMORY_MB_MIN, LAMBDA_MEMORY_MB_MAX>, default "128";
        /// Time of one call, in seconds.
        timeout_s: Int<1, LAMBDA_TIMEOUT_S_MAX>, default "5";
        /// Execution environments at the most.
        concurrency_max: Int<1, LAMBDA_CONCURRENCY_MAX>, default "8";
        /// Execution environments that are started with the node and kept, so that no event waits for a start; at most
        /// `concurrency_max`.
        provisioned_concurrency: Int<0, LAMBDA_CONCURRENCY_MAX>, default "0";
    }
}

table! {
    /// A CloudFront KeyValueStore.
    KeyValueStore "key_value_store" {
        /// What functions call it: 1 to 64 of `A-Z a-z 0-9 - _`.
        name: Name, required;
        /// Its id on CloudFront, a UUID, for functions that name it: `cf.kvs("5d7a…")`. Absent: one that is made from the name.
        id: Text, optional;
        /// CloudFront's import file: `{"data":[{"key":"…","value":"…"}]}`, at most 5 MB.
        source: PathBuf, required;
    }
}
