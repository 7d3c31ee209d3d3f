//! `readInt16LE`, `writeDoubleBE` and their forty kin, made from one table.

use super::{View, member_name, out_of_bounds, place};
use crate::js::globals::define;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::{Context, JsArgs, JsNativeError, JsObject, JsResult, JsValue, NativeFunction};

/// How a number stands in bytes.
#[derive(Debug, Clone, Copy)]
struct Layout {
    kind: Kind,
    little_endian: bool,
    /// Bytes; `None` = given by an argument, 1 to 6.
    width: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Float,
}

pub(super) fn install(prototype: &JsObject, context: &mut Context) -> JsResult<()> {
    for (kind, kind_name) in [(Kind::Signed, "Int"), (Kind::Unsigned, "UInt")] {
        let layout = |width, little_endian| Layout { kind, little_endian, width };
        add(prototype, &[kind_name, "8"], layout(Some(1), true), context)?;
        for (order, little_endian) in [("LE", true), ("BE", false)] {
            add(prototype, &[kind_name, "16", order], layout(Some(2), little_endian), context)?;
            add(prototype, &[kind_name, "32", order], layout(Some(4), little_endian), context)?;
            add(prototype, &[kind_name, order], layout(None, little_endian), context)?;
        }
    }
    for (order, little_endian) in [("LE", true), ("BE", false)] {
        for (name, width) in [("Float", 4), ("Double", 8)] {
            let layout = Layout { kind: Kind::Float, little_endian, width: Some(width) };
            add(prototype, &[name, order], layout, context)?;
        }
    }
    Ok(())
}

fn add(prototype: &JsObject, parts: &[&str], layout: Layout, context: &mut Context) -> JsResult<()> {
    let read =
        NativeFunction::from_copy_closure(move |this, arguments, context| read(this, arguments, layout, context));
    let write =
        NativeFunction::from_copy_closure(move |this, arguments, context| write(this, arguments, layout, context));
    for (verb, length, function) in [("read", 1, read), ("write", 2, write)] {
        let name = member_name(&[&[verb], parts].concat());
        let function = FunctionObjectBuilder::new(context.realm(), function).name(name.clone()).length(length).build();
        define(prototype, &name.to_std_string_lossy(), function, context)?;
    }
    Ok(())
}

fn width_of(layout: Layout, argument: &JsValue, context: &mut Context) -> JsResult<usize> {
    let Some(width) = layout.width else {
        let width = argument.to_number(context)?;
        if !(1.0..=6.0).contains(&width) {
            return Err(JsNativeError::typ().with_message("\"byteLength\" must be <= 6").into());
        }
        return Ok(width as usize);
    };
    Ok(width)
}

fn offset_of(argument: &JsValue, view: &View, width: usize, context: &mut Context) -> JsResult<usize> {
    let offset = place(argument, 0, usize::MAX, context)?;
    if offset.checked_add(width).is_none_or(|end| end > view.length) {
        return Err(out_of_bounds(offset as f64));
    }
    Ok(offset)
}

/// `read…(offset)` and `read…(offset, byteLength)`
fn read(this: &JsValue, arguments: &[JsValue], layout: Layout, context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let width = width_of(layout, arguments.get_or_undefined(1), context)?;
    let offset = offset_of(arguments.get_or_undefined(0), &view, width, context)?;
    let mut bytes = [0; 8];
    view.read(|source| bytes[..width].copy_from_slice(&source[offset..offset + width]))?;
    if !layout.little_endian {
        bytes[..width].reverse();
    }
    let bits = u64::from_le_bytes(bytes);
    Ok(match layout.kind {
        Kind::Unsigned => JsValue::from(bits as f64),
        Kind::Signed => {
            let unused = 64 - 8 * width as u32;
            JsValue::from(((bits << unused).cast_signed() >> unused) as f64)
        }
        Kind::Float if width == 4 => JsValue::from(f64::from(f32::from_bits(bits as u32))),
        Kind::Float => JsValue::from(f64::from_bits(bits)),
    })
}

/// `write…(value, offset)` and `write…(value, offset, byteLength)`; gives the offset after it.
fn write(this: &JsValue, arguments: &[JsValue], layout: Layout, context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let value = arguments.get_or_undefined(0).to_number(context)?;
    let width = width_of(layout, arguments.get_or_undefined(2), context)?;
    let offset = offset_of(arguments.get_or_undefined(1), &view, width, context)?;
    let bits = match layout.kind {
        Kind::Float if width == 4 => u64::from((value as f32).to_bits()),
        Kind::Float => value.to_bits(),
        Kind::Signed | Kind::Unsigned if value.is_finite() => (value.trunc() as i64).cast_unsigned(),
        Kind::Signed | Kind::Unsigned => 0,
    };
    let mut bytes = bits.to_le_bytes();
    if !layout.little_endian {
        bytes[..width].reverse();
    }
    view.write(|target| target[offset..offset + width].copy_from_slice(&bytes[..width]))?;
    Ok((offset + width).into())
}
