//! Built-ins that no call can change, and that programs can still override on objects of their own.
//!
//! Freezing alone breaks honest programs: JavaScript refuses `obj.toString = f` when `Object.prototype.toString` is read-only
//! (the "override mistake"). So the members that programs override become accessors whose setter defines the property on
//! the object that was assigned to.

use boa_engine::object::{FunctionObjectBuilder, IntegrityLevel};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, Source};
use std::collections::{HashMap, HashSet, VecDeque};

/// Gives the intrinsics that no property of the global object leads to.
const HIDDEN: &str = "[function*(){}, async function(){}, async function*(){}, [][Symbol.iterator](), ''[Symbol.iterator](), \
    /a/[Symbol.matchAll] ? /a/[Symbol.matchAll]('') : null, (function(){ return arguments; })(), Int8Array, \
    new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), [].values().map ? [].values().map(String) : null, \
    typeof Iterator === 'function' ? Iterator.from({ next() {} }) : null]";

/// Members that are overridden on objects which inherit from any built-in prototype.
const OVERRIDDEN: [&str; 6] = ["constructor", "toString", "toLocaleString", "valueOf", "name", "message"];

/// The intrinsics that no property of the global object leads to. Asked for before any built-in is taken away.
pub(super) fn hidden(context: &mut Context) -> JsResult<Vec<JsObject>> {
    let mut found = Vec::new();
    if let Some(hidden) = context.eval(Source::from_bytes(HIDDEN))?.as_object() {
        for index in 0..12_u32 {
            // The objects themselves are new; what they inherit from is not.
            let mut next = hidden.get(index, context)?.as_object();
            while let Some(object) = next {
                next = object.prototype();
                found.extend(next.clone());
            }
        }
    }
    Ok(found)
}

/// Every object a program can reach without making it, the global object first, `roots` and what they lead to included.
fn reachable(roots: Vec<JsObject>, context: &mut Context) -> JsResult<Vec<JsObject>> {
    let mut queue = VecDeque::from([context.global_object()]);
    queue.extend(roots);
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    while let Some(object) = queue.pop_front() {
        if !seen.insert(object.clone()) {
            continue;
        }
        queue.extend(object.prototype());
        for (_, property) in own_properties(&object, context)? {
            let linked = [property.value(), property.get(), property.set()];
            queue.extend(linked.into_iter().flatten().filter_map(JsValue::as_object));
        }
        found.push(object);
    }
    Ok(found)
}

/// Makes everything reachable unchangeable, except that the global object takes new properties.
pub(super) fn freeze_all(roots: Vec<JsObject>, context: &mut Context) -> JsResult<()> {
    let global = context.global_object();
    let constructors = context.intrinsics().constructors();
    let wholly_overridden: HashSet<JsObject> = [
        constructors.object(),
        constructors.function(),
        constructors.error(),
        constructors.type_error(),
        constructors.range_error(),
        constructors.reference_error(),
        constructors.syntax_error(),
        constructors.eval_error(),
        constructors.uri_error(),
        constructors.promise(),
    ]
    .into_iter()
    .map(boa_engine::context::intrinsics::StandardConstructor::prototype)
    .collect();
    for object in reachable(roots, context)? {
        if object == global {
            pin_globals(&global, context)?;
            continue;
        }
        let properties = own_properties(&object, context)?;
        let is_prototype = properties
            .iter()
            .any(|(key, property)| is_key(key, "constructor") && property.value().is_some_and(JsValue::is_callable));
        for (key, property) in properties {
            let PropertyKey::String(name) = &key else { continue };
            let overridden =
                wholly_overridden.contains(&object) || OVERRIDDEN.iter().any(|member| is_key(&key, member));
            if let (true, true, Some(value)) = (is_prototype, overridden, property.value()) {
                make_overridable(&object, name, value.clone(), &property, context)?;
            }
        }
        object.set_integrity_level(IntegrityLevel::Frozen, context)?;
    }
    Ok(())
}

