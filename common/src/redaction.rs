//! Cutting secrets out of URLs before they reach a response, a log or a table.

/// `url` without its query string and fragment, where signatures are, and without a user name and password; a
/// `data:` URL without its data. Only this form may reach a response, a log or a table.
pub fn without_secrets(url: &str) -> String {
    if let Some((label, _)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        return format!("data:{label},…");
    }
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_and_image_data_are_cut() {
        assert_eq!(without_secrets("https://b/face.jpg?X-Amz-Signature=abc#f"), "https://b/face.jpg");
        assert_eq!(without_secrets("https://user:pa@ss@b:1/a@c?d"), "https://b:1/a@c");
        assert_eq!(without_secrets("owner/name"), "owner/name");
        assert_eq!(without_secrets("data:image/png;base64,AAAA"), "data:image/png;base64,…");
    }
}
