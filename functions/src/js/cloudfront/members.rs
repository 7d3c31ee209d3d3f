//! Objects that programs hand to the helpers of the module `cloudfront`, read member by member. What is wrong is told with its
//! path; a member that is not CloudFront's is refused, as it would be a setting that nobody applies.

use crate::js::text::utf8;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsError, JsObject, JsResult, JsString, JsValue, js_string};

/// Why an argument cannot be used.
pub(super) enum Wrong {
    /// Reading it threw, as getters can.
    Thrown(JsError),
    /// It breaks a rule of CloudFront's.
    Invalid(String),
}

impl From<JsError> for Wrong {
    fn from(error: JsError) -> Self {
        Self::Thrown(error)
    }
}

/// A rule that a value breaks.
pub(super) fn invalid<T>(detail: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Invalid(detail.into()))
}

/// An object with known members.
pub(super) struct Members {
    object: JsObject,
    /// In front of the names of its members in messages: empty, or as in `timeouts.`.
    path: String,
}

impl Members {
    /// The object `value`, called `name`; its members are `known`.
    pub(super) fn of(value: &JsValue, name: &str, known: &[&str], context: &mut Context) -> Result<Self, Wrong> {
        Self::within(value, name, String::new(), known, context)
    }

    /// The object `value`, which stands at `path`.
    pub(super) fn at(value: &JsValue, path: &str, known: &[&str], context: &mut Context) -> Result<Self, Wrong> {
        Self::within(value, path, format!("{path}."), known, context)
    }

    fn within(value: &JsValue, name: &str, path: String, known: &[&str], context: &mut Context) -> Result<Self, Wrong> {
        let object = plain_object(value, name)?;
        for key in names(&object, context)? {
            if !known.contains(&key.as_str()) {
                let known = known.join(", ");
                return invalid(format!("{} is not a member; CloudFront has {known}", shown(&format!("{path}{key}"))));
            }
        }
        Ok(Self { object, path })
    }

    /// A member; `undefined` is none.
    pub(super) fn get(&self, name: &str, context: &mut Context) -> JsResult<Option<JsValue>> {
        let value = self.object.get(JsString::from(name), context)?;
        Ok(Some(value).filter(|value| !value.is_undefined()))
    }

    /// What a member is called in messages.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// An object with known members.
    pub(super) fn object(&self, name: &str, known: &[&str], context: &mut Context) -> Result<Option<Self>, Wrong> {
        let Some(value) = self.get(name, context)? else { return Ok(None) };
        Self::at(&value, &self.path(name), known, context).map(Some)
    }

    /// A string, made into what it stands for; the error of `parse` says what it must be.
    pub(super) fn text<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
        context: &mut Context,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.get(name, context)? else { return Ok(None) };
        text(&value, &self.path(name), parse).map(Some)
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&'static str, T)],
        context: &mut Context,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.get(name, context)? else { return Ok(None) };
        word(&value, &self.path(name), words).map(Some)
    }

    /// A whole number that is not negative.
    pub(super) fn whole(&self, name: &str, context: &mut Context) -> Result<Option<u32>, Wrong> {
        let Some(value) = self.get(name, context)? else { return Ok(None) };
        whole(&value, &self.path(name)).map(Some)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &str, context: &mut Context) -> Result<Option<bool>, Wrong> {
        match self.get(name, context)? {
            None => Ok(None),
            Some(value) => match value.as_boolean() {
                Some(boolean) => Ok(Some(boolean)),
                None => invalid(format!("{} must be true or false", self.path(name))),
            },
        }
    }

    /// The elements of an array of at most `length_max`.
    pub(super) fn array(
        &self,
        name: &str,
        length_max: usize,
        context: &mut Context,
    ) -> Result<Option<Vec<JsValue>>, Wrong> {
        let Some(value) = self.get(name, context)? else { return Ok(None) };
        let path = self.path(name);
        let Some(array) = value.as_object().filter(JsObject::is_array) else {
            return invalid(format!("{path} must be an array"));
        };
        let length = array.get(js_string!("length"), context)?.to_length(context)?;
        if length > length_max as u64 {
            return invalid(format!("{path} has {length} elements; at most {length_max} are taken"));
        }
        let elements: JsResult<_> = (0..length).map(|index| array.get(index, context)).collect();
        Ok(Some(elements?))
    }

    /// Names and values of an object of strings of at most `length_max` members.
    pub(super) fn strings(
        &self,
        name: &str,
        length_max: usize,
        context: &mut Context,
    ) -> Result<Option<Vec<(String, String)>>, Wrong> {
        let Some(value) = self.get(name, context)? else { return Ok(None) };
        let path = self.path(name);
        let object = plain_object(&value, &path)?;
        let keys = names(&object, context)?;
        if keys.len() > length_max {
            return invalid(format!("{path} has {} members; at most {length_max} are taken", keys.len()));
        }
        let mut strings = Vec::with_capacity(keys.len());
        for key in keys {
            let value = object.get(JsString::from(key.as_str()), context)?;
            let Some(text) = value.as_string() else {
                return invalid(format!("{path}[{}] must be a string", shown(&key)));
            };
            strings.push((key, utf8(&text)));
        }
        Ok(Some(strings))
    }
}

/// A member that must be there.
pub(super) fn required<T>(given: Option<T>, path: &str) -> Result<T, Wrong> {
    given.ok_or_else(|| Wrong::Invalid(format!("{path} is required")))
}

/// See [`Members::text`].
pub(super) fn text<T>(
    value: &JsValue,
    path: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, Wrong> {
    let Some(text) = value.as_string() else { return invalid(format!("{path} must be a string")) };
    let text = utf8(&text);
    parse(&text).map_err(|rule| Wrong::Invalid(format!("{path} {rule}; it is {}", shown(&text))))
}

/// See [`Members::word`].
pub(super) fn word<T: Copy>(value: &JsValue, path: &str, words: &[(&'static str, T)]) -> Result<T, Wrong> {
    let given = value.as_string().map(|text| utf8(&text));
    let found = words.iter().find(|(word, _)| given.as_deref() == Some(word));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let given = given.map_or_else(|| format!("a {}", value.type_of()), |given| shown(&given));
        Wrong::Invalid(format!("{path} must be one of {}; it is {given}", all.join(", ")))
    })
}

/// See [`Members::whole`].
pub(super) fn whole(value: &JsValue, path: &str) -> Result<u32, Wrong> {
    match value.as_number() {
        Some(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => Ok(number as u32),
        _ => invalid(format!("{path} must be a whole number")),
    }
}

/// A text in a message: quoted, and not longer than a line.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn plain_object(value: &JsValue, name: &str) -> Result<JsObject, Wrong> {
    match value.as_object().filter(|object| !object.is_array() && !object.is_callable()) {
        Some(object) => Ok(object),
        None => invalid(format!("{name} must be an object")),
    }
}

/// The enumerable names of an object.
fn names(object: &JsObject, context: &mut Context) -> JsResult<Vec<String>> {
    let keys = object.own_property_keys(context)?;
    let borrowed = object.borrow();
    let enumerable =
        |key: &PropertyKey| borrowed.properties().get(key).is_none_or(|property| property.enumerable() != Some(false));
    let named = keys.into_iter().filter(|key| !matches!(key, PropertyKey::Symbol(_)) && enumerable(key));
    Ok(named.map(|key| key.to_string()).collect())
}