fn pin_globals(global: &JsObject, context: &mut Context) -> JsResult<()> {
    for (key, property) in own_properties(global, context)? {
        let pinned = PropertyDescriptor::builder().configurable(false);
        let pinned = if property.is_data_descriptor() { pinned.writable(false) } else { pinned };
        global.define_property_or_throw(key, pinned, context)?;
    }
    Ok(())
}

fn make_overridable(
    object: &JsObject,
    name: &JsString,
    value: JsValue,
    property: &PropertyDescriptor,
    context: &mut Context,
) -> JsResult<()> {
    let getter = NativeFunction::from_copy_closure_with_captures(|_, _, value, _| Ok(value.clone()), value);
    let setter = NativeFunction::from_copy_closure_with_captures(
        |this, arguments, (owner, name): &(JsObject, JsString), context| {
            let value = arguments.first().cloned().unwrap_or_default();
            match this.as_object() {
                Some(object) if !JsObject::equals(&object, owner) => {
                    object.create_data_property_or_throw(name.clone(), value, context)?;
                    Ok(JsValue::undefined())
                }
                _ => Err(JsNativeError::typ()
                    .with_message(format!("cannot set non-writable property: {}", name.to_std_string_lossy()))
                    .into()),
            }
        },
        (object.clone(), name.clone()),
    );
    let realm = context.realm().clone();
    let getter = FunctionObjectBuilder::new(&realm, getter).name(name.clone()).build();
    let setter = FunctionObjectBuilder::new(&realm, setter).name(name.clone()).length(1).build();
    getter.set_integrity_level(IntegrityLevel::Frozen, context)?;
    setter.set_integrity_level(IntegrityLevel::Frozen, context)?;
    let accessor = PropertyDescriptor::builder()
        .get(getter)
        .set(setter)
        .enumerable(property.enumerable().unwrap_or(false))
        .configurable(false);
    object.define_property_or_throw(name.clone(), accessor, context)?;
    Ok(())
}

fn own_properties(object: &JsObject, context: &mut Context) -> JsResult<Vec<(PropertyKey, PropertyDescriptor)>> {
    let keys = object.own_property_keys(context)?;
    let object = object.borrow();
    Ok(keys
        .into_iter()
        .filter_map(|key| {
            let property = object.properties().get(&key)?;
            Some((key, property))
        })
        .collect())
}

fn is_key(key: &PropertyKey, name: &str) -> bool {
    matches!(key, PropertyKey::String(text) if text == name)
}

/// What every reachable object holds, to see whether a program changed one.
pub(super) struct Inventory {
    objects: HashMap<JsObject, Holdings>,
}

type Holdings = (Option<JsObject>, bool, Vec<Property>);

/// Key, value or accessors, and the three flags.
type Property = (PropertyKey, [Option<JsValue>; 3], [Option<bool>; 3]);

impl Inventory {
    /// Looks at everything.
    pub(super) fn take(roots: Vec<JsObject>, context: &mut Context) -> JsResult<Self> {
        let mut objects = HashMap::new();
        for object in reachable(roots, context)? {
            let holdings = Self::holdings(&object, context)?;
            objects.insert(object, holdings);
        }
        Ok(Self { objects })
    }

    /// Whether anything but new properties of the global object differs now.
    pub(super) fn changed(&self, context: &mut Context) -> JsResult<bool> {
        let global = context.global_object();
        for (object, (prototype, extensible, properties)) in &self.objects {
            let now = Self::holdings(object, context)?;
            let same_properties = if *object == global {
                properties.iter().all(|property| now.2.contains(property))
            } else {
                *properties == now.2
            };
            if *prototype != now.0 || *extensible != now.1 || !same_properties {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holdings(object: &JsObject, context: &mut Context) -> JsResult<Holdings> {
        let properties = own_properties(object, context)?.into_iter().map(|(key, property)| {
            let values = [property.value(), property.get(), property.set()].map(Option::<&JsValue>::cloned);
            (key, values, [property.writable(), property.enumerable(), property.configurable()])
        });
        Ok((object.prototype(), object.is_extensible(context)?, properties.collect()))
    }
}
