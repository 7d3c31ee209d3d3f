//! Cases that run a Lambda@Edge function: the event that is given, or that one is made of messages.

use super::{Asks, Builder, Given, text};
use crate::association::ViewerCode;
use crate::behavior::{Behavior, TargetOrigin};
use crate::build::unknown;
use crate::cases::raw;
use crate::cases::{EventType, LambdaEvent, LambdaMessages, Trial, expect};
use crate::distribution::Distribution;
use crate::lambda::Lambda;
use crate::language::At;
use std::ops::Range;
use std::sync::Arc;

/// An event that a behavior calls a function on.
struct Call<'a> {
    on: EventType,
    distribution: &'a Arc<Distribution>,
    behavior: &'a Arc<Behavior>,
}

impl Builder<'_, '_> {
    pub(super) fn lambda(&mut self, mut case: raw::Case, span: &Range<usize>) -> Option<Trial> {
        const WHY: &str = "this case runs a Lambda@Edge function, which gets one event";
        self.refuse("step", case.step.as_ref(), WHY);
        self.refuse("origin", case.origin.as_ref(), WHY);
        let name = text(case.lambda.take())?;
        let lambdas = &self.config.lambdas;
        let lambda = lambdas.iter().find(|lambda| lambda.name == name.value).cloned();
        if lambda.is_none() {
            unknown("lambda", &name, lambdas.iter().map(|lambda| lambda.name.as_str()), self.reading);
        }
        let event = match self.given(&mut case, span) {
            Some(Given::Event(event)) => {
                self.refuse("event_type", case.event_type.as_ref(), "the `event` has its own");
                self.event(event).map(LambdaEvent::Object)
            }
            Some(Given::Request(request)) => {
                let (response, on) = (case.response.take(), case.event_type.take());
                lambda.as_ref().and_then(|lambda| self.messages(lambda, request, response, on, span))
            }
            None => None,
        };
        let expect = self.function_expect(case.expect, span, expect::Runs::Lambda);
        Some(Trial::Lambda { lambda: lambda?, event: event?, expect: expect? })
    }

    fn messages(
        &mut self,
        lambda: &Arc<Lambda>,
        request: At<raw::Request>,
        response: Option<At<raw::Response>>,
        on: Option<At<EventType>>,
        span: &Range<usize>,
    ) -> Option<LambdaEvent> {
        let config = self.config;
        let calls: Vec<_> = calls(config.distributions.iter(), lambda).collect();
        let path = request.value.path.as_ref().map(|path| path.value.0.as_str()).unwrap_or_default();
        let call = self.call(&calls, response.is_some(), on, path, &lambda.name, span)?;
        let shown = call.behavior.associations.include_body;
        let includes_body = match call.on {
            EventType::ViewerRequest => shown.viewer_request,
            EventType::OriginRequest => shown.origin_request,
            EventType::OriginResponse | EventType::ViewerResponse => false,
        };
        if !includes_body {
            let why = "the function does not see it: its behavior says no `include_body` for this event";
            self.refuse("body", request.value.body.as_ref(), why);
        }
        let origin = call.on.is_of_origin().then(|| {
            let origins = &call.distribution.origins;
            match call.behavior.target_origin {
                TargetOrigin::Origin(index) => origins[index].clone(),
                TargetOrigin::Group(index) => origins[call.distribution.origin_groups[index].primary].clone(),
            }
        });
        let request = self.request(request, Asks::Lambda(call.distribution))?;
        let is_made = call.behavior.associations.touches_origin();
        let response = response.map(|response| self.response(response.value, call.on, is_made));
        Some(LambdaEvent::Of(Box::new(LambdaMessages {
            on: call.on,
            distribution: call.distribution.clone(),
            behavior: call.behavior.clone(),
            origin,
            request,
            response,
            includes_body,
        })))
    }

    /// The one that is meant.
    fn call<'c>(
        &mut self,
        calls: &'c [Call<'c>],
        of_response: bool,
        on: Option<At<EventType>>,
        path: &str,
        lambda: &str,
        span: &Range<usize>,
    ) -> Option<&'c Call<'c>> {
        let fits = |call: &&Call<'_>| {
            call.on.is_of_response() == of_response && on.as_ref().is_none_or(|on| on.value == call.on)
        };
        let fitting: Vec<_> = calls.iter().filter(fits).collect();
        let path = path.split('?').next().unwrap_or_default();
        let best = fitting.iter().find(|call| call.behavior.path_pattern.matches(path)).or(fitting.first());
        if let Some(best) = best
            && fitting.iter().all(|call| call.on == best.on)
        {
            return Some(best);
        }
        let (place, word) =
            (on.map_or_else(|| span.clone(), |on| on.span), if of_response { "response" } else { "request" });
        if best.is_some() {
            self.reading
                .error(place, format!("`{lambda}` is called on both {word} events: which is meant?"))
                .hint(format!("say it with `event_type = \"viewer-{word}\"` or `event_type = \"origin-{word}\"`"));
            return None;
        }
        let mut known: Vec<_> = calls.iter().map(|call| call.on.as_str()).collect();
        known.dedup();
        let hint = match &known[..] {
            [] => "no behavior has it; give the event itself: `event`".to_owned(),
            known => format!("behaviors call it on {}; or give the event itself: `event`", known.join(", ")),
        };
        let of = if of_response { "with a `response`" } else { "with a `request` alone" };
        self.reading.error(place, format!("no behavior calls `{lambda}` on such an event, {of}")).hint(hint);
        None
    }
}

/// Every event that some behavior calls the function on.
fn calls<'a>(
    distributions: impl Iterator<Item = &'a Arc<Distribution>>,
    lambda: &'a Arc<Lambda>,
) -> impl Iterator<Item = Call<'a>> {
    let behaviors = distributions
        .flat_map(|distribution| distribution.every_behavior().map(move |behavior| (distribution, behavior)));
    behaviors.flat_map(move |(distribution, behavior)| {
        let on = &behavior.associations;
        let viewer = |code: &Option<ViewerCode>| match code {
            Some(ViewerCode::Lambda(called)) => called.name == lambda.name,
            _ => false,
        };
        let origin = |code: &Option<Arc<Lambda>>| code.as_ref().is_some_and(|called| called.name == lambda.name);
        let all = [
            (EventType::ViewerRequest, viewer(&on.viewer_request)),
            (EventType::OriginRequest, origin(&on.origin_request)),
            (EventType::OriginResponse, origin(&on.origin_response)),
            (EventType::ViewerResponse, viewer(&on.viewer_response)),
        ];
        let called = all.into_iter().filter(|(_, called)| *called);
        called.map(move |(on, _)| Call { on, distribution, behavior })
    })
}
