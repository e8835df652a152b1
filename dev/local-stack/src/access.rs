//! Who may call a local stack: its guards, and the refusal to let others spend the developer's money.

use std::net::SocketAddr;

use anyhow::ensure;
use aws_double::guard::{Guard, is_loopback_origin};
use sam_template::LOOPBACK;

use crate::settings::LocalSettings;

/// The guards of a stack that listens at `listen`: of the API, and of all else.
///
/// The API is also for the pages of `origins`, and for a tunnel from `PUBLIC_URL`, by which fal's webhooks come.
/// What hands out tokens, coins and requests is for this machine, or for the address that the stack is bound to.
#[must_use]
pub fn guards(listen: SocketAddr, settings: &LocalSettings, origins: &[String]) -> (Guard, Guard) {
    let own = Guard::default().bound_to(listen.ip());
    let mut api = own.clone().for_pages_of(origins);
    if let Some(url) = &settings.public_url {
        api = api.reached_by(url);
    }
    (api, own)
}

/// Refuses a stack that spends money and that others than the developer can call.
///
/// # Errors
///
/// When the stack listens beyond this machine, or pages of other sites may call it.
pub fn ensure_private(listen: SocketAddr, origins: &[String]) -> anyhow::Result<()> {
    let foreign = origins.iter().find(|origin| *origin != LOOPBACK && !is_loopback_origin(origin));
    let opened_by = match foreign {
        _ if !listen.ip().is_loopback() => Some(format!("it listens on {listen}")),
        Some(origin) => Some(format!("ALLOWED_ORIGINS has {origin}")),
        None => None,
    };
    ensure!(
        opened_by.is_none(),
        "with FAL_KEY every batch costs money at fal, and others can call this stack, because {}; \
         to let them spend it: --share-fal-key",
        opened_by.unwrap_or_default()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_private_on_a_loopback_address_with_pages_of_this_machine_only() {
        let private = |listen: &str, origins: &[&str]| {
            let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
            ensure_private(listen.parse().unwrap(), &origins).map_err(|error| error.to_string())
        };
        for listen in ["127.0.0.1:3000", "[::1]:0"] {
            assert_eq!(private(listen, &[LOOPBACK, "http://localhost:5173"]), Ok(()));
        }
        for (listen, origins, reason) in [
            ("0.0.0.0:3000", &[LOOPBACK][..], "it listens on 0.0.0.0:3000"),
            ("192.168.1.5:3000", &[], "it listens on 192.168.1.5:3000"),
            (
                "127.0.0.1:3000",
                &[LOOPBACK, "https://shop.example"],
                "ALLOWED_ORIGINS has https://shop.example",
            ),
            ("127.0.0.1:3000", &["*"], "ALLOWED_ORIGINS has *"),
        ] {
            let error = private(listen, origins).unwrap_err();
            assert!(error.contains(reason) && error.contains("--share-fal-key"), "{error}");
        }
    }
}
