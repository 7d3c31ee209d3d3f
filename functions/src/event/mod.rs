//! Messages as the platforms document them, and what functions gave back as edits and verdicts. Pure: values in, values out.

pub mod lambda_edge;
