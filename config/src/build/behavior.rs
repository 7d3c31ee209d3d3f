//! `[distribution.default_behavior]` and `[[distribution.behavior]]`.

use super::association;
use super::experiment::Placed;
use super::names::{self, Names};
use super::node::Reach;
use super::policy;
use crate::behavior::{AllowedMethods, Behavior, CachedMethods, TargetOrigin, ViewerProtocolPolicy};
use crate::experiment::Split;
use crate::function::Function;
use crate::jwt::Jwt;
use crate::lambda::Lambda;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::path_pattern::PathPattern;
use crate::policy::cache::CachePolicy;
use crate::policy::managed;
use crate::policy::origin_request::OriginRequestPolicy;
use crate::policy::response_headers::ResponseHeadersPolicy;
use crate::raw::distribution as raw;
use crate::raw::word::Method;
use std::sync::Arc;

/// What behaviors refer to.
pub(crate) struct Shared {
    pub(crate) functions: Names<Function>,
    pub(crate) lambdas: Names<Lambda>,
    pub(crate) cache_policies: Names<CachePolicy>,
    pub(crate) origin_request_policies: Names<OriginRequestPolicy>,
    pub(crate) response_headers_policies: Names<ResponseHeadersPolicy>,
    pub(crate) jwts: Names<Jwt>,
    pub(crate) experiments: Names<Placed>,
}

impl Shared {
    /// A name of a Lambda@Edge function that no CloudFront Function has.
    pub(crate) fn is_lambda_only(&self, name: &At<Text>) -> bool {
        self.lambdas.knows(&name.value.0) && !self.functions.knows(&name.value.0)
    }

    /// A name of a CloudFront Function that no Lambda@Edge function has.
    pub(crate) fn is_function_only(&self, name: &At<Text>) -> bool {
        self.functions.knows(&name.value.0) && !self.lambdas.knows(&name.value.0)
    }

    pub(crate) fn warn_unused(&self, reading: &mut Reading<'_>) {
        self.functions.warn_unused(reading);
        self.lambdas.warn_unused(reading);
        self.cache_policies.warn_unused(reading);
        self.origin_request_policies.warn_unused(reading);
        self.response_headers_policies.warn_unused(reading);
        self.jwts.warn_unused(reading);
        self.experiments.warn_unused(reading);
    }
}

/// What the distribution around a behavior gives it.
pub(crate) struct Around<'a> {
    pub(crate) shared: &'a Shared,
    /// The ids of its origins, in order; wrong origins too.
    pub(crate) origins: &'a [Option<String>],
    /// Likewise of its origin groups.
    pub(crate) origin_groups: &'a [Option<String>],
    pub(crate) reach: Reach,
}

impl Around<'_> {
    /// The origin or group of that id; that there is none is noted.
    fn target(&self, id: &At<String>, reading: &mut Reading<'_>) -> Option<TargetOrigin> {
        let named = |ids: &[Option<String>]| ids.iter().position(|known| known.as_ref() == Some(&id.value));
        if let Some(origin) = named(self.origins) {
            return Some(TargetOrigin::Origin(origin));
        }
        if let Some(group) = named(self.origin_groups) {
            return Some(TargetOrigin::Group(group));
        }
        // One without a readable id may be the one that is meant.
        let ids = self.origins.iter().chain(self.origin_groups);
        if ids.clone().all(Option::is_some) {
            names::unknown("origin", id, ids.flatten().map(String::as_str), reading);
        }
        None
    }
}

