//! Puts one body in the place of another on its way to the viewer: what a viewer-response function gave, or a page.
//!
//! A pingora module, because only modules also see the end of responses whose body turned out to be empty.

use async_trait::async_trait;
use bytes::Bytes;
use pingora::modules::http::{HttpModule, HttpModuleBuilder, Module};
use pingora::proxy::Session;
use std::any::Any;

/// Swaps the body when it was told to.
#[derive(Debug, Default)]
pub(crate) struct BodySwap {
    replacement: Option<Replacement>,
}

#[derive(Debug)]
enum Replacement {
    Waiting(Bytes),
    Sent,
}

/// Makes one for each request.
pub(crate) struct Builder;

impl HttpModuleBuilder for Builder {
    fn init(&self) -> Module {
        Box::new(BodySwap::default())
    }
}

/// From here on the viewer gets `body`. Its head must say so: `Content-Length` is that of `body`.
pub(crate) fn replace_body(session: &mut Session, body: Bytes) {
    if let Some(swap) = session.downstream_modules_ctx.get_mut::<BodySwap>() {
        swap.replacement = Some(Replacement::Waiting(body));
    }
}

#[async_trait]
impl HttpModule for BodySwap {
    fn response_body_filter(&mut self, body: &mut Option<Bytes>, _end: bool) -> pingora::Result<()> {
        match &mut self.replacement {
            None => {}
            Some(Replacement::Sent) => *body = None,
            Some(state @ Replacement::Waiting(_)) => {
                if let Replacement::Waiting(replacement) = std::mem::replace(state, Replacement::Sent) {
                    *body = Some(replacement);
                }
            }
        }
        Ok(())
    }

    fn response_done_filter(&mut self) -> pingora::Result<Option<Bytes>> {
        let waiting = self.replacement.take_if(|state| matches!(state, Replacement::Waiting(_)));
        if let Some(Replacement::Waiting(replacement)) = waiting {
            self.replacement = Some(Replacement::Sent);
            return Ok(Some(replacement).filter(|body| !body.is_empty()));
        }
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
