//! `[[distribution.custom_error_response]]`.

use crate::custom_error_response::{CustomErrorResponse, CustomErrorResponses, ERROR_CODES, ErrorPage};
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::{ERROR_CACHING_MIN_TTL_S, URL_BYTES_MAX};
use crate::raw::distribution as raw;
use http::uri::PathAndQuery;

/// The status of a page that takes an error away.
const OK: u64 = 200;

/// `None` where one is wrong. The page `/` is the distribution's default root object, as it is to viewers.
pub(crate) fn all(
    list: Vec<At<raw::CustomErrorResponse>>,
    default_root_object: Option<&str>,
    reading: &mut Reading<'_>,
) -> Option<CustomErrorResponses> {
    let mut codes: Vec<At<u64>> = Vec::new();
    let mut built = Vec::with_capacity(list.len());
    for each in list {
        if let Some(code) = &each.value.error_code {
            let code = code.at(code.value.0);
            if let Some(first) = codes.iter().find(|first| first.value == code.value) {
                reading
                    .error(code.span.clone(), format!("two custom error responses are about {}", code.value))
                    .label("again here")
                    .related(first.span.clone(), "first here");
            }
            codes.push(code);
        }
        built.push(one(each, default_root_object, reading));
    }
    Some(CustomErrorResponses::new(built.into_iter().collect::<Option<_>>()?))
}

fn one(
    raw: At<raw::CustomErrorResponse>,
    default_root_object: Option<&str>,
    reading: &mut Reading<'_>,
) -> Option<CustomErrorResponse> {
    let At { value: raw, span } = raw;
    let error_code = raw.error_code.and_then(|code| status(&code, &[], "cannot have a custom error response", reading));
    if raw.response_page_path.is_none() && raw.response_code.is_none() && raw.error_caching_min_ttl_s.is_none() {
        reading
            .warn(span, "the custom error response changes nothing")
            .hint("give it `response_page_path` and `response_code`, or `error_caching_min_ttl_s`");
    }
    let page = match (raw.response_page_path, raw.response_code) {
        (None, None) => Some(None),
        (Some(path), Some(code)) => {
            let code = status(&code, &[OK], "cannot be the status of an error page", reading);
            let root = default_root_object.map(|object| format!("/{object}"));
            let path = page_path(path, reading).map(|path| root.filter(|_| path == "/").unwrap_or(path));
            path.zip(code).map(|(path, response_code)| Some(ErrorPage { path, response_code }))
        }
        (Some(At { span, .. }), None) => {
            reading
                .error(span, "`response_page_path` without `response_code`")
                .hint("CloudFront wants both or neither: add the status that viewers get, as in `response_code = 200`");
            None
        }
        (None, Some(At { span, .. })) => {
            reading
                .error(span, "`response_code` without `response_page_path`")
                .hint("CloudFront wants both or neither: add the page, as in `response_page_path = \"/index.html\"`");
            None
        }
    };
    Some(CustomErrorResponse {
        error_code: error_code?,
        page: page?,
        error_caching_min_ttl_s: raw.error_caching_min_ttl_s.map_or(ERROR_CACHING_MIN_TTL_S, |at| at.value.0),
    })
}

/// One of [`ERROR_CODES`], or of `others`.
fn status(code: &At<raw::StatusCode>, others: &[u64], fault: &str, reading: &mut Reading<'_>) -> Option<u16> {
    let known = others.iter().copied().chain(ERROR_CODES.map(u64::from));
    if known.clone().any(|known| known == code.value.0) {
        return u16::try_from(code.value.0).ok();
    }
    let known: Vec<_> = known.map(|code| code.to_string()).collect();
    let message = format!("{} {fault}", code.value.0);
    reading.error(code.span.clone(), message).hint(format!("CloudFront takes {}", known.join(", ")));
    None
}

fn page_path(path: At<Text>, reading: &mut Reading<'_>) -> Option<String> {
    let text = path.value.0;
    let hint = if text.contains("://") {
        "a path, not a URL: the page comes from the distribution itself"
    } else if !text.starts_with('/') {
        "it starts with `/`"
    } else if text.contains(['?', '#']) {
        "a path alone, without a query string"
    } else if text.len() > URL_BYTES_MAX {
        "it is longer than a URL may be"
    } else if !text.is_ascii() || PathAndQuery::try_from(text.as_str()).is_err() {
        "percent-encode spaces, quotes, and what is not ASCII"
    } else {
        return Some(text);
    };
    reading.error(path.span, format!("{text:?} cannot be the path of an error page")).hint(hint);
    None
}
