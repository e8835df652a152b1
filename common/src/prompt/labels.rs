//! The labels that front ends send, in both languages: the one table that builder and validation read.

/// One choice of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// As the Indonesian form shows it.
    pub indonesian: &'static str,
    /// As the prompt has it.
    pub english: &'static str,
    /// Where a form should offer it. The builder accepts it everywhere.
    pub offered: Offered,
}

/// With which other choices a form should offer a label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offered {
    /// With this content type, or with any.
    pub content_type: Option<&'static str>,
    /// With these categories, or with any if there are none.
    pub categories: &'static [&'static str],
}

/// The choices of one option.
#[derive(Debug, Clone, Copy)]
pub struct List {
    pub field: &'static str,
    /// Whether only these choices are allowed. An open list accepts other texts.
    pub closed: bool,
    /// The field whose text takes the choice's place, if there is one.
    pub custom_field: Option<&'static str>,
    pub labels: &'static [Label],
}

impl List {
    /// The label that `text` is, in either language and any case.
    pub fn find(&self, text: &str) -> Option<&'static Label> {
        let wanted = folded(text);
        self.labels.iter().find(|label| folded(label.indonesian) == wanted || folded(label.english) == wanted)
    }

    /// The English for `text`, or `text` itself where the list does not know it.
    pub fn translate<'t>(&self, text: &'t str) -> &'t str {
        self.find(text).map_or(text, |label| label.english)
    }

    /// The allowed texts, for a message.
    pub fn allowed(&self) -> String {
        let mut texts: Vec<&str> = Vec::new();
        for text in self.labels.iter().flat_map(|label| [label.english, label.indonesian]) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.join(", ")
    }
}

/// Lower case, with every run of white space made one space.
fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

const fn label(indonesian: &'static str, english: &'static str) -> Label {
    Label { indonesian, english, offered: Offered { content_type: None, categories: &[] } }
}

/// A label that is the same in both languages.
const fn same(text: &'static str) -> Label {
    label(text, text)
}

/// Whether a person shows the product.
pub const CONTENT_TYPE: List = List {
    field: "content_type",
    closed: true,
    custom_field: None,
    labels: &[same("Model"), same("Non Model")],
};

pub const MODEL_TYPE: List = List {
    field: "model_type",
    closed: true,
    custom_field: None,
    labels: &[
        label("Wanita", "Woman"),
        label("Pria", "Man"),
        label("Anak LakiLaki", "Boy"),
        label("Anak Perempuan", "Girl"),
        label("Hewan", "Animal"),
        same("Cartoon"),
    ],
};

pub const CATEGORY: List = List {
    field: "category",
    closed: true,
    custom_field: None,
    labels: &[
        same("Fashion"),
        same("Beauty"),
        label("Tas", "Bag"),
        label("Sandal/Sepatu", "Sandals/Shoes"),
        label("Aksesoris", "Accessories"),
        same("Home Living"),
        same("Food & Beverage"),
    ],
};

impl Label {
    /// Offered where a person shows a product of `categories`, or any product if none is named.
    const fn of_a_model(self, categories: &'static [&'static str]) -> Self {
        Self { offered: Offered { content_type: Some("Model"), categories }, ..self }
    }

    /// Offered where the product of `categories`, or any product if none is named, stands alone.
    const fn of_a_product(self, categories: &'static [&'static str]) -> Self {
        Self { offered: Offered { content_type: Some("Non Model"), categories }, ..self }
    }
}

/// How the product is shown. Forms offer the poses that suit the content type and the category.
pub const POSE: List = List {
    field: "pose",
    closed: false,
    custom_field: Some("custom_pose_prompt"),
    labels: &[
        label("Berdiri santai memegang produk", "Standing casually holding product").of_a_model(&[]),
        label("Duduk sambil memegang produk", "Sitting while holding product").of_a_model(&[]),
        label("Tatap kamera dengan senyum", "Looking at camera with smile").of_a_model(&[]),
        label("Half body dengan ekspresi percaya diri", "Half body with confident expression")
            .of_a_model(&[]),
        label("Mirror selfie menggunakan iPhone", "Mirror selfie using iPhone").of_a_model(&[
            "Fashion",
            "Bag",
            "Sandals/Shoes",
            "Accessories",
        ]),
        label("Berdiri dengan gaya profesional", "Standing in professional style")
            .of_a_model(&["Fashion", "Bag"]),
        label("Pose candid casual", "Casual candid").of_a_model(&["Fashion", "Bag", "Sandals/Shoes"]),
        label("Casual selfie menggunakan kamera depan", "Casual selfie using front camera").of_a_model(&[
            "Fashion",
            "Beauty",
            "Accessories",
        ]),
        label("Close-up wajah bersama produk", "Close-up of face together with product")
            .of_a_model(&["Beauty", "Accessories"]),
        label(
            "Mengangkat produk di depan dada untuk menampilkan detail",
            "Lifting product in front of chest to show its details",
        )
        .of_a_model(&["Beauty", "Home Living", "Food & Beverage"]),
        label("Berdiri santai sambil memegang tas", "Standing casually while holding bag")
            .of_a_model(&["Bag"]),
        label("Pose berjalan santai", "Walking casually").of_a_model(&["Fashion", "Bag", "Sandals/Shoes"]),
        label("Duduk santai mengenakan sepatu", "Sitting casually wearing shoes")
            .of_a_model(&["Sandals/Shoes"]),
        label("Tangan menampilkan perhiasan", "Hand displaying jewelry").of_a_model(&["Accessories"]),
        label("Duduk menikmati produk", "Sitting and enjoying product")
            .of_a_model(&["Home Living", "Food & Beverage"]),
        label("Tangan memegang produk", "Hand holding product").of_a_product(&[]),
        label("Dua tangan menampilkan produk", "Two hands presenting product").of_a_product(&[]),
        label("Produk diletakkan di meja", "Product placed on table").of_a_product(&[]),
        label("Produk diletakkan di lantai", "Product placed on floor").of_a_product(&[]),
        label("Produk digantung menggunakan hanger", "Product hung on hanger")
            .of_a_product(&["Fashion", "Bag"]),
        label("Detail tekstur produk", "Close detail of product texture").of_a_product(&[]),
    ],
};

