//! `${NAME}` and `${NAME:-default}` in strings; `$${` is a literal `${`.

/// Why a string cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpandError {
    #[error("the environment variable `{0}` is not set")]
    Missing(String),
    #[error("`${{` without its `}}`")]
    Unclosed,
    #[error("`{0}` is not the name of an environment variable")]
    Name(String),
}

impl ExpandError {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Missing(name) => format!("set it, or give a default: `${{{name}:-value}}`"),
            Self::Unclosed => "write `${NAME}` or `${NAME:-default}`; `$${` stands for a literal `${`".to_owned(),
            Self::Name(_) => "letters, digits and `_`, not beginning with a digit".to_owned(),
        }
    }
}

/// Replaces every `${…}`. As in a shell, a default also stands in for a variable that is set and empty.
pub(crate) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let (inside, after) = rest[at + 2..].split_once('}').ok_or(ExpandError::Unclosed)?;
        out.push_str(&variable(inside, env)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn variable(inside: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return Err(ExpandError::Name(name.to_owned()));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Missing(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, ExpandError> {
        expand(text, &|name| match name {
            "PORT" => Some("8080".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_and_defaults_are_put_in() {
        for (text, result) in [
            ("0.0.0.0:${PORT}", "0.0.0.0:8080"),
            ("${PORT}${PORT}", "80808080"),
            ("${HOST:-localhost}:1", "localhost:1"),
            ("${PORT:-1}", "8080"),
            ("${EMPTY:-x}${EMPTY}", "x"),
            ("${HOST:-}", ""),
            ("$PORT costs $5 {}", "$PORT costs $5 {}"),
            ("$${PORT}", "${PORT}"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(result), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_put_in_is_said() {
        assert_eq!(expanded("${HOST}"), Err(ExpandError::Missing("HOST".to_owned())));
        assert_eq!(expanded("${PORT"), Err(ExpandError::Unclosed));
        assert_eq!(expanded("${}"), Err(ExpandError::Name(String::new())));
        assert_eq!(expanded("${A B}"), Err(ExpandError::Name("A B".to_owned())));
    }
}
