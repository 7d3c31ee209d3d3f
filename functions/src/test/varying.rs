//! What of a Lambda@Edge function's call differs from run to run, and what stands in its place: a case that is run again without
//! a change says the same, on another machine, too.

use crate::lambda::{FOLDER_PREFIX, InvokeResult, started};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use std::path::Path;
use uuid::Uuid;

/// When a line was printed, as the language's runtime or the platform wrote it before its text.
const TIMESTAMP: &str = "[timestamp]";
/// The call's own.
pub const REQUEST_ID: &str = "[request-id]";
/// An event goes to another environment where the first ended before it had read it.
const REQUEST_IDS_MAX: usize = 4;
/// The folder of the function's code.
const PACKAGE: &str = "[package]";

/// The environment's own for temporary files.
const FOLDER: &str = "[tmp]";
/// Digits of the names of such folders after what they begin with.
const FOLDER_DIGITS: usize = 32;

/// What stands for itself in no path of a `file:` URL, as Node.js makes them of paths.
const NOT_IN_A_FILE_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Varying {
    request_ids: Vec<String>,
    /// As the function is told where it lies, and where that leads to through links; and both as URLs have them.
    packages: Vec<String>,
}

impl Varying {
    /// Of what was printed and where the package lay.
    pub(super) fn of(result: &InvokeResult) -> Self {
        let mut request_ids: Vec<String> = Vec::new();
        // A function may print such lines, too: what it says there is masked, if it has the form of an id, and no more of them.
        for id in result.log.iter().filter_map(|line| started(line)).filter(|id| Uuid::try_parse(id).is_ok()) {
            if request_ids.len() < REQUEST_IDS_MAX && !request_ids.iter().any(|known| known == id) {
                request_ids.push(id.to_owned());
            }
        }
        let resolved = result.package.canonicalize().ok();
        let mut packages: Vec<_> =
            [Some(&result.package), resolved.as_ref()].into_iter().flatten().filter_map(|path| named(path)).collect();
        let in_urls: Vec<_> =
            packages.iter().map(|path| utf8_percent_encode(path, NOT_IN_A_FILE_URL).to_string()).collect();
        packages.extend(in_urls);
        // The longer one first: it may begin with the other.
        packages.sort_by(|path, other| other.len().cmp(&path.len()).then_with(|| path.cmp(other)));
        packages.dedup();
        Self { request_ids, packages }
    }

    /// A line of the log.
    pub(super) fn line(&self, line: &str) -> String {
        let (before, rest) = level(line);
        match rest.split_at_checked(TIMESTAMP_FORM.len()) {
            Some((timestamp, rest)) if is_timestamp(timestamp) && self.follows_timestamp(rest) => {
                format!("{before}{TIMESTAMP}{}", self.text(rest))
            }
            _ => self.text(line),
        }
    }

    /// A function's own timestamps are its own.
    fn follows_timestamp(&self, rest: &str) -> bool {
        let by_platform = |rest: &str| self.request_ids.iter().any(|id| rest.starts_with(id.as_str()));
        let is_id = |id: &str| id.is_empty() || id == "undefined" || self.request_ids.iter().any(|known| known == id);
        let by_runtime = |rest: &str| rest.split_once('\t').is_some_and(|(id, _)| is_id(id));
        rest.strip_prefix('\t').is_some_and(by_runtime) || rest.strip_prefix(' ').is_some_and(by_platform)
    }

    /// Any text.
    pub(super) fn text(&self, text: &str) -> String {
        let named = self.request_ids.iter().fold(text.to_owned(), |text, id| text.replace(id.as_str(), REQUEST_ID));
        let placed = self.packages.iter().fold(named, |text, package| without_package(&text, package));
        without_folders(&placed)
    }

    /// Every text of a JSON value.
    pub fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(values) => values.iter().map(|value| self.value(value)).collect(),
            Value::Object(members) => {
                let masked = members.iter().map(|(name, value)| (self.text(name), self.value(value)));
                Value::Object(masked.collect())
            }
            other => other.clone(),
        }
    }
}

