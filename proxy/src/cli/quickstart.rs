//! The quickstart example, carried in the binary so that it runs wherever the binary is.

use homefront_config::cases::CONFIG_FILE;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The files of `examples/quickstart`.
const FILES: [(&str, &str); 6] = [
    ("homefront.toml", include_str!("../../../examples/quickstart/homefront.toml")),
    ("functions/rewrite.js", include_str!("../../../examples/quickstart/functions/rewrite.js")),
    ("functions/security-headers.js", include_str!("../../../examples/quickstart/functions/security-headers.js")),
    ("lambda/hello/hello.py", include_str!("../../../examples/quickstart/lambda/hello/hello.py")),
    ("public/index.html", include_str!("../../../examples/quickstart/public/index.html")),
    ("public/docs/index.html", include_str!("../../../examples/quickstart/public/docs/index.html")),
];

/// Writes the example where it can be read and played with; returns its configuration. A file that is there already is
/// left as it is: it may have been played with.
pub(super) fn unpack() -> io::Result<PathBuf> {
    let folder = folder();
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if !path.exists() {
            std::fs::write(&path, text)?;
        }
    }
    Ok(folder.join("homefront.toml"))
}

/// Of this user and this version. In a home folder, not in /tmp, where anybody could have put other code beforehand.
fn folder() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = base.filter(|path| path.is_absolute()).or_else(home).unwrap_or_else(|| PathBuf::from("."));
    base.join("homefront").join(concat!("quickstart-", env!("CARGO_PKG_VERSION")))
}

/// What to say to who may have meant the configuration that lies here.
pub(super) fn other_configuration(folder: &Path) -> Option<&'static str> {
    let is_here = folder.join(CONFIG_FILE).is_file();
    is_here.then_some("note: this is the example; `homefront serve .` serves the homefront.toml of this folder")
}

/// What to try, and what each line of the answer means.
pub(super) fn guide(address: SocketAddr) -> String {
    let folder = folder();
    format!(
        "\n\
        The quickstart example is running; its files are in {folder}\n\
        \n\
        Try:   curl -i http://{address}/hello\n\
        \n\
        HTTP/1.1 200 OK                       a Python function (lambda/hello) answered on origin request\n\
        Content-Type: text/plain              the function said so\n\
        Cache-Control: max-age=60             the function said so; the cache keeps the answer for a minute\n\
        X-Frame-Options: DENY                 added by a CloudFront Function on viewer response (security-headers)\n\
        X-Cache: LambdaGeneratedResponse ...  made now; ask again and it is \"Hit from cloudfront\", with an Age\n\
        Via, X-Amz-Cf-Pop                     this node\n\
        X-Amz-Cf-Id                           this request; access log and error pages name it\n\
        \n\
        Also:  curl -i http://{address}/      the folder public/: Miss from cloudfront, then Hit\n\
        \x20      curl -i http://{address}/docs  a CloudFront Function on viewer request makes it /docs/index.html\n\
        \n\
        Ctrl-C stops it.\n",
        folder = folder.display()
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_configuration_of_their_own_is_told_how_it_is_served() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(other_configuration(folder.path()), None);
        std::fs::write(folder.path().join("homefront.toml"), "").unwrap();
        assert!(other_configuration(folder.path()).unwrap().contains("`homefront serve .`"));
    }

    #[test]
    fn the_guide_says_what_each_line_of_the_answer_means() {
        let guide = guide(SocketAddr::from(([127, 0, 0, 1], 8080)));
        for line in ["curl -i http://127.0.0.1:8080/hello", "X-Cache:", "X-Amz-Cf-Id", "Ctrl-C"] {
            assert!(guide.contains(line), "{line} in\n{guide}");
        }
    }
}
