//! `[[distribution.origin_group]]`.

use super::names;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::ORIGIN_GROUPS_QUOTA;
use crate::origin_group::{FailoverStatusCodes, OriginGroup};
use crate::raw::distribution as raw;

/// The ids of a distribution's origins and of its groups, `None` for those that cannot be read.
type Ids<'a> = (&'a [Option<String>], &'a [Option<String>]);

/// The groups if all are right.
pub(crate) fn all(
    list: Vec<At<raw::OriginGroup>>,
    ids: Ids<'_>,
    reading: &mut Reading<'_>,
) -> Option<Vec<OriginGroup>> {
    if let Some(over) = list.get(ORIGIN_GROUPS_QUOTA) {
        let count = list.len();
        let message = format!("{count} origin groups in one distribution; CloudFront's quota is {ORIGIN_GROUPS_QUOTA}");
        reading.warn(over.span.clone(), message);
    }
    let built: Vec<_> = list.into_iter().map(|group| group_of(group.value, ids, reading)).collect();
    built.into_iter().collect()
}

fn group_of(raw: raw::OriginGroup, ids: Ids<'_>, reading: &mut Reading<'_>) -> Option<OriginGroup> {
    let members = raw.members.and_then(|list| members(&list, ids, reading));
    let codes = raw.failover_status_codes.and_then(|list| status_codes(&list, reading));
    let (primary, secondary) = members?;
    Some(OriginGroup { id: raw.id?.value.0, primary, secondary, failover_status_codes: codes? })
}

fn members(list: &At<Vec<At<Text>>>, ids: Ids<'_>, reading: &mut Reading<'_>) -> Option<(usize, usize)> {
    let [first, second] = list.value.as_slice() else {
        if !reading.is_broken(&list.span) {
            let count = list.value.len();
            reading
                .error(list.span.clone(), format!("an origin group has two members, this one {count}"))
                .hint("the origin that is asked first, and the one that is asked when it has failed");
        }
        return None;
    };
    if first.value == second.value {
        reading
            .error(second.span.clone(), format!("both members of the group are {:?}", second.value.0))
            .related(first.span.clone(), "first here");
        return None;
    }
    let [primary, secondary] = [first, second].map(|id| member(&id.at(id.value.0.clone()), ids, reading));
    Some((primary?, secondary?))
}

fn member(id: &At<String>, (origins, groups): Ids<'_>, reading: &mut Reading<'_>) -> Option<usize> {
    if groups.contains(&Some(id.value.clone())) && !origins.contains(&Some(id.value.clone())) {
        reading
            .error(id.span.clone(), format!("{:?} is an origin group", id.value))
            .hint("the members of a group are origins; CloudFront knows no groups of groups");
        return None;
    }
    let found = origins.iter().position(|origin| origin.as_ref() == Some(&id.value));
    // An origin without a readable id may be the one that is meant.
    if found.is_none() && origins.iter().all(Option::is_some) {
        names::unknown("origin", id, origins.iter().flatten().map(String::as_str), reading);
    }
    found
}

fn status_codes(list: &At<Vec<At<raw::StatusCode>>>, reading: &mut Reading<'_>) -> Option<FailoverStatusCodes> {
    let known = |code: &u16| FailoverStatusCodes::ALL.contains(code);
    let codes: Vec<_> = list.value.iter().map(|at| at.at(at.value.0 as u16)).collect();
    for wrong in codes.iter().filter(|code| !known(&code.value)) {
        reading
            .error(wrong.span.clone(), format!("CloudFront does not fail over at {}", wrong.value))
            .hint("it does at 400, 403, 404, 416, 429, 500, 502, 503 and 504");
    }
    if list.value.is_empty() && !reading.is_broken(&list.span) {
        reading
            .error(list.span.clone(), "the group fails over at no status, so its second member is never asked")
            .hint("as in [500, 502, 503, 504]; 503 stands for a failed connection as well, 504 for a timeout");
    }
    FailoverStatusCodes::new(codes.into_iter().map(|code| code.value))
}
