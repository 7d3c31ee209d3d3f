//! Who a function is told it is: its names, and the environment variables Lambda sets.

use super::runtime::Program;
use homefront_config::Lambda;
use std::ffi::OsString;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const REGION: &str = "us-east-1";
/// Lambda@Edge runs published versions only; there is one here.
pub(super) const VERSION: &str = "1";
/// There is no account.
const ACCOUNT: &str = "000000000000";

/// Of the node's own variables these are passed on: where programs and packages are, and what AWS's SDKs need. All others stay
/// with the node.
const INHERITED: [&str; 10] = [
    "PATH",
    "HOME",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_CA_BUNDLE",
];

/// Lambda's second name of a variable, and the first.
const ACCESS_KEY: (&str, &str) = ("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID");

/// The names of one function.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// `us-east-1.<name>`, as replicas are called.
    pub(super) function_name: String,
    /// With the version.
    pub(super) arn: Arc<str>,
    region: String,
}

impl Identity {
    pub(super) fn new(lambda: &Lambda) -> Self {
        let region = std::env::var("AWS_REGION").unwrap_or_else(|_| REGION.to_owned());
        // Functions are made in us-east-1; that part of a replica's name does not change with the region it runs in.
        let function_name = format!("{REGION}.{}", lambda.name);
        let arn = format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{function_name}:{VERSION}").into();
        Self { function_name, arn, region }
    }

    /// The variables of one environment.
    pub(super) fn variables(
        &self,
        lambda: &Lambda,
        program: &Program,
        api: SocketAddrV4,
        folder: &Path,
    ) -> Vec<(OsString, OsString)> {
        let stream = format!("{}[{VERSION}]{}", date_path(now()), uuid::Uuid::new_v4().simple());
        let text = |value: &str| OsString::from(value);
        let initialization = if lambda.provisioned_concurrency > 0 { "provisioned-concurrency" } else { "on-demand" };
        let set = [
            ("_HANDLER", text(&lambda.handler)),
            ("AWS_REGION", text(&self.region)),
            ("AWS_DEFAULT_REGION", text(&self.region)),
            ("AWS_LAMBDA_FUNCTION_NAME", text(&self.function_name)),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", text(&lambda.memory_mb.to_string())),
            ("AWS_LAMBDA_FUNCTION_VERSION", text(VERSION)),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", text(initialization)),
            ("AWS_LAMBDA_LOG_GROUP_NAME", text(&format!("/aws/lambda/{}", self.function_name))),
            ("AWS_LAMBDA_LOG_STREAM_NAME", text(&stream)),
            ("AWS_LAMBDA_RUNTIME_API", text(&api.to_string())),
            ("LAMBDA_TASK_ROOT", lambda.code.clone().into()),
            ("LAMBDA_RUNTIME_DIR", folder_of(&program.path).unwrap_or(&lambda.code).into()),
            // Where a package keeps shared libraries, and what else its modules may name without a path.
            ("LD_LIBRARY_PATH", search_path("LD_LIBRARY_PATH", &[lambda.code.clone(), lambda.code.join("lib")])),
            ("NODE_PATH", search_path("NODE_PATH", std::slice::from_ref(&lambda.code))),
            ("LANG", text("en_US.UTF-8")),
            ("TZ", text(":UTC")),
            ("TMPDIR", folder.into()),
        ];
        let runtime = program.runtime.as_ref();
        let named = runtime.map(|runtime| ("AWS_EXECUTION_ENV".into(), format!("AWS_Lambda_{runtime}").into()));
        inherited(|name| std::env::var_os(name))
            .chain(set.into_iter().map(|(name, value)| (name.into(), value)))
            .chain(named)
            .collect()
    }
}

/// `None`: it is looked up by its name.
fn folder_of(program: &Path) -> Option<&Path> {
    program.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// The node's own variables that functions see.
fn inherited(own: impl Fn(&str) -> Option<OsString>) -> impl Iterator<Item = (OsString, OsString)> {
    let named = INHERITED.iter().map(|name| (*name, *name)).chain([ACCESS_KEY]);
    named.filter_map(move |(name, of)| Some((OsString::from(name), own(of)?)))
}

/// The node's own search path of that name, and `more`.
fn search_path(name: &str, more: &[PathBuf]) -> OsString {
    let own = std::env::var_os(name).filter(|own| !own.is_empty());
    let own = own.iter().flat_map(std::env::split_paths);
    // A folder whose name has a colon cannot stand in such a list.
    std::env::join_paths(own.chain(more.iter().cloned())).unwrap_or_default()
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0`: Lambda@Edge traces nothing, its functions get
/// an id all the same.
pub(super) fn trace_id() -> String {
    let seconds = unix_ms(Duration::ZERO) / 1_000;
    let random = uuid::Uuid::new_v4().simple().to_string();
    let parent = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &parent[..16])
}

/// The system's time.
#[allow(
    clippy::disallowed_methods,
    reason = "runtimes compare deadlines with the system's clock, which no test can move"
)]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// Unix time in milliseconds, `after` from now.
pub(super) fn unix_ms(after: Duration) -> u64 {
    let since_epoch = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since_epoch + after).as_millis() as u64
}

/// `YYYY/MM/DD/`, of which names of log streams are made.
fn date_path(now: SystemTime) -> String {
    let (year, month, day) = civil(now);
    format!("{year:04}/{month:02}/{day:02}/")
}

/// `2026-11-23T13:05:07.123Z`
pub(super) fn timestamp(now: SystemTime) -> String {
    let (year, month, day) = civil(now);
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, ms) = (since.as_secs() % 86_400, since.subsec_millis());
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Year, month and day in UTC: the days since 0000-03-01 in eras of 400 years (Howard Hinnant's `civil_from_days`).
fn civil(now: SystemTime) -> (u64, u64, u64) {
    let days = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_nodes_own_variables_functions_see_where_things_are_and_the_credentials() {
        let own = |name: &str| Some(OsString::from(format!("the node's {name}")));
        let seen: Vec<_> = inherited(own).map(|(name, value)| format!("{name:?}={value:?}").replace('"', "")).collect();
        assert!(seen.contains(&"AWS_ACCESS_KEY_ID=the node's AWS_ACCESS_KEY_ID".to_owned()), "{seen:?}");
        assert!(
            seen.contains(&"AWS_ACCESS_KEY=the node's AWS_ACCESS_KEY_ID".to_owned()),
            "Lambda's other name: {seen:?}"
        );
        for name in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PATH"] {
            assert!(seen.iter().any(|line| line.starts_with(&format!("{name}="))), "{name}: {seen:?}");
        }
        // Runtimes do other things when these are there: JSON logs, several events at once.
        for name in ["AWS_LAMBDA_", "_LAMBDA_", "_X_AMZN", "HOMEFRONT"] {
            assert!(!seen.iter().any(|line| line.starts_with(name)), "{name}: {seen:?}");
        }
        assert_eq!(inherited(|_| None).count(), 0, "what the node has not is not made up");
    }

    #[test]
    fn times_are_written_as_utc() {
        let at = |seconds: u64| timestamp(UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + 7));
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_795_439_107), "2026-11-23T13:05:07.007Z");
        assert_eq!(date_path(UNIX_EPOCH + Duration::from_secs(1_767_225_599)), "2025/12/31/");
    }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod variables;