/// A path that stands out of a text. The root does not, and neither does what is relative to somewhere.
fn named(path: &Path) -> Option<String> {
    let text = path.to_str()?.trim_end_matches('/');
    (text.len() > 1 && text.starts_with('/')).then(|| text.to_owned())
}

/// `[INFO]` and a tab, as Python's runtime begins a line.
fn level(line: &str) -> (&str, &str) {
    let end = line.find("]\t").filter(|_| line.starts_with('[')).map_or(0, |end| end + 2);
    line.split_at(end)
}

/// `0`: any digit.
const TIMESTAMP_FORM: &str = "0000-00-00T00:00:00.000Z";

fn is_timestamp(text: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == TIMESTAMP_FORM.len() && text.bytes().zip(TIMESTAMP_FORM.bytes()).all(fits)
}

/// A folder's path begins at the root and ends with its name.
fn without_folders(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(FOLDER_PREFIX) {
        let (before, found) = rest.split_at(at);
        let end = FOLDER_PREFIX.len() + FOLDER_DIGITS;
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        let is_name = found.get(FOLDER_PREFIX.len()..end).is_some_and(|digits| digits.as_bytes().iter().all(is_digit));
        let ends = found.get(end..).is_some_and(|after| !after.starts_with(|next: char| next.is_alphanumeric()));
        let parent = before.strip_suffix('/').map(|parent| {
            let in_path =
                |character: &char| character.is_alphanumeric() || matches!(character, '/' | '-' | '_' | '.' | '+');
            let bytes: usize = parent.chars().rev().take_while(in_path).map(char::len_utf8).sum();
            let path = &parent[parent.len() - bytes..];
            // `file:///tmp`: the path has one of the three.
            let slashes = path.len() - path.trim_start_matches('/').len();
            &path[slashes.saturating_sub(1)..]
        });
        match parent {
            Some(parent) if is_name && ends && (parent.is_empty() || parent.starts_with('/')) => {
                masked.push_str(&before[..before.len() - parent.len() - 1]);
                masked.push_str(FOLDER);
                rest = &found[end..];
            }
            _ => {
                masked.push_str(before);
                masked.push_str(FOLDER_PREFIX);
                rest = &found[FOLDER_PREFIX.len()..];
            }
        }
    }
    masked.push_str(rest);
    masked
}

