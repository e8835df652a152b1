//! The DynamoDB tables by their names, one type each, so that none is taken for another.

use crate::settings::Settings;

/// A newtype of a table's name, read from one setting.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident, $setting:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Reads `", $setting, "`.")]
            pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
                settings.required($setting).map(Self)
            }

            /// The table with this name.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            pub fn name(&self) -> &str {
                &self.0
            }
        }
    };
}

table! {
    /// Users and their coins.
    ProfilesTable, "PROFILES_TABLE"
}

table! {
    /// What was asked for and delivered.
    GenerationsTable, "GENERATIONS_TABLE"
}

table! {
    /// Every change of a settled balance.
    LedgerTable, "LEDGER_TABLE"
}

/// The tables that a batch changes: all three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    pub profiles: ProfilesTable,
    pub generations: GenerationsTable,
    pub ledger: LedgerTable,
}

impl Tables {
    /// Reads the names of all three.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let (profiles, generations) = (ProfilesTable::load(settings), GenerationsTable::load(settings));
        let ledger = LedgerTable::load(settings);
        Some(Self { profiles: profiles?, generations: generations?, ledger: ledger? })
    }
}
