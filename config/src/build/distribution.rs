//! `[[distribution]]`: names, origins, and the order of behaviors.

use super::behavior::{self, Around, Shared};
use super::node::Reach;
use super::{custom_error_response, origin, origin_group};
use crate::behavior::{Behavior, TargetOrigin};
use crate::distribution::Distribution;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::{
    ALIASES_QUOTA, BEHAVIORS_QUOTA, CUSTOM_HEADERS_QUOTA, DEFAULT_ROOT_OBJECT_CHARS_MAX, ORIGINS_QUOTA,
};
use crate::origin::Origin;
use crate::path_pattern::PathPattern;
use crate::raw::distribution as raw;
use crate::raw::each;
use std::sync::Arc;

/// Names that no two distributions may share.
#[derive(Default)]
struct Taken {
    ids: Vec<At<String>>,
    domain_names: Vec<At<String>>,
    aliases: Vec<At<String>>,
}

pub(crate) fn all(
    raw: Option<At<Vec<At<raw::Distribution>>>>,
    shared: &Shared,
    reach: Reach,
    reading: &mut Reading<'_>,
) -> Option<Vec<Arc<Distribution>>> {
    let list = raw?;
    if list.value.is_empty() {
        reading.error(list.span, "the node has no distribution");
        return None;
    }
    let mut taken = Taken::default();
    let built = list.value.into_iter().enumerate();
    let built: Vec<_> = built.map(|(at, raw)| distribution(raw, at, shared, reach, &mut taken, reading)).collect();
    built.into_iter().map(|each| each.map(Arc::new)).collect()
}

fn distribution(
    raw: At<raw::Distribution>,
    at: usize,
    shared: &Shared,
    reach: Reach,
    taken: &mut Taken,
    reading: &mut Reading<'_>,
) -> Option<Distribution> {
    let span = raw.span;
    let raw = raw.value;
    let known = taken.aliases.len();
    let aliases = aliases(raw.aliases.map_or(Vec::new(), |at| at.value), taken, reading);
    // An id that is made of names that are all taken is taken, too, and what is made of it: one problem, not three.
    let is_copy = raw.id.is_none() && !aliases.is_empty() && taken.aliases.len() == known;
    let made = || At { value: id_from(&aliases, at), span: span.clone() };
    let id = raw.id.map_or_else(made, |id| given_id(id, reading));
    let id_is_free = !is_copy && note_taken("distributions have the id", &id, &mut taken.ids, reading);
    let given = raw.domain_name.is_some();
    let made = || id.at(domain_name(&id.value));
    let domain = raw.domain_name.map_or_else(made, |name| given_domain_name(name, reading));
    if given || id_is_free {
        note_taken("distributions have the domain name", &domain, &mut taken.domain_names, reading);
    }
    let default_root_object = raw.default_root_object.map(|object| root_object(object, reading));

    let mut ids_taken = Vec::new();
    let (ids, origins) = origins(raw.origin, &mut ids_taken, reading);
    let groups = each(raw.origin_group);
    let group_ids = group_ids(&groups, &mut ids_taken, reading);
    let group_spans: Vec<_> = groups.iter().map(|group| group.span.clone()).collect();
    let origin_groups = origin_group::all(groups, (&ids, &group_ids), reading);
    let around = Around { shared, origins: &ids, origin_groups: &group_ids, reach };
    let behaviors = behaviors(each(raw.behavior), &around, reading);
    let default_behavior =
        raw.default_behavior.and_then(|at| behavior::behavior(at.value.0, Some(PathPattern::any()), &around, reading));
    let custom_error_responses =
        custom_error_response::all(each(raw.custom_error_response), default_root_object.as_deref(), reading);
    let (origin_groups, behaviors, default_behavior) = (origin_groups?, behaviors?, default_behavior?);
    let unused = |at: &usize| !behaviors.iter().map(Arc::as_ref).chain([&default_behavior]).any(|b| asks(b, *at));
    for (at, group) in origin_groups.iter().enumerate().filter(|(at, _)| unused(at)) {
        reading.warn(group_spans[at].clone(), format!("the origin group {:?} is not used", group.id));
    }
    Some(Distribution {
        id: id.value,
        domain_name: domain.value,
        aliases,
        default_root_object,
        origins: origins?,
        origin_groups,
        behaviors,
        default_behavior: Arc::new(default_behavior),
        custom_error_responses: custom_error_responses?,
    })
}

