//! The labels that front ends send, in both languages: the one table that builder and validation read.

/// One choice of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// As the Indonesian form shows it.
    pub indonesian: &'static str,
    /// As the prompt has it.
    pub english: &'static str,
}

/// The choices of one option.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// The option's field name.
    pub field: &'static str,
    /// Whether only these choices are allowed; an open list passes other texts through.
    pub closed: bool,
    /// The choices.
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
    Label { indonesian, english }
}

/// A label that is the same in both languages.
const fn same(text: &'static str) -> Label {
    Label { indonesian: text, english: text }
}

/// Whether a person shows the product.
pub const CONTENT_TYPE: List =
    List { field: "content_type", closed: true, labels: &[same("Model"), same("Non Model")] };

/// Who shows the product.
pub const MODEL_TYPE: List = List {
    field: "model_type",
    closed: true,
    labels: &[
        label("Wanita", "Woman"),
        label("Pria", "Man"),
        label("Anak LakiLaki", "Boy"),
        label("Anak Perempuan", "Girl"),
        label("Hewan", "Animal"),
        same("Cartoon"),
    ],
};

/// What is sold.
pub const CATEGORY: List = List {
    field: "category",
    closed: true,
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

/// How the product is shown.
pub const POSE: List = List {
    field: "pose",
    closed: false,
    labels: &[
        label("Berdiri santai memegang produk", "Standing casually holding product"),
        label("Duduk sambil memegang produk", "Sitting while holding product"),
        label("Tatap kamera dengan senyum", "Looking at camera with smile"),
        label("Half body dengan ekspresi percaya diri", "Half body with confident expression"),
        label("Mirror selfie menggunakan iPhone", "Mirror selfie using iPhone"),
        label("Berdiri dengan gaya profesional", "Standing in professional style"),
        label("Pose candid casual", "Casual candid"),
        label("Casual selfie menggunakan kamera depan", "Casual selfie using front camera"),
        label("Close-up wajah bersama produk", "Close-up of face together with product"),
        label(
            "Mengangkat produk di depan dada untuk menampilkan detail",
            "Lifting product in front of chest to show its details",
        ),
        label("Berdiri santai sambil memegang tas", "Standing casually while holding bag"),
        label("Pose berjalan santai", "Walking casually"),
        label("Duduk santai mengenakan sepatu", "Sitting casually wearing shoes"),
        label("Tangan menampilkan perhiasan", "Hand displaying jewelry"),
        label("Duduk menikmati produk", "Sitting and enjoying product"),
        label("Tangan memegang produk", "Hand holding product"),
        label("Dua tangan menampilkan produk", "Two hands presenting product"),
        label("Produk diletakkan di meja", "Product placed on table"),
        label("Produk diletakkan di lantai", "Product placed on floor"),
        label("Produk digantung menggunakan hanger", "Product hung on hanger"),
        label("Detail tekstur produk", "Close detail of product texture"),
    ],
};

/// What is behind the product.
pub const BACKGROUND: List = List {
    field: "background",
    closed: false,
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

/// The picture's style.
pub const STYLE: List = List {
    field: "style",
    closed: false,
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

/// The light.
pub const LIGHTING: List = List {
    field: "lighting",
    closed: false,
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

/// Where the camera stands.
pub const CAMERA_ANGLE: List = List {
    field: "camera_angle",
    closed: false,
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
