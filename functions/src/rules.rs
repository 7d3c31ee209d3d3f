//! What a hook may change: read-only and disallowed headers for each event, sizes, statuses, CloudFront's sentences.
