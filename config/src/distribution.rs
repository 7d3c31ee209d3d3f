//! A distribution: what answers for a set of host names.

use crate::behavior::Behavior;
use crate::custom_error_response::CustomErrorResponses;
use crate::origin::Origin;
use crate::origin_group::OriginGroup;
use std::sync::Arc;

/// `[[distribution]]`.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// `E` and 12 to 14 upper-case letters or digits; made from the aliases when absent.
    pub id: String,
    /// `d….cloudfront.net`; made from the id when absent. Part of every cache key.
    pub domain_name: String,
    /// Lower case; `*.` only in front. No alias stands in two distributions.
    pub aliases: Vec<String>,
    /// Without a leading slash; applies to the exact path `/` only.
    pub default_root_object: Option<String>,
    /// At least one, ids unique.
    pub origins: Vec<Arc<Origin>>,
    /// Ids unique, also among the origins'.
    pub origin_groups: Vec<OriginGroup>,
    /// In the order of the file; the first whose pattern matches wins.
    pub behaviors: Vec<Arc<Behavior>>,
    /// When none of [`Distribution::behaviors`] matches.
    pub default_behavior: Arc<Behavior>,
    /// What happens to errors.
    pub custom_error_responses: CustomErrorResponses,
}

impl Distribution {
    /// A name that viewers ask it by: its first alias without a `*`, else its domain name.
    pub fn name(&self) -> &str {
        self.aliases.iter().find(|alias| !alias.starts_with("*.")).unwrap_or(&self.domain_name)
    }

    /// Every behavior, the default one last.
    pub fn every_behavior(&self) -> impl Iterator<Item = &Arc<Behavior>> {
        self.behaviors.iter().chain([&self.default_behavior])
    }
}
