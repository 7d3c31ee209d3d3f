//! Values that are one of a few words.

/// Declares what the words of an enum are: `choice! { Type { "word" => Type::Variant, … } }`.
macro_rules! choice {
    ($name:ty { $($text:literal => $variant:expr,)+ }) => {
        impl $crate::language::Value for $name {
            fn shape() -> $crate::language::Shape {
                $crate::language::Shape::Choice(&[$($text),+])
            }

            fn read(
                node: &$crate::language::Node<'_>,
                reading: &mut $crate::language::Reading<'_>,
            ) -> Option<Self> {
                match reading.text(node, &Self::shape())?.as_str() {
                    $($text => Some($variant),)+
                    other => {
                        $crate::language::choice::refuse(other, &[$($text),+], node.span(), reading);
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use choice;

use super::reading::nearest;
use super::{Reading, Shape, later};
use std::ops::Range;

/// Notes that a word is none of those its key takes.
pub(crate) fn refuse(word: &str, words: &'static [&'static str], span: Range<usize>, reading: &mut Reading<'_>) {
    let near = nearest(word, words.iter().copied());
    let problem = reading.error(span, format!("expected {}, found {word:?}", Shape::Choice(words)));
    if let Some(reason) = later::word(word) {
        problem.hint(reason);
    } else if let Some(near) = near {
        problem.hint(format!("did you mean {near:?}?"));
    }
}
