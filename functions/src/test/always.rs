//! The header lines that every event of a node has, whatever a case says of them: a function that loses one that is read-only is
//! refused, and that must not be news to whoever ran its cases.

/// The node's name in `Via`. That of the Developer Guide's examples: a node's own is made from its machine's name, which snapshots
/// must not have in them.
pub const VIA_HOST: &str = "2afae0d44e2540f472c0635ab62c232b.cloudfront.net";

/// With [`VIA_HOST`].
const VIA: &str = "1.1 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)";

/// Of a request to `host`.
pub(super) fn in_request<'a>(lines: &'a [(String, String)], host: &'a str) -> Vec<(&'a str, &'a str)> {
    let always = [("Host", host)].into_iter().filter(|(name, _)| !names(lines, name));
    always.chain(plain(lines)).collect()
}

/// Of a response on its way to a viewer.
pub(super) fn in_viewer_response(lines: &[(String, String)]) -> Vec<(&str, &str)> {
    let always = [("Server", "CloudFront"), ("Via", VIA)].into_iter().filter(|(name, _)| !names(lines, name));
    plain(lines).chain(always).collect()
}

/// Lines as they are.
pub(super) fn plain(lines: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn names(lines: &[(String, String)], name: &str) -> bool {
    lines.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
}
