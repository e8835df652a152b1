//! Options to prompt: a fixed order of parts, each left out when its option is.

use super::{ContentType, Options};

/// The end of every prompt. Front ends and recorded prompts know it in this spelling.
const QUALITY: &str = "photorealistic resolusi HD";

/// The prompt for `options`.
pub fn build(options: &Options) -> String {
    let part = |text: &Option<String>, wrap: fn(&str) -> String| text.as_deref().map(wrap);
    let parts = [
        Some(match options.content_type {
            ContentType::Model(model) => format!("A {model} model"),
            ContentType::NonModel => "Product photography".to_owned(),
        }),
        Some(format!("for {}", options.category)),
        part(&options.pose, |pose| format!("in {pose} pose")),
        part(&options.background, |background| format!("with {background} background")),
        part(&options.style, |style| format!("in {style} style")),
        part(&options.lighting, |lighting| format!("with {lighting} lighting")),
        part(&options.camera_angle, |angle| format!("shot from {angle} angle")),
        options.aspect_ratio.map(|ratio| format!("in {ratio} aspect ratio")),
        options.additional_prompt.clone(),
        Some(QUALITY.to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::labels::{self, List};
    use super::*;
    use crate::validation::{Faults, Fields};

    fn read(options: &Value) -> Result<Options, Faults> {
        let mut faults = Faults::default();
        let object = options.as_object().expect("an object").clone();
        let read = Options::read(Fields::new(object, "/options", &mut faults));
        faults.or_ok(()).map(|()| read.expect("no faults, so options"))
    }

    fn prompt(options: Value) -> String {
        build(&read(&options).expect("valid options"))
    }

    #[test]
    fn the_documented_examples_come_out_exactly() {
        assert_eq!(
            prompt(json!({"model_type": "Wanita", "category": "Fashion"})),
            "A Woman model, for Fashion, photorealistic resolusi HD"
        );
        assert_eq!(
            prompt(json!({
                "content_type": "Model", "model_type": "Wanita", "category": "Fashion",
                "pose": "Mirror selfie menggunakan iPhone", "style": "Cinematic",
                "lighting": "Natural Daylight", "camera_angle": "Eye-Level", "aspect_ratio": "9:16"
            })),
            "A Woman model, for Fashion, in Mirror selfie using iPhone pose, in Cinematic style, with Natural \
             Daylight lighting, shot from Eye-Level angle, in 9:16 aspect ratio, photorealistic resolusi HD"
        );
        assert_eq!(
            prompt(json!({
                "content_type": "Model", "model_type": "Woman", "category": "Fashion",
                "pose": "Berdiri santai memegang produk", "background": "Studio", "style": "Studio Clean",
                "lighting": "Natural Daylight", "camera_angle": "Eye-Level", "aspect_ratio": "3:4",
                "custom_pose_prompt": null, "additional_prompt": ""
            })),
            "A Woman model, for Fashion, in Standing casually holding product pose, with Studio background, in \
             Studio Clean style, with Natural Daylight lighting, shot from Eye-Level angle, in 3:4 aspect ratio, \
             photorealistic resolusi HD"
        );
    }

    #[test]
    fn every_part_in_its_place() {
        insta::assert_snapshot!(prompt(json!({
            "content_type": "non model", "model_type": "Pria", "category": " food &  beverage ",
            "pose": "Produk diletakkan di meja", "custom_pose_prompt": "floating in the air",
            "background": "kamar aesthetic women", "custom_background_prompt": " ",
            "style": "my own style", "custom_style_prompt": null,
            "lighting": "Softbox", "custom_lighting_prompt": "neon",
            "camera_angle": "45° Angle", "aspect_ratio": "1:1", "additional_prompt": " with steam "
        })), @"Product photography, for Food & Beverage, in floating in the air pose, with Aesthetic Women's Room background, in my own style style, with neon lighting, shot from 45° Angle angle, in 1:1 aspect ratio, with steam, photorealistic resolusi HD");
    }

    #[test]
    fn faults_name_the_field_and_what_is_allowed() {
        let faults = read(&json!({
            "content_type": "Robot", "aspect_ratio": "2:1", "pose": 3, "steps": 9, "style": "x".repeat(501)
        }));
        let faults = faults.expect_err("faults");
        let lines: Vec<_> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        /options/content_type must be one of Model, Non Model
        /options/category is required: one of Fashion, Beauty, Bag, Tas, Sandals/Shoes, Sandal/Sepatu, Accessories, Aksesoris, Home Living, Food & Beverage
        /options/pose must be a string
        /options/style must have at most 500 characters
        /options/aspect_ratio must be one of 1:1, 3:4, 4:3, 9:16, 16:9
        /options/steps is not an option
        ");
    }

    #[test]
    fn a_model_must_be_named_and_a_product_alone_need_not() {
        assert!(read(&json!({"category": "Tas"})).is_err());
        assert_eq!(
            prompt(json!({"content_type": "Non Model", "category": "Tas"})),
            "Product photography, for Bag, photorealistic resolusi HD"
        );
    }

    /// Options in which `field` is `text` and everything else is at its simplest.
    fn with(field: &str, text: &str) -> Value {
        let mut options = json!({"content_type": "Model", "model_type": "Cartoon", "category": "Beauty"});
        options[field] = json!(text);
        options
    }

    fn known_labels() -> impl Iterator<Item = (&'static List, labels::Label)> {
        labels::ALL.into_iter().flat_map(|list| list.labels.iter().map(move |label| (list, *label)))
    }

    #[test]
    fn every_label_changes_the_prompt_and_both_languages_agree() {
        for list in labels::ALL {
            let mut prompts: Vec<_> =
                list.labels.iter().map(|label| prompt(with(list.field, label.indonesian))).collect();
            for (label, built) in list.labels.iter().zip(&prompts) {
                assert_eq!(
                    &prompt(with(list.field, &label.english.to_uppercase())),
                    built,
                    "{}",
                    label.english
                );
            }
            prompts.sort_unstable();
            prompts.dedup();
            assert_eq!(prompts.len(), list.labels.len(), "two labels of {} build one prompt", list.field);
        }
    }

    #[test]
    fn no_indonesian_label_survives() {
        let translated = |label: &labels::Label| label.indonesian != label.english;
        for (list, label) in known_labels().filter(|(_, label)| translated(label)) {
            let built = prompt(with(list.field, label.indonesian));
            // With what follows a label, because "Minimalis" is also the beginning of "Minimalist".
            assert!(!built.contains(&format!("{} ", label.indonesian)), "{built}");
            assert!(!built.contains(&format!("{},", label.indonesian)), "{built}");
            assert!(built.contains(label.english), "{built}");
        }
    }

    /// Words that are Indonesian and never English: none may be in the English of a label.
    #[test]
    fn english_labels_hold_no_indonesian_word() {
        let words: Vec<String> = known_labels()
            .filter(|(_, label)| label.indonesian != label.english)
            .flat_map(|(_, label)| {
                label.indonesian.split([' ', '/']).map(str::to_lowercase).collect::<Vec<_>>()
            })
            .collect();
        let shared = [
            "aesthetic",
            "women",
            "men",
            "&",
            "standing",
            "candid",
            "casual",
            "selfie",
            "mirror",
            "iphone",
            "half",
            "body",
            "close-up",
            "interior",
            "detail",
            "hanger",
        ];
        for (_, label) in known_labels() {
            for word in label.english.split([' ', '/']).map(str::to_lowercase) {
                let foreign = words.contains(&word) && !shared.contains(&word.as_str());
                assert!(!foreign, "{word} in {}", label.english);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_of_an_open_list_reaches_the_prompt(text in "[a-zA-Z0-9 ,.°é-]{1,60}") {
            prop_assume!(!text.trim().is_empty());
            for list in [&labels::POSE, &labels::BACKGROUND, &labels::STYLE, &labels::LIGHTING, &labels::CAMERA_ANGLE] {
                let built = prompt(with(list.field, &text));
                prop_assert!(built.contains(list.translate(text.trim())), "{}", built);
                prop_assert!(built.ends_with(", photorealistic resolusi HD"));
                prop_assert_ne!(built, prompt(with(list.field, "")));
            }
        }

        #[test]
        fn any_text_of_a_closed_list_is_known_or_refused(text in "\\PC{1,40}") {
            for list in [&labels::MODEL_TYPE, &labels::CATEGORY, &labels::ASPECT_RATIO] {
                let known = list.find(&text).is_some() || text.trim().is_empty();
                let options = with(list.field, &text);
                prop_assert!(read(&options).is_ok() == (known && !(text.trim().is_empty() && list.field != "aspect_ratio")));
            }
        }
    }
}
