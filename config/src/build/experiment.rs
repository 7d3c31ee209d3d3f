//! `[[experiment]]`.

use super::header;
use super::names::{Names, plain};
use crate::experiment::{Experiment, Variant};
use crate::language::collection::Map;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::VARIANTS_MAX;
use crate::raw::node as raw;
use std::sync::Arc;

/// An experiment, and where its variants name origins: whether these exist is known only where a behavior uses it.
pub(crate) struct Placed {
    pub(crate) experiment: Arc<Experiment>,
    /// One for each variant.
    pub(crate) origins: Vec<Option<At<String>>>,
}

pub(crate) fn all(raw: Vec<At<raw::Experiment>>, reading: &mut Reading<'_>) -> Names<Placed> {
    let mut names = Names::new("experiment");
    for mut each in raw {
        let name = plain(each.value.name.take());
        let built = experiment(name.as_ref(), each.value, reading);
        names.add(name, built, reading);
    }
    names
}

fn experiment(name: Option<&At<String>>, raw: raw::Experiment, reading: &mut Reading<'_>) -> Option<Placed> {
    let cookie = match raw.sticky_cookie {
        Some(cookie) if !header::is_token(&cookie.value.0) => {
            reading.error(cookie.span, format!("{:?} cannot be the name of a cookie", cookie.value.0));
            None
        }
        Some(cookie) => Some(cookie.value.0),
        None => name.map(|name| format!("hf-{}", name.value)),
    };
    let list = raw.variants?;
    check_list(&list, reading);
    let mut variants = Vec::new();
    let mut origins = Vec::new();
    for each in list.value {
        origins.push(each.value.origin.as_ref().map(|at| at.at(at.value.0.clone())));
        variants.push(variant(each.value, reading));
    }
    let experiment = Experiment {
        name: name?.value.clone(),
        sticky_cookie: cookie?,
        variants: variants.into_iter().collect::<Option<_>>()?,
    };
    Some(Placed { experiment: Arc::new(experiment), origins })
}

fn check_list(list: &At<Vec<At<raw::Variant>>>, reading: &mut Reading<'_>) {
    let count = list.value.len();
    if !(2..=VARIANTS_MAX).contains(&count) {
        reading.error(list.span.clone(), format!("an experiment has 2 to {VARIANTS_MAX} variants, this one {count}"));
    }
    let weights: Vec<u64> = list.value.iter().filter_map(|each| Some(each.value.weight.as_ref()?.value.0)).collect();
    if !weights.is_empty() && weights.len() == count && weights.iter().all(|weight| *weight == 0) {
        reading.error(list.span.clone(), "all weights are zero, so no variant can be chosen");
    }
    let names: Vec<_> = list.value.iter().filter_map(|each| each.value.name.as_ref()).collect();
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = names[..at].iter().find(|first| first.value == name.value) {
            reading
                .error(name.span.clone(), format!("two variants are called {:?}", name.value.0))
                .related(first.span.clone(), "first here");
        }
    }
}

fn variant(raw: raw::Variant, reading: &mut Reading<'_>) -> Option<Variant> {
    let uri_prefix = raw.uri_prefix.map(|prefix| uri_prefix(prefix, reading));
    let headers = headers(raw.headers.map_or(Map(Vec::new()), |at| at.value), reading);
    Some(Variant {
        name: raw.name?.value.0,
        weight: raw.weight?.value.0 as u32,
        origin: raw.origin.map(|at| at.value.0),
        uri_prefix: match uri_prefix {
            Some(prefix) => Some(prefix?),
            None => None,
        },
        headers,
    })
}

fn uri_prefix(prefix: At<Text>, reading: &mut Reading<'_>) -> Option<String> {
    let text = prefix.value.0;
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\".contains(&b));
    if text.starts_with('/') && !text.ends_with('/') && plain {
        return Some(text);
    }
    reading
        .error(prefix.span, format!("{text:?} is not a URI prefix"))
        .hint("it starts with `/`, does not end with `/`, and has no spaces, `?` or `#`");
    None
}

fn headers(headers: Map<String>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let mut found: Vec<(At<String>, String)> = Vec::new();
    for (name, value) in headers.0 {
        let name = name.at(name.value.to_ascii_lowercase());
        if header::check_name(&name, reading) && header::is_forbidden_native(&name.value) {
            let message = format!("a variant cannot set the header {:?}", name.value);
            reading.error(name.span.clone(), message).hint("choose a name of your own, as \"x-variant\"");
        }
        if let Some((first, _)) = found.iter().find(|(first, _)| first.value == name.value) {
            reading
                .error(name.span.clone(), format!("the header {:?} is given twice", name.value))
                .related(first.span.clone(), "first here");
        }
        header::check_value(&value, reading);
        found.push((name, value.value));
    }
    found.into_iter().map(|(name, value)| (name.value, value)).collect()
}
