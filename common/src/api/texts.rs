//! The titles and details of problems, in both languages.

use strum::VariantArray;

use super::Code;

/// A language that people are answered in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// The default.
    #[default]
    English,
    /// `Accept-Language: id`.
    Indonesian,
}

impl Language {
    /// The language that an `Accept-Language` header prefers (RFC 9110, section 12.5.4).
    pub fn preferred(header: &str) -> Self {
        let mut best = (Self::English, 0.0);
        for range in header.split(',') {
            let (tag, quality) = range.split_once(";q=").unwrap_or((range, "1"));
            let language =
                match tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                    "id" => Self::Indonesian,
                    "en" | "*" => Self::English,
                    _ => continue,
                };
            let quality = quality.trim().parse().unwrap_or(0.0);
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Indonesian => "id",
        }
    }
}

/// A text in English and in Indonesian.
#[derive(Debug, Clone, Copy)]
pub struct Text(&'static str, &'static str);

impl Text {
    pub const fn in_language(self, language: Language) -> &'static str {
        match language {
            Language::English => self.0,
            Language::Indonesian => self.1,
        }
    }
}

impl Code {
    /// The kind of problem, for a person.
    pub const fn title(self) -> Text {
        match self {
            Self::MalformedRequest => Text("The request cannot be read", "Permintaan tidak dapat dibaca"),
            Self::Unauthenticated => Text("Not signed in", "Belum masuk"),
            Self::InsufficientCoins => Text("Not enough coins", "Koin tidak cukup"),
            Self::NoPromptLog => Text("No prompt yet", "Belum ada prompt"),
            Self::NotFound => Text("Not found", "Tidak ditemukan"),
            Self::MethodNotAllowed => Text("Method not allowed", "Metode tidak diizinkan"),
            Self::UnsupportedMediaType => Text("Unsupported media type", "Jenis media tidak didukung"),
            Self::GenerationInProgress => Text("Still running", "Masih berjalan"),
            Self::PayloadTooLarge => Text("Too large", "Terlalu besar"),
            Self::InvalidRequest => Text("The request is not valid", "Permintaan tidak sah"),
            Self::InvalidImage => Text("Not a usable image", "Gambar tidak dapat dipakai"),
            Self::ContentRejected => Text("Content rejected", "Konten ditolak"),
            Self::IdempotencyKeyReused => {
                Text("Idempotency-Key used before", "Idempotency-Key sudah pernah dipakai")
            }
            Self::TooManyGenerations => Text("Too many at the same time", "Terlalu banyak sekaligus"),
            Self::TooManyFailures => Text("Too many failed", "Terlalu banyak yang gagal"),
            Self::ImageProviderFailed => Text("The image provider failed", "Penyedia gambar gagal"),
            Self::ImageProviderBusy => Text("The image provider is busy", "Penyedia gambar sedang sibuk"),
            Self::TryAgain => Text("Please try again", "Silakan coba lagi"),
            Self::ImageProviderTimeout => {
                Text("The image provider took too long", "Penyedia gambar terlalu lama")
            }
            Self::InternalError => Text("Something went wrong", "Terjadi kesalahan"),
        }
    }
}

/// What happened, for a person. Each detail belongs to one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Detail {
    NotJson,
    NotAnObject,
    TooManyValues,
    UnreadableHeader,
    UnusableIdempotencyKey,
    UnreadableImage,
    SignIn,
    ForgedWebhook,
    TooFewCoins,
    NothingGenerated,
    NoSuchAddress,
    NoSuchGeneration,
    OtherMethod,
    JsonExpected,
    BatchRunning,
    ImageTooLarge,
    InvalidFields,
    InvalidParameter,
    ValueRefused,
    NotAnImage,
    PhotoRefused,
    Unsafe,
    KeyReused,
    SeveralRunning,
    SeveralFailed,
    ProviderFailed,
    ProviderBusy,
    DatabaseBusy,
    PhotosUnreachable,
    OutcomeUnknown,
    TimeIsUp,
    ProviderTooSlow,
    LeaseLost,
    Internal,
}

impl Detail {
    pub const ALL: &[Self] = Self::VARIANTS;

    pub const fn code(self) -> Code {
        self.row().0
    }

    /// Its text; `{}` stands for what the problem is about.
    pub const fn text(self) -> Text {
        self.row().1
    }

