//! What the engine asks its host: no code from strings, UTC, small buffers.

use boa_engine::builtins::object::OrdinaryObject;
use boa_engine::context::HostHooks;
use boa_engine::context::intrinsics::Intrinsics;
use boa_engine::object::shape::RootShape;
use boa_engine::realm::Realm;
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString};
use homefront_config::limits::FUNCTION_BUFFER_BYTES_MAX;

/// The host of every context.
pub(super) struct Hooks;

impl HostHooks for Hooks {
    fn ensure_can_compile_strings(
        &self,
        _realm: Realm,
        _parameters: &[JsString],
        _body: &JsString,
        _direct: bool,
        _context: &mut Context,
    ) -> JsResult<()> {
        Err(JsNativeError::typ().with_message("code generation from strings is not allowed").into())
    }

    /// With a shape that another takes the place of when a property comes or goes: that is how a call is found to have left one.
    fn create_global_object(&self, intrinsics: &Intrinsics) -> JsObject {
        let prototype = intrinsics.constructors().object().prototype();
        JsObject::new(&RootShape::default(), prototype, OrdinaryObject).upcast()
    }

    fn local_timezone_offset_seconds(&self, _unix_time_seconds: i64) -> i32 {
        0
    }

    fn max_buffer_size(&self, _context: &mut Context) -> u64 {
        FUNCTION_BUFFER_BYTES_MAX
    }
}
