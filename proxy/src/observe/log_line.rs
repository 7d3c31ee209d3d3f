//! How values stand in an access log line: CloudFront's URL encoding, its dates, its dashes, in tabs or in JSON.

use std::fmt::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use homefront_config::limits::{FUNCTION_LOG_DATA_BYTES_MAX, LOG_FIELD_BYTES_MAX};
use homefront_config::log::AccessLogFormat;

use super::access_log::{FIELDS, JSON_FIELDS};

/// A line in the making.
pub(super) struct Line {
    text: String,
    format: AccessLogFormat,
    fields: usize,
}

impl Line {
    pub(super) fn new(format: AccessLogFormat) -> Self {
        Self { text: String::with_capacity(512), format, fields: 0 }
    }

    /// Whether it has all fields of its format.
    pub(super) fn is_whole(&self) -> bool {
        self.fields
            == match self.format {
                AccessLogFormat::CloudfrontStandard => FIELDS.len(),
                AccessLogFormat::Json => JSON_FIELDS.len(),
            }
    }

    pub(super) fn format(&self) -> AccessLogFormat {
        self.format
    }

    /// What stands before the next value.
    fn open(&mut self) {
        match self.format {
            AccessLogFormat::CloudfrontStandard if self.fields == 0 => {}
            AccessLogFormat::CloudfrontStandard => self.text.push('\t'),
            AccessLogFormat::Json => {
                self.text.push_str(if self.fields == 0 { "{\"" } else { "\",\"" });
                self.text.push_str(JSON_FIELDS[self.fields]);
                self.text.push_str("\":\"");
            }
        }
        self.fields += 1;
    }

    /// A value of ours, which has nothing to encode.
    pub(super) fn plain(&mut self, value: impl fmt::Display) -> fmt::Result {
        self.open();
        write!(self.text, "{value}")
    }

    pub(super) fn number(&mut self, value: Option<u64>) -> fmt::Result {
        match value {
            Some(value) => self.plain(value),
            None => self.text(None),
        }
    }

    /// Seconds to three decimals.
    pub(super) fn seconds(&mut self, value: Option<Duration>) -> fmt::Result {
        match value {
            Some(value) => self.plain(format_args!("{}.{:03}", value.as_secs(), value.subsec_millis())),
            None => self.text(None),
        }
    }

    /// A value from outside; absent or empty is `-`.
    pub(super) fn text(&mut self, value: Option<&[u8]>) -> fmt::Result {
        self.open();
        match value {
            None | Some([]) => self.text.push('-'),
            Some(bytes) => encode(bytes, LOG_FIELD_BYTES_MAX, &mut self.text)?,
        }
        Ok(())
    }

    /// What a function gave: shorter than other fields.
    pub(super) fn log_data(&mut self, value: Option<&str>) -> fmt::Result {
        self.open();
        match value {
            None | Some("") => self.text.push('-'),
            Some(text) => encode(text.as_bytes(), FUNCTION_LOG_DATA_BYTES_MAX, &mut self.text)?,
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == AccessLogFormat::Json {
            self.text.push_str("\"}");
        }
        self.text
    }
}

/// CloudFront's URL encoding, cut at `bytes_max` and never within an escape.
fn encode(bytes: &[u8], bytes_max: usize, out: &mut String) -> fmt::Result {
    let bytes_max = out.len() + bytes_max;
    for &byte in bytes {
        let width = if must_be_encoded(byte) { 3 } else { 1 };
        if out.len() + width > bytes_max {
            break;
        }
        if width == 3 {
            write!(out, "%{byte:02X}")?;
        } else {
            out.push(char::from(byte));
        }
    }
    Ok(())
}

/// Bytes 0 to 32, 127 and above, and the characters RFC 1738 calls unsafe, with the apostrophe.
fn must_be_encoded(byte: u8) -> bool {
    matches!(byte, 0..=32 | 127..)
        || matches!(
            byte,
            b'<' | b'>' | b'"' | b'#' | b'%' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'~' | b'[' | b']' | b'`' | b'\''
        )
}

/// A moment as calendar and clock.
pub(super) struct Utc {
    pub(super) year: u64,
    pub(super) month: u64,
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
}

impl Utc {
    /// A moment before 1970 is 1970.
    pub(super) fn of(moment: SystemTime) -> Self {
        let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (days, clock) = (seconds / 86_400, seconds % 86_400);
        // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is a year's last.
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: clock / 3_600,
            minute: clock / 60 % 60,
            second: clock % 60,
        }
    }
}
