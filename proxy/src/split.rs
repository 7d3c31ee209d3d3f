//! Which variant of an experiment a viewer gets, and what that changes in the request.

use homefront_config::experiment::{Experiment, Variant};
use http::HeaderMap;

use crate::cookie;

/// `Max-Age` of the sticky cookie: 30 days.
pub const STICKY_COOKIE_MAX_AGE_S: u32 = 30 * 86_400;

/// The variant of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'a> {
    experiment: &'a Experiment,
    /// Index into [`Experiment::variants`] and [`Split::origins`](homefront_config::experiment::Split::origins).
    pub index: usize,
    /// Value of a `Set-Cookie` header for the response; `None` when the viewer already has the cookie.
    pub set_cookie: Option<String>,
}

/// Chooses the variant: the one the viewer's sticky cookie names, else by weight from `random`.
///
/// Pure: the same request and the same `random` give the same variant. A variant with weight 0 gets no new viewers but
/// keeps those whose cookie names it. A cookie that names no variant (an older experiment's) is replaced.
pub fn assign<'a>(experiment: &'a Experiment, headers: &HeaderMap, random: u64) -> Assignment<'a> {
    let named = cookie::values(headers, &experiment.sticky_cookie)
        .find_map(|value| experiment.variants.iter().position(|variant| variant.name == value));
    if let Some(index) = named {
        return Assignment { experiment, index, set_cookie: None };
    }
    let index = draw(&experiment.variants, random);
    let set_cookie = format!(
        "{}={}; Path=/; Max-Age={STICKY_COOKIE_MAX_AGE_S}; SameSite=Lax",
        experiment.sticky_cookie, experiment.variants[index].name
    );
    Assignment { experiment, index, set_cookie: Some(set_cookie) }
}

/// The variant whose share of `0..2^64` holds `random`.
fn draw(variants: &[Variant], random: u64) -> usize {
    let sum: u64 = variants.iter().map(|variant| u64::from(variant.weight)).sum();
    // Scaling instead of `%` keeps the shares exact to one part in 2^64.
    let mut point = ((u128::from(random) * u128::from(sum)) >> 64) as u64;
    let drawn = variants.iter().position(|variant| {
        let weight = u64::from(variant.weight);
        let here = point < weight;
        point = point.wrapping_sub(weight);
        here
    });
    drawn.expect("weights are not all zero, so the point lies before their sum")
}

