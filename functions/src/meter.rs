//! What AWS would charge for edge code, by its public price list.
//!
//! The price of calls and of their time only: what CloudFront charges for requests and traffic, CloudWatch for logs and
//! KeyValueStores for reads comes on top, and free tiers are an account's, so that no single node knows of them.

use std::time::Duration;

/// US dollars for a million calls of Lambda@Edge functions.
const LAMBDA_MILLION_CALLS_USD: f64 = 0.60;
/// US dollars for a second of a Lambda@Edge function with a gigabyte of memory.
const LAMBDA_GB_SECOND_USD: f64 = 0.000_050_01;
/// US dollars for a million calls of CloudFront Functions.
const FUNCTION_MILLION_CALLS_USD: f64 = 0.10;

/// What a call is billed: milliseconds, each one begun.
pub fn billed_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// US dollars for calls of one Lambda@Edge function; `billed_ms` is the sum over them. Starts are not billed
/// (docs/differences.md).
pub fn lambda_usd(calls: u64, billed_ms: u64, memory_mb: u32) -> f64 {
    let gb_seconds = billed_ms as f64 / 1_000.0 * (f64::from(memory_mb) / 1_024.0);
    calls as f64 / 1e6 * LAMBDA_MILLION_CALLS_USD + gb_seconds * LAMBDA_GB_SECOND_USD
}

/// US dollars for calls of CloudFront Functions.
pub fn function_usd(calls: u64) -> f64 {
    calls as f64 / 1e6 * FUNCTION_MILLION_CALLS_USD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_million_calls_of_12_ms_with_128_mb_cost_six_dollars_and_seventy_five_cents() {
        let usd = lambda_usd(10_000_000, 120_000_000, 128);
        assert_eq!(format!("{usd:.2}"), "6.75");
        assert_eq!(format!("{:.5}", usd - lambda_usd(10_000_000, 0, 128)), "0.75015");
    }

    #[test]
    fn a_begun_millisecond_is_billed_whole() {
        for (duration, ms) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (15_740_000, 16)] {
            assert_eq!(billed_ms(Duration::from_nanos(duration)), ms);
        }
    }

    #[test]
    fn a_million_calls_of_a_cloudfront_function_cost_ten_cents() {
        assert_eq!(format!("{:.2}", function_usd(1_000_000)), "0.10");
    }
}
