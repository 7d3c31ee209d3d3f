//! How values print: as CloudFront's engine (njs) does, `{a:'b',c:[1,2]}`. Nothing of the function runs for it but the `name`
//! and the `message` of its errors.

use crate::js::event::Accessors;
use crate::js::fault;
use crate::js::host::Host;
use crate::js::text::utf8;
use boa_engine::builtins::error::Error;
use boa_engine::object::builtins::{
    JsArrayBuffer, JsDataView, JsDate, JsMap, JsPromise, JsRegExp, JsSet, JsTypedArray,
};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsError, JsNativeError, JsObject, JsResult, JsString, JsSymbol, JsValue, js_string};
use homefront_config::limits::{FUNCTION_LOG_BYTES_MAX, FUNCTION_LOG_DEPTH_MAX};
use std::fmt::Write as _;
use std::rc::Rc;

/// Prints onto a line until that has all a log can hold.
pub(super) struct Printer<'a> {
    line: &'a mut String,
    inside: Vec<JsObject>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(line: &'a mut String) -> Self {
        Self { line, inside: Vec::new() }
    }

    fn full(&self) -> bool {
        self.line.len() > FUNCTION_LOG_BYTES_MAX
    }

    pub(super) fn value(&mut self, value: &JsValue, context: &mut Context) -> JsResult<()> {
        if self.full() {
            return Ok(());
        }
        match value.variant() {
            JsVariant::String(text) => self.quoted(&text),
            JsVariant::Object(object) => return self.object(&object, context),
            JsVariant::Symbol(symbol) => self.symbol(&symbol),
            JsVariant::Float64(number) if number == 0.0 && number.is_sign_negative() => self.line.push_str("-0"),
            _ => self.line.push_str(&utf8(&value.to_string(context)?)),
        }
        Ok(())
    }

    /// In quotation marks, which it does not escape in the text.
    fn quoted(&mut self, text: &JsString) {
        self.line.push('\'');
        for character in utf8(text).chars() {
            match character {
                '\n' => self.line.push_str("\\n"),
                '\r' => self.line.push_str("\\r"),
                '\t' => self.line.push_str("\\t"),
                '\u{8}' => self.line.push_str("\\b"),
                '\u{c}' => self.line.push_str("\\f"),
                '\\' => self.line.push_str("\\\\"),
                '\0'..='\u{1f}' => self.written(format_args!("\\u{:04x}", u32::from(character))),
                other => self.line.push(other),
            }
            if self.full() {
                break;
            }
        }
        self.line.push('\'');
    }

    fn symbol(&mut self, symbol: &JsSymbol) {
        let text = symbol.descriptive_string();
        self.line.push_str(&utf8(&text));
    }

    fn written(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.line.write_fmt(text);
    }

    fn object(&mut self, object: &JsObject, context: &mut Context) -> JsResult<()> {
        if self.leaf(object, context)? {
            return Ok(());
        }
        if self.inside.contains(object) {
            self.line.push_str("[Circular]");
            return Ok(());
        }
        if self.inside.len() >= FUNCTION_LOG_DEPTH_MAX {
            return Err(JsNativeError::typ().with_message("Nested too deep or a cyclic structure").into());
        }
        self.inside.push(object.clone());
        if object.is_array() {
            self.array(object, context)?;
        } else if let Ok(map) = JsMap::from_object(object.clone()) {
            self.map(&map, context)?;
        } else if let Ok(set) = JsSet::from_object(object.clone()) {
            self.set(&set, context)?;
        } else {
            if let Some(tag) = tag(object) {
                self.written(format_args!("{tag} "));
            }
            self.line.push('{');
            let keys = object.borrow().properties().index_property_keys().collect::<Vec<_>>();
            let mut first = true;
            for index in sorted(keys) {
                self.member(object, &index.into(), &mut first, context)?;
            }
            self.named(object, &mut first, context)?;
            self.line.push('}');
        }
        self.inside.pop();
        Ok(())
    }

    /// What prints without its members; `false`: it is not such an object.
    fn leaf(&mut self, object: &JsObject, context: &mut Context) -> JsResult<bool> {
        if object.is_callable() {
            let name = own(object, &js_string!("name").into()).and_then(|name| name.value()?.as_string());
            match name.filter(|name| !name.is_empty()) {
                Some(name) => self.written(format_args!("[Function: {}]", utf8(&name))),
                None => self.line.push_str("[Function]"),
            }
        } else if object.is::<Error>() {
            // What ends a call ends it here, too: the description would go on without that member.
            for name in [js_string!("name"), js_string!("message")] {
                object.get(name, context).map(drop).or_else(unless_a_limit)?;
            }
            let text = fault::describe(&object.clone().into(), context);
            self.line.push_str(&text);
        } else if let Ok(date) = JsDate::from_object(object.clone()) {
            let valid = date.get_time(context)?.as_number().is_some_and(f64::is_finite);
            let text =
                if valid { date.to_iso_string(context)?.to_string(context)? } else { js_string!("Invalid Date") };
            self.line.push_str(&utf8(&text));
        } else if let Ok(expression) = JsRegExp::from_object(object.clone()) {
            self.regexp(&expression, context)?;
        } else if let Ok(array) = JsTypedArray::from_object(object.clone()) {
            self.typed_array(object, &array, context)?;
        } else if let Some(text) = object.downcast_ref::<JsString>() {
            self.boxed("String", &text.clone().into(), context)?;
        } else if let Some(number) = object.downcast_ref::<f64>() {
            self.boxed("Number", &JsValue::from(*number), context)?;
        } else if let Some(boolean) = object.downcast_ref::<bool>() {
            self.boxed("Boolean", &JsValue::from(*boolean), context)?;
        } else if let Some(symbol) = object.downcast_ref::<JsSymbol>() {
            self.boxed("Symbol", &symbol.clone().into(), context)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn boxed(&mut self, kind: &str, value: &JsValue, context: &mut Context) -> JsResult<()> {
        self.written(format_args!("[{kind}: "));
        self.value(value, context)?;
        self.line.push(']');
        Ok(())
    }

    fn regexp(&mut self, expression: &JsRegExp, context: &mut Context) -> JsResult<()> {
        // boa puts a backslash before every slash, also before one that has its own; njs prints what was written.
        let source = expression.source(context)?.replace("\\/", "/");
        self.written(format_args!("/{source}/"));
        let flags = [
            ('g', expression.global(context)?),
            ('i', expression.ignore_case(context)?),
            ('m', expression.multiline(context)?),
            ('s', expression.dot_all(context)?),
            ('u', expression.unicode(context)?),
            ('y', expression.sticky(context)?),
        ];
        self.line.extend(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag));
        Ok(())
    }

    fn typed_array(&mut self, object: &JsObject, array: &JsTypedArray, context: &mut Context) -> JsResult<()> {
        let buffer = Host::of(context).prototypes.borrow().buffer.clone();
        let is_buffer = buffer.is_some() && prototypes(object).any(|prototype| Some(prototype) == buffer);
        match array.kind() {
            Some(kind) if !is_buffer => self.written(format_args!("{kind:?}Array [")),
            _ => self.line.push_str("Buffer ["),
        }
        for index in 0..array.length(context)? {
            if self.full() {
                break;
            }
            if index > 0 {
                self.line.push(',');
            }
            let element = object.get(index, context)?.to_string(context)?;
            self.line.push_str(&utf8(&element));
        }
        self.line.push(']');
        Ok(())
    }

    /// Elements, what is missing between them, and members by other names.
    fn array(&mut self, array: &JsObject, context: &mut Context) -> JsResult<()> {
        let length = own(array, &js_string!("length").into()).and_then(|length| length.value()?.as_number());
        let keys = array.borrow().properties().index_property_keys().collect::<Vec<_>>();
        self.line.push('[');
        let (mut first, mut next) = (true, 0);
        for index in sorted(keys) {
            if self.full() {
                break;
            }
            self.missing(index - next, &mut first);
            next = index + 1;
            self.separate(&mut first);
            if let Some(element) = own(array, &index.into()) {
                self.property(array, &index.into(), &element, context)?;
            }
        }
        self.missing(length.map_or(0, |length| length as u32).saturating_sub(next), &mut first);
        self.named(array, &mut first, context)?;
        self.line.push(']');
        Ok(())
    }

    fn missing(&mut self, count: u32, first: &mut bool) {
        if count == 0 {
            return;
        }
        self.separate(first);
        match count {
            1 => self.line.push_str("<empty>"),
            count => self.written(format_args!("<{count} empty items>")),
        }
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.line.push(',');
        }
    }

    /// The members that have names.
    fn named(&mut self, object: &JsObject, first: &mut bool, context: &mut Context) -> JsResult<()> {
        let keys = object.borrow().shape().keys();
        for key in keys {
            if self.full() {
                break;
            }
            self.member(object, &key, first, context)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        object: &JsObject,
        key: &PropertyKey,
        first: &mut bool,
        context: &mut Context,
    ) -> JsResult<()> {
        let property = own(object, key).filter(|property| property.enumerable() == Some(true));
        let Some(property) = property.filter(|_| !self.full()) else { return Ok(()) };
        self.separate(first);
        match key {
            PropertyKey::String(name) => self.line.push_str(&utf8(name)),
            PropertyKey::Symbol(symbol) => self.symbol(symbol),
            PropertyKey::Index(index) => self.written(format_args!("{}", index.get())),
        }
        self.line.push(':');
        self.property(object, key, &property, context)
    }

    /// A getter of the function's is not called: what it gives would not be what was there.
    fn property(
        &mut self,
        object: &JsObject,
        key: &PropertyKey,
        property: &PropertyDescriptor,
        context: &mut Context,
    ) -> JsResult<()> {
        if let Some(value) = property.value() {
            return self.value(value, context);
        }
        let accessors = context.get_data::<Rc<Accessors>>().cloned();
        let getter = property.get().and_then(JsValue::as_object);
        let is_section = |accessors: Rc<Accessors>| getter.as_ref().is_some_and(|getter| accessors.has(getter));
        if accessors.is_some_and(is_section) {
            let section = object.get(key.clone(), context)?;
            return self.value(&section, context);
        }
        self.line.push_str(if getter.is_some() { "'[Getter]'" } else { "'[Setter]'" });
        Ok(())
    }

    /// Of `fidelity = "relaxed"`: njs has none.
    fn map(&mut self, map: &JsMap, context: &mut Context) -> JsResult<()> {
        let mut entries = Vec::new();
        map.for_each_native(|key, value| {
            entries.push((key, value));
            Ok(())
        })?;
        self.line.push_str("Map {");
        let mut first = true;
        for (key, value) in entries {
            if self.full() {
                break;
            }
            self.separate(&mut first);
            self.value(&key, context)?;
            self.line.push_str(" => ");
            self.value(&value, context)?;
        }
        self.line.push('}');
        Ok(())
    }

    fn set(&mut self, set: &JsSet, context: &mut Context) -> JsResult<()> {
        let mut values = Vec::new();
        set.for_each_native(|value| {
            values.push(value);
            Ok(())
        })?;
        self.line.push_str("Set {");
        let mut first = true;
        for value in values {
            if self.full() {
                break;
            }
            self.separate(&mut first);
            self.value(&value, context)?;
        }
        self.line.push('}');
        Ok(())
    }
}

