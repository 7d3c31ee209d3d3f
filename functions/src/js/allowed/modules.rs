//! Members of the modules and of what they give, as AWS's pages have them.

/// Path and members. What lies behind a dot is a member of a module, or what its methods give.
const MODULES: [(&str, &str); 8] = [
    ("buffer", "Buffer"),
    (
        "cloudfront",
        "kvs updateRequestOrigin selectRequestOriginById createRequestOriginGroup edgeLocation logCustomData \
         distributionTenant mtls cwt",
    ),
    ("cloudfront.cwt", "validateToken generateToken"),
    ("cloudfront.kvs", "get exists meta count"),
    ("cloudfront.mtls", "renameClientCertHeaders renamePemHeaders combinePemHeaders"),
    ("crypto", "createHash createHmac"),
    ("crypto.hash", "update digest"),
    ("querystring", "escape parse decode stringify encode unescape"),
];

/// What `createHash` and `createHmac` take.
pub(in crate::js) const ALGORITHMS: [&str; 3] = ["md5", "sha1", "sha256"];

/// The path of a module.
pub(in crate::js) fn named(module: &str) -> Option<&'static str> {
    MODULES.iter().map(|(path, _)| *path).find(|path| *path == module)
}

/// The path of a member that is an object.
pub(in crate::js) fn member_of(path: &str, name: &str) -> Option<&'static str> {
    match (path, name) {
        ("cloudfront", "cwt") => Some("cloudfront.cwt"),
        ("cloudfront", "mtls") => Some("cloudfront.mtls"),
        _ => None,
    }
}

/// The path of what a method gives.
pub(in crate::js) fn given_by(path: &str, method: &str) -> Option<&'static str> {
    match (path, method) {
        ("cloudfront", "kvs") => Some("cloudfront.kvs"),
        ("crypto", "createHash" | "createHmac") | ("crypto.hash", "update") => Some("crypto.hash"),
        _ => None,
    }
}

/// The members at a path.
pub(in crate::js) fn members(path: &str) -> impl Iterator<Item = &'static str> {
    let found = MODULES.iter().find(|(known, _)| *known == path);
    found.into_iter().flat_map(|(_, members)| members.split_whitespace())
}