fn aliases(list: Vec<At<Text>>, taken: &mut Taken, reading: &mut Reading<'_>) -> Vec<String> {
    if let Some(over) = list.get(ALIASES_QUOTA) {
        let message = format!("{} aliases in one distribution; CloudFront's quota is {ALIASES_QUOTA}", list.len());
        reading.warn(over.span.clone(), message);
    }
    let mut names = Vec::with_capacity(list.len());
    for alias in list {
        let alias = alias.at(alias.value.0.to_ascii_lowercase());
        let host = alias.value.strip_prefix("*.").unwrap_or(&alias.value);
        if !origin::is_host_name(host) || host.contains('_') || is_of_cloudfront(host) {
            let hint = match alias.value.as_str() {
                text if text.contains("://") || text.contains('/') => "a host name alone, without scheme and path",
                text if text.contains(':') => "without the port: it plays no part in choosing a distribution",
                text if is_of_cloudfront(text) => {
                    "names below cloudfront.net are CloudFront's: give it as `domain_name`"
                }
                text if text.contains('*') => "`*` stands for the whole first label only, as in \"*.example.com\"",
                _ => "as in \"www.example.com\" or \"*.example.com\"",
            };
            reading.error(alias.span, format!("{:?} cannot be an alias", alias.value)).hint(hint);
            continue;
        }
        note_taken("aliases are", &alias, &mut taken.aliases, reading);
        names.push(alias.value);
    }
    names
}

fn is_of_cloudfront(host: &str) -> bool {
    host == "cloudfront.net" || host.ends_with(".cloudfront.net")
}

/// Notes a name that was seen before, and says whether it is free; `what` as in "two aliases are".
fn note_taken(what: &str, name: &At<String>, taken: &mut Vec<At<String>>, reading: &mut Reading<'_>) -> bool {
    if let Some(first) = taken.iter().find(|first| first.value == name.value) {
        reading
            .error(name.span.clone(), format!("two {what} {:?}", name.value))
            .label("again here")
            .related(first.span.clone(), "first here");
        return false;
    }
    taken.push(name.clone());
    true
}

fn given_id(id: At<Text>, reading: &mut Reading<'_>) -> At<String> {
    let text = id.value.0;
    let rest = text.strip_prefix('E').unwrap_or("");
    if !(12..=14).contains(&rest.len()) || !rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        reading
            .error(id.span.clone(), format!("{text:?} is not the id of a distribution"))
            .hint("`E` and 12 to 14 upper-case letters or digits; without `id` one is made from the aliases");
    }
    At { value: text, span: id.span }
}

fn given_domain_name(name: At<Text>, reading: &mut Reading<'_>) -> At<String> {
    let text = name.value.0;
    let label = text.strip_prefix('d').and_then(|rest| rest.strip_suffix(".cloudfront.net")).unwrap_or("");
    if !(12..=14).contains(&label.len()) || !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        reading
            .error(name.span.clone(), format!("{text:?} is not the domain name of a distribution"))
            .hint("as in \"d111111abcdef8.cloudfront.net\"; names of your own are `aliases`");
    }
    At { value: text, span: name.span }
}

fn root_object(object: At<Text>, reading: &mut Reading<'_>) -> String {
    let text = object.value.0;
    if let Some(rest) = text.strip_prefix('/') {
        let message = "`default_root_object` starts with a slash, with which CloudFront would answer 403";
        reading.error(object.span.clone(), message).hint(format!("write {rest:?}"));
    }
    let length = text.chars().count();
    if length > DEFAULT_ROOT_OBJECT_CHARS_MAX {
        let message =
            format!("`default_root_object` has {length} characters; CloudFront takes {DEFAULT_ROOT_OBJECT_CHARS_MAX}");
        reading.error(object.span.clone(), message);
    }
    if text.bytes().any(|b| !b.is_ascii_graphic() || b"?#\\".contains(&b)) {
        let message = "`default_root_object` has spaces, `?`, `#` or bytes beyond ASCII";
        reading.error(object.span, message).hint("percent-encode them");
    }
    text
}

/// The ids, `None` for those that cannot be read, and the origins if all are right.
fn origins(
    raw: Option<At<Vec<At<raw::Origin>>>>,
    ids_taken: &mut Vec<At<String>>,
    reading: &mut Reading<'_>,
) -> (Vec<Option<String>>, Option<Vec<Arc<Origin>>>) {
    let Some(list) = raw else { return (vec![None], None) };
    if list.value.is_empty() {
        reading.error(list.span, "the distribution has no origin");
        return (vec![None], None);
    }
    if let Some(over) = list.value.get(ORIGINS_QUOTA) {
        let message =
            format!("{} origins in one distribution; CloudFront's quota is {ORIGINS_QUOTA}", list.value.len());
        reading.warn(over.span.clone(), message);
    }
    warn_custom_headers(&list.value, reading);
    let mut ids = Vec::new();
    for raw in &list.value {
        let id = raw.value.id.as_ref().map(|id| id.at(id.value.0.clone()));
        if let Some(id) = &id {
            note_taken("origins of this distribution have the id", id, ids_taken, reading);
        }
        ids.push(id.map(|id| id.value));
    }
    let built: Vec<_> = list.value.into_iter().map(|raw| origin::origin(raw, reading)).collect();
    (ids, built.into_iter().map(|each| each.map(Arc::new)).collect())
}

