//! Cases that run a CloudFront Function: the event that is given, or that one is made of messages.

use super::{Asks, Builder, Given, text};
use crate::association::{OnlyOn, ViewerCode};
use crate::build::unknown;
use crate::cases::raw;
use crate::cases::{Event, EventType, Trial, expect};
use crate::distribution::Distribution;
use crate::function::Function;
use crate::language::At;
use std::ops::Range;
use std::sync::Arc;

impl<'a> Builder<'a, '_> {
    pub(super) fn function(&mut self, mut case: raw::Case, span: &Range<usize>) -> Option<Trial> {
        const WHY: &str = "this case runs a function, which gets one event";
        self.refuse("event_type", case.event_type.as_ref(), "it is for a case with `lambda`");
        self.refuse("step", case.step.as_ref(), WHY);
        self.refuse("origin", case.origin.as_ref(), WHY);
        let name = text(case.function.take())?;
        let functions = &self.config.functions;
        let function = functions.iter().find(|function| function.name == name.value).cloned();
        if function.is_none() {
            let known = functions.iter().map(|function| function.name.as_str());
            unknown("function", &name, known, self.reading);
        }
        let event = match self.given(&mut case, span) {
            Some(Given::Event(event)) => self.event(event).map(Event::Object),
            Some(Given::Request(request)) => self.messages_of(function.as_deref(), request, case.response.take()),
            None => None,
        };
        let expect = self.function_expect(case.expect, span, expect::Runs::Function);
        Some(Trial::Function { function: function?, event: event?, expect: expect? })
    }

    fn messages_of(
        &mut self,
        function: Option<&Function>,
        request: At<raw::Request>,
        response: Option<At<raw::Response>>,
    ) -> Option<Event> {
        let on = if response.is_some() { EventType::ViewerResponse } else { EventType::ViewerRequest };
        let path = request.value.path.as_ref().map(|path| path.value.0.as_str()).unwrap_or_default();
        let caller = self.caller(function, on, path)?;
        if response.is_none()
            && function.is_some_and(|function| {
                OnlyOn::of(&function.name, self.config.associations()) == Some(OnlyOn::ViewerResponse)
            })
        {
            let hint = "add `response = { status = 200 }`, with the headers that it looks at";
            self.reading
                .error(request.span, "this function is called on viewer response only: what it gets has a response")
                .hint(hint);
            return None;
        }
        let calls = |code: &ViewerCode| function.is_some_and(|function| code.is_function(&function.name));
        let is_made = self
            .config
            .associations()
            .any(|each| each.touches_origin() && each.viewer_response.as_ref().is_some_and(calls));
        let response = response.map(|response| self.response(response.value, on, is_made));
        self.request(request, Asks::Function(caller)).map(|request| Event::Of { request, response })
    }

    /// The distribution that calls a function: best one whose behavior with this path does, else one with any behavior that does.
    /// A function that none calls may be tried as well, as the first one's.
    fn caller(&self, function: Option<&Function>, on: EventType, path: &str) -> Option<&'a Distribution> {
        let path = path.split('?').next().unwrap_or_default();
        let distributions = &self.config.distributions;
        let behaviors = distributions
            .iter()
            .flat_map(|distribution| distribution.every_behavior().map(move |behavior| (distribution, behavior)));
        let calling = behaviors.filter(|(_, behavior)| {
            let associations = &behavior.associations;
            let code = match on {
                EventType::ViewerResponse => &associations.viewer_response,
                _ => &associations.viewer_request,
            };
            code.as_ref().zip(function).is_some_and(|(code, function)| code.is_function(&function.name))
        });
        let calling: Vec<_> = calling.collect();
        let best = calling.iter().find(|(_, behavior)| behavior.path_pattern.matches(path)).or(calling.first());
        best.map(|(distribution, _)| *distribution).or(distributions.first()).map(Arc::as_ref)
    }
}