/// What is behind the product.
pub const BACKGROUND: List = List {
    field: "background",
    closed: false,
    custom_field: Some("custom_background_prompt"),
    labels: &[
        same("Studio"),
        label("Kamar Aesthetic Women", "Aesthetic Women's Room"),
        label("Kamar Aesthetic Men", "Aesthetic Men's Room"),
        label("Minimalis", "Minimalist"),
        label("Jalan", "Street"),
        label("Lantai Vynil & Gorden", "Vinyl Floor & Curtain"),
        label("Dinding", "Wall"),
        label("Karpet & Standing Lampu", "Carpet & Standing Lamp"),
        label("Meja Aesthetic", "Aesthetic Table"),
        label("Karpet", "Carpet"),
        label("Gorden", "Curtain"),
        label("Tembok Polos", "Plain Wall"),
        label("Interior Mobil", "Car Interior"),
        same("Mall"),
        label("Hapus Latar", "Removed Plain White"),
    ],
};

pub const STYLE: List = List {
    field: "style",
    closed: false,
    custom_field: Some("custom_style_prompt"),
    labels: &[
        same("Studio Clean"),
        same("Lifestyle"),
        same("Editorial"),
        same("Minimalist"),
        same("Cinematic"),
        same("Flat Lay"),
        same("Macro"),
        same("Outdoor Cafe"),
    ],
};

pub const LIGHTING: List = List {
    field: "lighting",
    closed: false,
    custom_field: Some("custom_lighting_prompt"),
    labels: &[
        same("Natural Daylight"),
        same("Golden Hour"),
        same("Sunset Glow"),
        same("Softbox"),
        same("Ring Light"),
        same("Low-key"),
        same("High-key"),
    ],
};

pub const CAMERA_ANGLE: List = List {
    field: "camera_angle",
    closed: false,
    custom_field: None,
    labels: &[
        same("Eye-Level"),
        same("45° Angle"),
        same("Medium Shot"),
        same("Macro Close-Up"),
        same("Wide Full Body"),
    ],
};

/// The picture's shape, said in the prompt.
pub const ASPECT_RATIO: List = List {
    field: "aspect_ratio",
    closed: true,
    custom_field: None,
    labels: &[same("1:1"), same("3:4"), same("4:3"), same("9:16"), same("16:9")],
};

/// Every list, in the order of the prompt.
pub const ALL: [&List; 9] = [
    &CONTENT_TYPE,
    &MODEL_TYPE,
    &CATEGORY,
    &POSE,
    &BACKGROUND,
    &STYLE,
    &LIGHTING,
    &CAMERA_ANGLE,
    &ASPECT_RATIO,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_is_offered_with_is_in_its_list() {
        for label in ALL.iter().flat_map(|list| list.labels) {
            let Offered { content_type, categories } = label.offered;
            assert!(
                content_type.is_none_or(|text| CONTENT_TYPE.labels.iter().any(|known| known.english == text))
            );
            for category in categories {
                assert!(CATEGORY.labels.iter().any(|known| known.english == *category), "{category}");
            }
        }
    }

    #[test]
    fn every_content_type_and_category_has_poses() {
        for content_type in CONTENT_TYPE.labels {
            for category in CATEGORY.labels {
                let offered = POSE.labels.iter().filter(|pose| {
                    let Offered { content_type: with, categories } = pose.offered;
                    with.is_none_or(|with| with == content_type.english)
                        && (categories.is_empty() || categories.contains(&category.english))
                });
                assert!(offered.count() >= 4, "{} {}", content_type.english, category.english);
            }
        }
    }
}
