//! The options of a request, validated: closed lists hold, and every label is in English.

use super::labels::{self, List};
use crate::validation::Fields;

/// Longest text of one option, in characters.
pub const MAX_OPTION_CHARS: usize = 500;

/// Longest additional prompt, in characters.
pub const MAX_ADDITIONAL_CHARS: usize = 2_000;

/// Whether a person shows the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentType {
    /// A person shows it. The text says who, in English.
    Model(&'static str),
    /// The product stands alone.
    NonModel,
}

/// What a merchant chose, in English. A custom text has already taken its label's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether a person shows the product.
    pub content_type: ContentType,
    pub category: &'static str,
    pub pose: Option<String>,
    pub background: Option<String>,
    pub style: Option<String>,
    pub lighting: Option<String>,
    pub camera_angle: Option<String>,
    pub aspect_ratio: Option<&'static str>,
    /// The merchant's own words, added at the end.
    pub additional_prompt: Option<String>,
}

impl Options {
    /// Takes the options out of `fields`; nothing where a required one is missing or wrong. Every fault is
    /// noted in `fields`, those of unknown names too.
    pub fn read(mut fields: Fields<'_>) -> Option<Self> {
        let content_type = read_content_type(&mut fields);
        let category = required(&mut fields, &labels::CATEGORY);
        let pose = open(&mut fields, &labels::POSE);
        let background = open(&mut fields, &labels::BACKGROUND);
        let style = open(&mut fields, &labels::STYLE);
        let lighting = open(&mut fields, &labels::LIGHTING);
        let camera_angle = open(&mut fields, &labels::CAMERA_ANGLE);
        let aspect_ratio = closed(&mut fields, &labels::ASPECT_RATIO);
        let additional_prompt = fields.text("additional_prompt", MAX_ADDITIONAL_CHARS);
        fields.refuse_rest(|_| "is not an option".to_owned());
        Some(Self {
            content_type: content_type?,
            category: category?,
            pose,
            background,
            style,
            lighting,
            camera_angle,
            aspect_ratio,
            additional_prompt,
        })
    }
}

/// Without a content type a person shows the product, and then it must be said who.
fn read_content_type(fields: &mut Fields<'_>) -> Option<ContentType> {
    let given = fields.text(labels::CONTENT_TYPE.field, MAX_OPTION_CHARS);
    let content_type = match &given {
        None => Some("Model"),
        Some(text) => listed(fields, &labels::CONTENT_TYPE, text),
    };
    if content_type == Some("Model") {
        return required(fields, &labels::MODEL_TYPE).map(ContentType::Model);
    }
    // A product alone has no model; a leftover choice is ignored, but a wrong one is still a fault.
    closed(fields, &labels::MODEL_TYPE);
    content_type.map(|_| ContentType::NonModel)
}

fn required(fields: &mut Fields<'_>, list: &List) -> Option<&'static str> {
    match fields.text(list.field, MAX_OPTION_CHARS) {
        Some(text) => listed(fields, list, &text),
        None => {
            fields.missing(list.field, format!("is required: one of {}", list.allowed()));
            None
        }
    }
}

fn closed(fields: &mut Fields<'_>, list: &List) -> Option<&'static str> {
    let text = fields.text(list.field, MAX_OPTION_CHARS)?;
    listed(fields, list, &text)
}

fn listed(fields: &mut Fields<'_>, list: &List, text: &str) -> Option<&'static str> {
    let found = list.find(text);
    if found.is_none() {
        fields.invalid(list.field, format!("must be one of {}", list.allowed()));
    }
    found.map(|label| label.english)
}

/// An open list's text in English, or the custom text in its place when one is given.
fn open(fields: &mut Fields<'_>, list: &List) -> Option<String> {
    let mut text = |field: &str| {
        let text = fields.text(field, MAX_OPTION_CHARS)?;
        Some(list.translate(&text).to_owned())
    };
    let label = text(list.field);
    list.custom_field.and_then(text).or(label)
}