impl<'a> Assignment<'a> {
    /// The variant.
    pub fn variant(&self) -> &'a Variant {
        &self.experiment.variants[self.index]
    }

    /// Request headers (lower case) to remove before [`Self::headers`] are set: what any variant of the experiment
    /// sets, so that no viewer can pose as a member of another variant.
    pub fn headers_to_remove(&self) -> impl Iterator<Item = &'a str> {
        self.experiment.headers()
    }

    /// Request headers (lower case) to set, before the cache key is built.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.variant().headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::COOKIE;
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    use super::*;

    fn experiment(weights: &[u32]) -> Experiment {
        let variant = |(index, &weight): (usize, &u32)| Variant {
            name: ((b'a' + index as u8) as char).to_string(),
            weight,
            origin: None,
            uri_prefix: (index == 1).then(|| "/b".to_owned()),
            headers: if index == 1 { vec![("x-variant".to_owned(), "b".to_owned())] } else { Vec::new() },
        };
        Experiment {
            name: "checkout".to_owned(),
            sticky_cookie: "hf-checkout".to_owned(),
            variants: weights.iter().enumerate().map(variant).collect(),
        }
    }

    fn with_cookie(cookie: &'static str) -> HeaderMap {
        [(COOKIE, HeaderValue::from_static(cookie))].into_iter().collect()
    }

    #[test]
    fn a_new_viewer_gets_a_cookie_that_keeps_the_variant() {
        let experiment = experiment(&[1, 1]);
        let first = assign(&experiment, &HeaderMap::new(), u64::MAX);
        assert_eq!(first.index, 1);
        assert_eq!(first.set_cookie.as_deref(), Some("hf-checkout=b; Path=/; Max-Age=2592000; SameSite=Lax"));
        let again = assign(&experiment, &with_cookie("x=1; hf-checkout=b"), 0);
        assert_eq!((again.index, again.set_cookie), (1, None));
    }

    #[test]
    fn a_cookie_that_names_no_variant_is_replaced() {
        let experiment = experiment(&[1, 1]);
        for cookie in ["hf-checkout=", "hf-checkout=z", "hf-checkout=B", "other=b", "hf-checkout=b\u{20}b"] {
            let assignment = assign(&experiment, &with_cookie(cookie), 0);
            assert_eq!(assignment.index, 0, "{cookie}");
            assert!(assignment.set_cookie.is_some(), "{cookie}");
        }
        let second_names_one = assign(&experiment, &with_cookie("hf-checkout=z; hf-checkout=b"), 0);
        assert_eq!(second_names_one.index, 1);
    }

    #[test]
    fn weight_zero_keeps_its_viewers_and_gets_no_new_ones() {
        let experiment = experiment(&[0, 5, 0]);
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(assign(&experiment, &HeaderMap::new(), random).index, 1);
        }
        assert_eq!(assign(&experiment, &with_cookie("hf-checkout=c"), 0).index, 2);
    }

    #[test]
    fn the_variant_changes_headers_and_uri() {
        let experiment = experiment(&[1, 1]);
        let b = assign(&experiment, &with_cookie("hf-checkout=b"), 0);
        assert_eq!(b.headers().collect::<Vec<_>>(), [("x-variant", "b")]);
        assert_eq!(b.variant().uri_prefix.as_deref(), Some("/b"));
        let a = assign(&experiment, &with_cookie("hf-checkout=a"), 0);
        assert_eq!(a.headers().count(), 0);
        assert_eq!(
            a.headers_to_remove().collect::<Vec<_>>(),
            ["x-variant"],
            "a viewer's own x-variant is not believed"
        );
        assert_eq!(a.variant().uri_prefix, None);
        assert_eq!(a.variant().name, "a");
    }

    proptest! {
        #[test]
        fn shares_follow_the_weights(weights in prop::collection::vec(0_u32..1_000, 2..6), seed: u64) {
            let sum: u32 = weights.iter().sum();
            prop_assume!(sum > 0);
            let experiment = experiment(&weights);
            let mut random = StdRng::seed_from_u64(seed);
            let mut counts = vec![0_u32; weights.len()];
            let draws = 20_000;
            for _ in 0..draws {
                counts[assign(&experiment, &HeaderMap::new(), random.next_u64()).index] += 1;
            }
            for (count, weight) in counts.iter().zip(&weights) {
                let (share, wanted) = (f64::from(*count) / f64::from(draws), f64::from(*weight) / f64::from(sum));
                // Five standard deviations of 20,000 draws are below 0.018.
                prop_assert!((share - wanted).abs() < 0.02, "{counts:?} for {weights:?}");
            }
        }

        #[test]
        fn every_number_draws_a_variant_with_weight(weights in prop::collection::vec(any::<u32>(), 2..6), random: u64) {
            prop_assume!(weights.iter().any(|&weight| weight > 0));
            let experiment = experiment(&weights);
            let index = assign(&experiment, &HeaderMap::new(), random).index;
            prop_assert!(weights[index] > 0);
            prop_assert_eq!(index, assign(&experiment, &HeaderMap::new(), random).index);
        }

        #[test]
        fn no_cookie_header_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..64), random: u64) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let experiment = experiment(&[1, 2, 3]);
            let headers = [(COOKIE, value)].into_iter().collect();
            prop_assert!(assign(&experiment, &headers, random).index < 3);
        }
    }
}