/// Errors of the function's own getters are no errors of printing.
fn unless_a_limit(error: JsError) -> JsResult<()> {
    if error.as_engine().is_some() { Err(error) } else { Ok(()) }
}

/// Indices in order: those of a sparse object come in none.
fn sorted(mut indices: Vec<u32>) -> Vec<u32> {
    indices.sort_unstable();
    indices
}

/// An own property, without asking the object for it.
fn own(object: &JsObject, key: &PropertyKey) -> Option<PropertyDescriptor> {
    object.borrow().properties().get(key)
}

/// The objects an object inherits from, as far as a tag or a Buffer's prototype could be.
fn prototypes(object: &JsObject) -> impl Iterator<Item = JsObject> {
    std::iter::successors(object.prototype(), JsObject::prototype).take(FUNCTION_LOG_DEPTH_MAX)
}

/// What stands before the members of an object that is of a kind.
fn tag(object: &JsObject) -> Option<String> {
    if JsPromise::from_object(object.clone()).is_ok() {
        return Some("Promise".to_owned());
    }
    if JsArrayBuffer::from_object(object.clone()).is_ok() {
        return Some("ArrayBuffer".to_owned());
    }
    if JsDataView::from_object(object.clone()).is_ok() {
        return Some("DataView".to_owned());
    }
    let key = PropertyKey::from(JsSymbol::to_string_tag());
    let property = std::iter::once(object.clone()).chain(prototypes(object)).find_map(|object| own(&object, &key))?;
    property.value()?.as_string().map(|tag| utf8(&tag))
}
