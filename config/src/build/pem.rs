//! Whether a file is the PEM file its key wants. What is inside is judged by those who use it.

use crate::language::{At, Reading};
use crate::limits::KEY_FILE_BYTES_MAX;
use std::path::PathBuf;

/// What a PEM file must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pem {
    Certificate,
    PrivateKey,
    PublicKey,
}

impl Pem {
    fn begins(self) -> &'static [&'static str] {
        match self {
            Self::Certificate => &["CERTIFICATE"],
            Self::PrivateKey => &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"],
            Self::PublicKey => &["PUBLIC KEY"],
        }
    }
}

/// Notes what is wrong with the file; `what` as in "cannot read the certificate".
pub(crate) fn check(path: &At<PathBuf>, pem: Pem, what: &str, reading: &mut Reading<'_>) -> bool {
    let Some(bytes) = reading.file(path, what, KEY_FILE_BYTES_MAX) else { return false };
    let text = String::from_utf8_lossy(&bytes);
    let labels: Vec<_> =
        text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")).collect();
    if labels.iter().any(|label| pem.begins().contains(label)) {
        return true;
    }
    let wanted = pem.begins()[0];
    let message = format!("the {what} {} has no PEM block {wanted}", path.value.display());
    let problem = reading.error(path.span.clone(), message);
    match labels.first() {
        Some(found) => problem.hint(format!("it begins with {found}")),
        None => problem.hint(format!("the file must have a line `-----BEGIN {wanted}-----`")),
    };
    false
}