/// A behavior with the pattern its caller has read.
pub(crate) fn behavior(
    raw: raw::Behavior,
    path_pattern: Option<PathPattern>,
    around: &Around<'_>,
    reading: &mut Reading<'_>,
) -> Option<Behavior> {
    let shared = around.shared;
    let target_origin = raw.target_origin.and_then(|id| around.target(&text(id), reading));
    let protocol = raw.viewer_protocol_policy;
    if let Some(policy) = protocol.as_ref().filter(|policy| policy.value != ViewerProtocolPolicy::AllowAll)
        && around.reach == Reach::HttpOnly
    {
        reading
            .warn(policy.span.clone(), "no viewer can come over HTTPS: the node has no TLS listener")
            .hint("give `[listen]` an `https` address, or use \"allow-all\"");
    }
    let allowed = raw.allowed_methods.as_ref().map_or(Some(AllowedMethods::GetHead), |list| allowed(list, reading));
    let cached =
        raw.cached_methods.as_ref().map_or(Some(CachedMethods::GetHead), |list| cached(list, allowed, reading));
    let cache_policy = match &raw.cache_policy {
        Some(asked) => {
            let (own, names) = (&shared.cache_policies, managed::cache_policy_names());
            policy::find(asked, own, managed::cache_policy, names, "cache policy", reading)
        }
        None => Some(default_cache_policy()),
    };
    let origin_request_policy = raw.origin_request_policy.as_ref().map(|asked| {
        let (own, names) = (&shared.origin_request_policies, managed::origin_request_policy_names());
        policy::find(asked, own, managed::origin_request_policy, names, "origin request policy", reading)
    });
    let response_headers_policy = raw.response_headers_policy.as_ref().map(|asked| {
        let (own, names) = (&shared.response_headers_policies, managed::response_headers_policy_names());
        policy::find(asked, own, managed::response_headers_policy, names, "response headers policy", reading)
    });
    let associations = association::associations(
        association::Asked {
            viewer_request: raw.viewer_request,
            viewer_response: raw.viewer_response,
            origin_request: raw.origin_request,
            origin_response: raw.origin_response,
            allowed_methods: allowed,
        },
        shared,
        reading,
    );
    let authorize = find(raw.authorize.and_then(|at| at.value.jwt), &shared.jwts, reading);
    let placed = find(raw.split.and_then(|at| at.value.experiment), &shared.experiments, reading);
    Some(Behavior {
        split: placed.map(|placed| split(&placed, around, reading)),
        path_pattern: path_pattern?,
        target_origin: target_origin?,
        viewer_protocol_policy: protocol.map_or(ViewerProtocolPolicy::AllowAll, |at| at.value),
        allowed_methods: allowed?,
        cached_methods: cached?,
        cache_policy: cache_policy?,
        origin_request_policy: match origin_request_policy {
            Some(found) => Some(found?),
            None => None,
        },
        response_headers_policy: match response_headers_policy {
            Some(found) => Some(found?),
            None => None,
        },
        associations,
        authorize,
    })
}

/// `CachingOptimized`, as in CloudFront's console.
pub(crate) fn default_cache_policy() -> Arc<CachePolicy> {
    Arc::new(managed::cache_policy(managed::DEFAULT_CACHE_POLICY).expect("the default policy is a managed one"))
}

/// The thing of that name; `None` also when it is wrong, which has been noted.
pub(super) fn find<T>(name: Option<At<Text>>, names: &Names<T>, reading: &mut Reading<'_>) -> Option<Arc<T>> {
    names.find(&text(name?), reading)
}

fn split(placed: &Placed, around: &Around<'_>, reading: &mut Reading<'_>) -> Split {
    let origin = |id: &Option<At<String>>, reading: &mut Reading<'_>| around.target(id.as_ref()?, reading);
    Split {
        experiment: Arc::clone(&placed.experiment),
        origins: placed.origins.iter().map(|id| origin(id, reading)).collect(),
    }
}

fn text(at: At<Text>) -> At<String> {
    At { value: at.value.0, span: at.span }
}

/// The methods of a list, each once, in order.
fn set(list: &At<Vec<At<Method>>>) -> Vec<Method> {
    let mut methods: Vec<_> = list.value.iter().map(|at| at.value).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

fn allowed(list: &At<Vec<At<Method>>>, reading: &mut Reading<'_>) -> Option<AllowedMethods> {
    use Method::{Delete, Get, Head, Options, Patch, Post, Put};
    match set(list).as_slice() {
        _ if reading.is_broken(&list.span) => None,
        [Get, Head] => Some(AllowedMethods::GetHead),
        [Get, Head, Options] => Some(AllowedMethods::GetHeadOptions),
        [Get, Head, Options, Put, Post, Patch, Delete] => Some(AllowedMethods::All),
        _ => {
            reading.error(list.span.clone(), "CloudFront allows one of three sets of methods").hint(
                "[\"GET\", \"HEAD\"], [\"GET\", \"HEAD\", \"OPTIONS\"] or \
                 [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]",
            );
            None
        }
    }
}

fn cached(
    list: &At<Vec<At<Method>>>,
    allowed: Option<AllowedMethods>,
    reading: &mut Reading<'_>,
) -> Option<CachedMethods> {
    use Method::{Get, Head, Options};
    match set(list).as_slice() {
        _ if reading.is_broken(&list.span) => None,
        [Get, Head] => Some(CachedMethods::GetHead),
        [Get, Head, Options] if allowed == Some(AllowedMethods::GetHead) => {
            let message = "OPTIONS is cached, but not allowed";
            reading.error(list.span.clone(), message).hint("add \"OPTIONS\" to `allowed_methods`");
            None
        }
        [Get, Head, Options] => Some(CachedMethods::GetHeadOptions),
        _ => {
            reading
                .error(list.span.clone(), "CloudFront caches one of two sets of methods")
                .hint("[\"GET\", \"HEAD\"] or [\"GET\", \"HEAD\", \"OPTIONS\"]");
            None
        }
    }
}