/// The ids of groups, `None` for those that cannot be read. Behaviors name groups as they name origins.
fn group_ids(
    groups: &[At<raw::OriginGroup>],
    ids_taken: &mut Vec<At<String>>,
    reading: &mut Reading<'_>,
) -> Vec<Option<String>> {
    let mut ids = Vec::new();
    for group in groups {
        let id = group.value.id.as_ref().map(|id| id.at(id.value.0.clone()));
        if let Some(id) = &id {
            note_taken("origins or groups of this distribution have the id", id, ids_taken, reading);
        }
        ids.push(id.map(|id| id.value));
    }
    ids
}

/// Whether a behavior, or a variant of its experiment, names this group.
fn asks(behavior: &Behavior, group: usize) -> bool {
    let variants = behavior.split.iter().flat_map(|split| split.origins.iter().flatten());
    variants.chain([&behavior.target_origin]).any(|target| *target == TargetOrigin::Group(group))
}

fn warn_custom_headers(origins: &[At<raw::Origin>], reading: &mut Reading<'_>) {
    let headers = origins.iter().filter_map(|origin| origin.value.custom_headers.as_ref());
    let names: Vec<_> = headers.flat_map(|headers| headers.value.0.iter().map(|(name, _)| name)).collect();
    if let Some(over) = names.get(CUSTOM_HEADERS_QUOTA) {
        let count = names.len();
        let message =
            format!("{count} custom headers in one distribution; CloudFront's quota is {CUSTOM_HEADERS_QUOTA}");
        reading.warn(over.span.clone(), message);
    }
}

fn behaviors(
    list: Vec<At<raw::OrderedBehavior>>,
    around: &Around<'_>,
    reading: &mut Reading<'_>,
) -> Option<Vec<Arc<Behavior>>> {
    if let Some(over) = list.get(BEHAVIORS_QUOTA - 1) {
        let count = list.len() + 1;
        let message = format!("{count} behaviors in one distribution; CloudFront's quota is {BEHAVIORS_QUOTA}");
        reading.warn(over.span.clone(), message);
    }
    let mut patterns: Vec<At<PathPattern>> = Vec::new();
    let mut built = Vec::with_capacity(list.len());
    for at in list {
        let mut raw = at.value.0;
        let pattern = raw.path_pattern.take().and_then(|text| pattern(&text, reading));
        if let Some(pattern) = &pattern {
            warn_shadowed(pattern, &patterns, reading);
            patterns.push(pattern.clone());
        }
        built.push(behavior::behavior(raw, pattern.map(|at| at.value), around, reading));
    }
    built.into_iter().map(|each| each.map(Arc::new)).collect()
}

fn pattern(text: &At<Text>, reading: &mut Reading<'_>) -> Option<At<PathPattern>> {
    match PathPattern::parse(&text.value.0) {
        Ok(pattern) => Some(text.at(pattern)),
        Err(error) => {
            reading.error(text.span.clone(), error.to_string());
            None
        }
    }
}

fn warn_shadowed(pattern: &At<PathPattern>, earlier: &[At<PathPattern>], reading: &mut Reading<'_>) {
    if let Some(first) = earlier.iter().find(|first| first.value.covers(&pattern.value)) {
        reading
            .warn(pattern.span.clone(), format!("the behavior \"{}\" never matches", pattern.value))
            .label("never reached")
            .related(first.span.clone(), "takes all of its requests")
            .hint("the first behavior that matches wins: put the more specific pattern first");
    }
}

/// Letters and digits of an id.
const DIGITS: [&[u8; 36]; 2] = [b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", b"abcdefghijklmnopqrstuvwxyz0123456789"];
/// Of them in an id, after its first letter.
const ID_DIGITS: usize = 13;

/// The id of a distribution that has none: the same for the same aliases on every node, and for want of aliases by position.
pub(crate) fn id_from(aliases: &[String], at: usize) -> String {
    let mut sorted: Vec<_> = aliases.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let seed = if sorted.is_empty() { format!("#{at}") } else { sorted.join(",") };
    format!("E{}", digits(&seed, DIGITS[0]))
}

/// The domain name of a distribution that has none.
pub(crate) fn domain_name(id: &str) -> String {
    format!("d{}.cloudfront.net", digits(id, DIGITS[1]))
}

/// FNV-1a, 128 bits: stable for ever, unlike the standard library's hashers.
fn digits(seed: &str, alphabet: &[u8; 36]) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = seed.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    let mut next = || {
        let digit = alphabet[(hash % 36) as usize];
        hash /= 36;
        char::from(digit)
    };
    (0..ID_DIGITS).map(|_| next()).collect()
}
