//! `GET /api/coin-balance`: what the caller has and can spend.

use common::api::{self, Call, Endpoint, Problem, Response, Route};
use common::function::{Function, Platform, StartError};
use common::identity::UserId;
use common::ledger::Profiles;
use common::settings::Settings;
use common::tables::ProfilesTable;
use serde_json::json;

#[derive(Debug)]
pub struct CoinBalance {
    profiles: Profiles,
}

impl Function for CoinBalance {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = ProfilesTable;

    fn load(settings: &mut Settings<'_>) -> Option<ProfilesTable> {
        ProfilesTable::load(settings)
    }

    async fn connect(table: ProfilesTable, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self { profiles: Profiles::new(platform.aws()?.dynamodb(), table) })
    }
}

impl Endpoint for CoinBalance {
    type Caller = UserId;
    const ROUTES: &'static [Route] = &[Route::get("/api/coin-balance")];

    async fn respond(&self, call: Call<'_, UserId>) -> Result<Response, Problem> {
        let user_id = &call.caller;
        let balance = self.profiles.balance(user_id, call.clock.arrived_at()).await?;
        api::ok(&json!({
            "user_id": user_id,
            "coins_balance": balance.settled,
            "coins_available": balance.available,
        }))
    }
}
