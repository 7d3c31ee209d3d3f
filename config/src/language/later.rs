//! CloudFront's words that this version does not honour yet: refused like any unknown word, but with the reason.

/// Why a key of CloudFront's vocabulary is not one of ours.
pub(crate) fn reason(table: &str, key: &str) -> Option<String> {
    let elsewhere = KEYS.iter().find(|(tables, names, _)| tables.contains(&table) && names.contains(&key));
    match elsewhere {
        Some((_, _, reason)) => Some((*reason).to_owned()),
        None if LATER.contains(&key) => Some(format!("Homefront does not support `{key}` yet")),
        None => None,
    }
}

/// Why a word of CloudFront's vocabulary is not one of ours.
pub(crate) fn word(word: &str) -> Option<String> {
    (word == "cloudfront-realtime").then(|| format!("Homefront does not support {word:?} yet"))
}

/// Keys of later versions, by CloudFront's names in snake_case.
const LATER: &[&str] = &[
    "disk",
    "web_acl",
    "geo_restriction",
    "cache_tag_header",
    "cache_profile",
    "s3",
    "compress",
    "trusted_key_groups",
    "trusted_signers",
    "minimum_protocol_version",
    "public_key",
    "key_group",
    "http_version",
    "price_class",
    "origin_shield",
    "selection_criteria",
    "origin_access_control",
    "origin_ssl_protocols",
    "is_ipv6_enabled",
    "ip_address_type",
    "smooth_streaming",
    "field_level_encryption",
    "realtime_log_config",
    "grpc",
    "forwarded_values",
    "staging",
    "continuous_deployment_policy",
    "viewer_mtls",
    "origin_mtls",
    "vpc_origin",
    "restrictions",
    "logging",
];

type Reason = (&'static [&'static str], &'static [&'static str], &'static str);

/// Keys that stand in the wrong table or under another name, or that CloudFront has no use for either.
const KEYS: &[Reason] = &[
    (
        &["lambda"],
        &["environment"],
        "Lambda@Edge functions have no environment variables of their own: put the values into a file of the package, or let the code \
         ask for them, as at Parameter Store",
    ),
    (
        &["function"],
        &["environment"],
        "CloudFront Functions have no environment variables: put the values into the code, or into a `[[key_value_store]]`",
    ),
    (
        &["lambda"],
        &[
            "architectures",
            "dead_letter_config",
            "ephemeral_storage",
            "image_uri",
            "kms_key_arn",
            "layers",
            "reserved_concurrent_executions",
            "tracing_config",
            "vpc_config",
        ],
        "CloudFront takes no function that has it: what it needs is in its package, and its `/tmp` has 512 MB",
    ),
    (
        &["origin_request", "origin_response"],
        &["function"],
        "CloudFront runs CloudFront Functions on viewer events only; on origin events use a Lambda@Edge function: \
         `{ lambda = \"…\" }`",
    ),
    (
        &["viewer_response", "origin_response"],
        &["include_body"],
        "CloudFront includes the body in request events only: give it to `viewer_request` or `origin_request`",
    ),
    (
        &["distribution.default_behavior"],
        &["path_pattern"],
        "the default behavior takes what no `[[distribution.behavior]]` matches; its pattern is always `*`",
    ),
    (
        &["distribution.default_behavior", "distribution.behavior"],
        &["min_ttl_s", "default_ttl_s", "max_ttl_s"],
        "lifetimes belong to a `[[cache_policy]]`",
    ),
];
