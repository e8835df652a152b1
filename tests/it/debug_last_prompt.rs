//! `GET /api/debug/last-prompt`.

use fal_double::Fault;
use serde_json::json;

use crate::harness::Potret;
use crate::pictures;

#[tokio::test]
async fn image_to_image_is_shown_without_signatures() {
    let (_potret, merchant) = Potret::with_merchant(5).await;
    let loras = json!([{"path": "owner/lora", "scale": 0.5}]);
    let photos = [pictures::png(), pictures::webp()];
    let body =
        json!({"prompt": "a bag", "face_image": pictures::jpeg(), "product_images": photos, "loras": loras});
    let created = merchant.generate(&body).await;
    let urls = &created.body["debug_info"]["image_urls"];
    let shown = merchant.last_prompt().await.body;
    let expected = json!({
        "has_product_images": true, "num_product_images": 2, "has_face_image": true,
        "has_background_image": false, "has_image_url": true, "image_url": urls[0], "original_prompt": "a bag"
    });
    assert_eq!(shown["request"], expected);
    assert_eq!((&shown["payload"]["image_urls"], &shown["payload"]["loras"]), (urls, &loras));
    assert_eq!(shown["fal_request"]["model"], "fal-ai/flux-2/lora/edit");
    assert_eq!(shown["payload"].get("model"), None);
}

#[tokio::test]
async fn the_newest_generation_is_shown_whether_it_succeeded_or_failed() {
    let (potret, merchant) = Potret::with_merchant(5).await;
    let faults = [None, Some(Fault::InternalError), None, Some(Fault::BlackPicture)];
    for (number, fault) in faults.into_iter().enumerate() {
        potret.fal().clear_faults();
        fault.into_iter().for_each(|fault| potret.fal_fails(fault));
        let response = merchant.generate(&json!({"prompt": format!("picture {number}")})).await;
        let shown = merchant.last_prompt().await.body;
        assert_eq!(shown["enhanced_prompt"], format!("picture {number}"));
        assert_eq!(shown["status"], if response.status == 200 { "succeeded" } else { "failed" });
    }
}

#[tokio::test]
async fn another_users_generation_is_never_shown() {
    let potret = Potret::start().await;
    let (one, two) = (potret.user_with("one", 5).await, potret.user_with("two", 5).await);
    one.generate_with_key("same-key", &json!({"prompt": "the prompt of one"})).await;
    assert_eq!(two.last_prompt().await.problem(), (404, "no_prompt_log"));
    let response = two.generate_with_key("same-key", &json!({"prompt": "the prompt of two"})).await;
    assert_eq!((response.status, response.header("idempotency-replayed")), (200, None));
    assert_eq!(one.last_prompt().await.body["enhanced_prompt"], "the prompt of one");
    assert_eq!(two.last_prompt().await.body["enhanced_prompt"], "the prompt of two");
}