    const fn row(self) -> (Code, Text) {
        match self {
            Self::NotJson => (
                Code::MalformedRequest,
                Text("The body is not JSON: see line {}.", "Isi permintaan bukan JSON: lihat baris {}."),
            ),
            Self::NotAnObject => (
                Code::MalformedRequest,
                Text("The body must be a JSON object.", "Isi permintaan harus berupa objek JSON."),
            ),
            Self::TooManyValues => (
                Code::MalformedRequest,
                Text("The body holds too many values.", "Isi permintaan memuat terlalu banyak nilai."),
            ),
            Self::UnreadableHeader => (
                Code::MalformedRequest,
                Text("The header {} is not plain text.", "Header {} bukan teks biasa."),
            ),
            Self::UnusableIdempotencyKey => (
                Code::MalformedRequest,
                Text(
                    "The Idempotency-Key must be 1 to 255 visible ASCII characters, bare or in double quotes.",
                    "Idempotency-Key harus 1 sampai 255 karakter ASCII yang terlihat, dengan atau tanpa tanda kutip ganda.",
                ),
            ),
            Self::UnreadableImage => (
                Code::MalformedRequest,
                Text(
                    "An image could not be read from the request.",
                    "Sebuah gambar tidak dapat dibaca dari permintaan.",
                ),
            ),
            Self::SignIn => {
                (Code::Unauthenticated, Text("Please sign in.", "Silakan masuk terlebih dahulu."))
            }
            Self::ForgedWebhook => (
                Code::Unauthenticated,
                Text("The signature is not fal's.", "Tanda tangan ini bukan dari fal."),
            ),
            Self::TooFewCoins => (
                Code::InsufficientCoins,
                Text(
                    "You do not have enough coins for this batch.",
                    "Koin Anda tidak cukup untuk pembuatan gambar ini.",
                ),
            ),
            Self::NothingGenerated => (
                Code::NoPromptLog,
                Text("You have not generated anything yet.", "Anda belum pernah membuat gambar."),
            ),
            Self::NoSuchAddress => (
                Code::NotFound,
                Text("There is nothing at this address.", "Tidak ada apa pun di alamat ini."),
            ),
            Self::NoSuchGeneration => (
                Code::NotFound,
                Text("You have no such generation.", "Anda tidak memiliki pembuatan gambar itu."),
            ),
            Self::OtherMethod => {
                (Code::MethodNotAllowed, Text("This address takes {} only.", "Alamat ini hanya menerima {}."))
            }
            Self::JsonExpected => (
                Code::UnsupportedMediaType,
                Text(
                    "The body must be sent as application/json.",
                    "Isi permintaan harus dikirim sebagai application/json.",
                ),
            ),
            Self::BatchRunning => (
                Code::GenerationInProgress,
                Text("This batch is still running.", "Pembuatan gambar ini masih berjalan."),
            ),
            Self::ImageTooLarge => {
                (Code::PayloadTooLarge, Text("An image is too large.", "Sebuah gambar terlalu besar."))
            }
            Self::InvalidFields => (
                Code::InvalidRequest,
                Text(
                    "Some fields of the request are not valid.",
                    "Beberapa isian dalam permintaan tidak sah.",
                ),
            ),
            Self::InvalidParameter => (
                Code::InvalidRequest,
                Text("A parameter of the query is not valid.", "Sebuah parameter kueri tidak sah."),
            ),
            Self::ValueRefused => (
                Code::InvalidRequest,
                Text(
                    "The image provider did not accept a value. Nothing was charged.",
                    "Penyedia gambar tidak menerima sebuah isian. Koin Anda tidak berkurang.",
                ),
            ),
            Self::NotAnImage => (
                Code::InvalidImage,
                Text(
                    "A photo is not a PNG, JPEG or WebP image, or not there.",
                    "Sebuah foto bukan gambar PNG, JPEG, atau WebP, atau tidak ada.",
                ),
            ),
            Self::PhotoRefused => (
                Code::InvalidImage,
                Text(
                    "The image provider could not use one of the photos. Nothing was charged.",
                    "Penyedia gambar tidak dapat memakai salah satu foto. Koin Anda tidak berkurang.",
                ),
            ),
            Self::Unsafe => (
                Code::ContentRejected,
                Text(
                    "The prompt or a picture was rejected as unsafe. Nothing was charged.",
                    "Prompt atau gambar ditolak karena tidak aman. Koin Anda tidak berkurang.",
                ),
            ),
            Self::KeyReused => (
                Code::IdempotencyKeyReused,
                Text(
                    "This Idempotency-Key was used for another request.",
                    "Idempotency-Key ini sudah dipakai untuk permintaan lain.",
                ),
            ),
            Self::SeveralRunning => (
                Code::TooManyGenerations,
                Text(
                    "Several of your batches are running. Please wait for one to end.",
                    "Beberapa pembuatan gambar Anda sedang berjalan. Tunggu sampai salah satunya selesai.",
                ),
            ),
            Self::SeveralFailed => (
                Code::TooManyFailures,
                Text(
                    "Too many of your batches failed today. Nothing was charged. Please come back later.",
                    "Terlalu banyak pembuatan gambar Anda yang gagal hari ini. Tidak ada koin yang terpakai. Silakan kembali nanti.",
                ),
            ),
            Self::ProviderFailed => (
                Code::ImageProviderFailed,
                Text(
                    "The image provider could not make the pictures. Nothing was charged.",
                    "Penyedia gambar tidak dapat membuat gambar. Koin Anda tidak berkurang.",
                ),
            ),
            Self::ProviderBusy => (
                Code::ImageProviderBusy,
                Text(
                    "The image provider is busy. Nothing was charged; please try again in a moment.",
                    "Penyedia gambar sedang sibuk. Koin Anda tidak berkurang; silakan coba lagi sebentar lagi.",
                ),
            ),
            Self::DatabaseBusy => (
                Code::TryAgain,
                Text(
                    "We could not reach our database. Nothing was charged; please try again.",
                    "Kami tidak dapat mencapai basis data. Koin Anda tidak berkurang; silakan coba lagi.",
                ),
            ),
            Self::PhotosUnreachable => (
                Code::TryAgain,
                Text(
                    "We could not reach your photos. Nothing was charged; please try again.",
                    "Kami tidak dapat mencapai foto Anda. Koin Anda tidak berkurang; silakan coba lagi.",
                ),
            ),
            Self::OutcomeUnknown => (
                Code::TryAgain,
                Text(
                    "We could not confirm what became of this batch. If it was paid, its pictures are in your \
                     generations; if not, the coins come back within two minutes.",
                    "Kami tidak dapat memastikan hasil pembuatan gambar ini. Jika sudah dibayar, gambarnya ada di \
                     daftar Anda; jika belum, koin kembali dalam dua menit.",
                ),
            ),
            Self::TimeIsUp => (
                Code::TryAgain,
                Text(
                    "We could not confirm the outcome in time. If a batch was paid, its pictures are in your \
                     generations; please try again.",
                    "Kami tidak dapat memastikan hasilnya tepat waktu. Jika sudah dibayar, gambarnya ada di daftar \
                     Anda; silakan coba lagi.",
                ),
            ),
            Self::ProviderTooSlow => (
                Code::ImageProviderTimeout,
                Text(
                    "The image provider took too long. Nothing was charged.",
                    "Penyedia gambar terlalu lama. Koin Anda tidak berkurang.",
                ),
            ),
            Self::LeaseLost => (
                Code::ImageProviderTimeout,
                Text(
                    "The batch took too long and was given up. Nothing was charged.",
                    "Pembuatan gambar terlalu lama dan dihentikan. Koin Anda tidak berkurang.",
                ),
            ),
            Self::Internal => (
                Code::InternalError,
                Text(
                    "Something went wrong on our side. Nothing was charged for this request.",
                    "Terjadi kesalahan di pihak kami. Koin Anda tidak berkurang untuk permintaan ini.",
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_missing_in_either_language() {
        let titles = Code::ALL.iter().map(|code| code.title());
        let details = Detail::ALL.iter().map(|detail| detail.text());
        for text in titles.chain(details) {
            let Text(english, indonesian) = text;
            assert!(!english.is_empty() && !indonesian.is_empty() && english != indonesian, "{text:?}");
            assert_eq!(english.matches("{}").count(), indonesian.matches("{}").count(), "{text:?}");
        }
        for code in Code::ALL {
            assert!(Detail::ALL.iter().any(|detail| detail.code() == *code), "{code:?} has no detail");
        }
    }

    #[test]
    fn the_accept_language_header_chooses_the_language() {
        use Language::{English, Indonesian};
        for (header, language) in [
            ("id", Indonesian),
            ("id-ID,id;q=0.9,en;q=0.8", Indonesian),
            ("ID", Indonesian),
            ("fr, id;q=0.5", Indonesian),
            ("en-US,en;q=0.9,id;q=0.8", English),
            ("", English),
            ("fr", English),
            ("*", English),
            ("id;q=0", English),
            ("id;q=x, en;q=0.1", English),
            ("idx", English),
        ] {
            assert_eq!(Language::preferred(header), language, "{header}");
        }
    }
}