/// A path is the package's where a name neither ends nor begins within it: `/app` is not in `/my/app` and not in `/application`.
fn without_package(text: &str, package: &str) -> String {
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(package) {
        let (before, found) = rest.split_at(at);
        let after = &found[package.len()..];
        let all_before = &text[..text.len() - found.len()];
        let begins_within =
            all_before.chars().next_back().is_some_and(|character| is_name(character) || character == '.');
        let goes_on = after.trim_start_matches('.').starts_with(is_name);
        masked.push_str(before);
        masked.push_str(if begins_within || goes_on { package } else { PACKAGE });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::lambda::Figures;
    use bytes::Bytes;
    use serde_json::json;

    fn varying() -> Varying {
        Varying { request_ids: vec!["6f8c-1".to_owned()], packages: vec!["/srv/site/hook".to_owned()] }
    }

    #[test]
    fn what_runtimes_and_the_platform_write_before_a_text_is_the_same_in_every_run() {
        let lines = [
            "2026-01-02T03:04:05.678Z\t6f8c-1\tINFO\thello /a",
            "2026-01-02T03:04:05.678Z\tundefined\tINFO\tbefore any call",
            "[INFO]\t2026-01-02T03:04:05.678Z\t6f8c-1\thello /a",
            "[WARNING]\t2026-01-02T03:04:05.678Z\t\tbefore any call",
            "2026-01-02T03:04:05.678Z 6f8c-1 Task timed out after 3.00 seconds",
            "RequestId: 6f8c-1 Error: Runtime exited with error: exit status 3",
        ];
        let masked: Vec<_> = lines.iter().map(|line| varying().line(line).replace('\t', "<tab>")).collect();
        insta::assert_snapshot!(masked.join("\n"), @"
        [timestamp]<tab>[request-id]<tab>INFO<tab>hello /a
        [timestamp]<tab>undefined<tab>INFO<tab>before any call
        [INFO]<tab>[timestamp]<tab>[request-id]<tab>hello /a
        [WARNING]<tab>[timestamp]<tab><tab>before any call
        [timestamp] [request-id] Task timed out after 3.00 seconds
        RequestId: [request-id] Error: Runtime exited with error: exit status 3
        ");
    }

    #[test]
    fn what_a_function_prints_of_its_own_stays() {
        let own = [
            "expires 2026-01-02T03:04:05.678Z",
            "2026-01-02T03:04:05.678Z",
            "2026-01-02T03:04:05.678Z is the day",
            "2026-01-02T03:04:05.678Z\texpires",
            "2026-01-02T03:04:05.678Z\texpires\tsoon",
            "2026-01-02\t6f8c-2",
            "[a]\tb",
            "2026-01-02T03:04:05.67é",
        ];
        for line in own {
            assert_eq!(varying().line(line), line);
        }
    }

    #[test]
    fn a_package_is_told_from_paths_that_have_its_letters() {
        let masked = |text: &str| varying().text(text);
        assert_eq!(masked("File \"/srv/site/hook/main.py\", line 3"), "File \"[package]/main.py\", line 3");
        assert_eq!(masked("at file:///srv/site/hook/main.mjs:1:2"), "at file://[package]/main.mjs:1:2");
        assert_eq!(masked("/srv/site/hook, /srv/site/hook."), "[package], [package].");
        for other in
            ["/srv/site/hooks/a", "/srv/site/hook-2", "/srv/site/hook.zip", "/my/srv/site/hook", "./srv/site/hook"]
        {
            assert_eq!(masked(other), other);
        }
        let twice = Varying { packages: vec!["/app".to_owned()], ..varying() };
        assert_eq!(twice.text("/app/app/x.py and /app"), "[package]/app/x.py and [package]");
        assert_eq!((named(Path::new("/")), named(Path::new("hook"))), (None, None));
    }

    #[test]
    fn the_environments_folder_is_told_from_other_names() {
        let own = format!("homefront-{}", "0a1b2c3d".repeat(4));
        let masked = |text: &str| varying().text(text);
        assert_eq!(masked(&format!("no '/tmp/{own}/a.txt' and /{own}.")), "no '[tmp]/a.txt' and [tmp].");
        assert_eq!(masked(&format!("file:///var/tmp/{own}/x")), "file://[tmp]/x");
        for other in [own.clone(), format!("/tmp/{own}0"), format!("tmp/{own}"), "/tmp/homefront-é".to_owned()] {
            assert_eq!(masked(&other), other);
        }
    }

    #[test]
    fn a_package_is_found_in_urls_too() {
        let result = InvokeResult {
            payload: Bytes::new(),
            log: Vec::new(),
            package: "/srv/a site/é".into(),
            error: None,
            figures: Figures::default(),
        };
        let varying = Varying::of(&result);
        assert_eq!(
            varying.text("file:///srv/a%20site/%C3%A9/x.mjs, /srv/a site/é/x.py"),
            "file://[package]/x.mjs, [package]/x.py"
        );
    }

    #[test]
    fn lines_that_a_function_prints_as_the_platform_does_mask_little_and_grow_nothing() {
        let id = |number: usize| format!("00000000-0000-0000-0000-{number:012}");
        let start = |id: &str| format!("START RequestId: {id} Version: 1");
        let mut log: Vec<_> = (0..100).map(|_| start("e")).collect();
        log.extend((0..100).map(|number| start(&id(number / 2))));
        let result = InvokeResult {
            payload: Bytes::new(),
            log,
            package: "/srv/site/hook".into(),
            error: None,
            figures: Figures::default(),
        };
        let varying = Varying::of(&result);
        assert_eq!(varying.request_ids, [0, 1, 2, 3].map(id));
        assert_eq!(varying.text("e"), "e");
    }

    #[test]
    fn texts_anywhere_in_a_result_are_masked() {
        let output = json!({"id-6f8c-1": ["/srv/site/hook/a", 1, null], "headers": {"x": {"value": "6f8c-1"}}});
        let masked = json!({"id-[request-id]": ["[package]/a", 1, null], "headers": {"x": {"value": "[request-id]"}}});
        assert_eq!(varying().value(&output), masked);
    }
}
