//! `GET /api/debug/last-prompt`.

use fal_double::Fault;
use serde_json::json;

use crate::harness::{Potret, a_prompt};
use crate::pictures;

#[tokio::test]
async fn before_the_first_generation_there_is_no_prompt() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    assert_eq!(merchant.last_prompt().await.problem(), (404, "no_prompt_log"));
}

#[tokio::test]
async fn text_to_image_is_shown_as_it_was_sent() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    merchant.generate(&a_prompt()).await;
    let mut shown = merchant.last_prompt().await.body;
    assert!(shown["timestamp"].as_str().is_some_and(|at| at.len() == "2026-01-11T06:35:30.766926Z".len()));
    shown["generation_id"] = json!("[id]");
    shown["timestamp"] = json!("[time]");
    insta::assert_json_snapshot!(shown, @r#"
    {
      "generation_id": "[id]",
      "timestamp": "[time]",
      "status": "succeeded",
      "generation_mode": "text-to-image",
      "model": "fal-ai/flux/schnell",
      "request": {
        "has_product_images": false,
        "num_product_images": 0,
        "has_face_image": false,
        "has_background_image": false,
        "has_image_url": false,
        "image_url": null,
        "original_prompt": "A Woman model, for Fashion, photorealistic resolusi HD"
      },
      "enhanced_prompt": "A Woman model, for Fashion, photorealistic resolusi HD",
      "prompt_length": 54,
      "fal_request": {
        "prompt": "A Woman model, for Fashion, photorealistic resolusi HD",
        "image_size": "square_hd",
        "num_inference_steps": 7,
        "guidance_scale": 3.5,
        "model": "fal-ai/flux/schnell"
      },
      "payload": {
        "prompt": "A Woman model, for Fashion, photorealistic resolusi HD",
        "image_size": "square_hd",
        "num_inference_steps": 7,
        "guidance_scale": 3.5
      }
    }
    "#);
}

#[tokio::test]
async fn image_to_image_is_shown_without_signatures() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let answer = merchant
        .generate(&json!({
            "prompt": "a bag", "face_image": pictures::jpeg(), "product_images": [pictures::png(), pictures::webp()],
            "loras": [{"path": "owner/lora", "scale": 0.5}]
        }))
        .await;
    let shown = merchant.last_prompt().await.body;
    assert_eq!(shown["request"]["has_face_image"], true);
    assert_eq!(shown["request"]["has_product_images"], true);
    assert_eq!(shown["request"]["num_product_images"], 2);
    assert_eq!(shown["request"]["has_background_image"], false);
    assert_eq!(shown["request"]["has_image_url"], true);
    assert_eq!(shown["request"]["image_url"], answer.body["debug_info"]["image_urls"][0]);
    assert_eq!(shown["payload"]["image_urls"], answer.body["debug_info"]["image_urls"]);
    assert_eq!(shown["payload"]["loras"], json!([{"path": "owner/lora", "scale": 0.5}]));
    assert_eq!(shown["fal_request"]["model"], "fal-ai/flux-2/lora/edit");
    assert_eq!(shown["payload"].get("model"), None);
}

#[tokio::test]
async fn the_newest_is_shown_whatever_became_of_it() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    for (number, fault) in
        [None, Some(Fault::InternalError), None, Some(Fault::BlackPicture)].into_iter().enumerate()
    {
        potret.fal().clear_faults();
        fault.into_iter().for_each(|fault| potret.fal_fails(fault));
        let answer = merchant.generate(&json!({"prompt": format!("picture {number}")})).await;
        let shown = merchant.last_prompt().await.body;
        assert_eq!(shown["enhanced_prompt"], format!("picture {number}"));
        assert_eq!(shown["status"], if answer.status == 200 { "succeeded" } else { "failed" });
    }
}

#[tokio::test]
async fn another_users_generation_is_never_shown() {
    let potret = Potret::start().await;
    let (one, two) = (potret.user_with("one", 5).await, potret.user_with("two", 5).await);
    one.generate_with_key("same-key", &json!({"prompt": "the first user's"})).await;
    assert_eq!(two.last_prompt().await.problem(), (404, "no_prompt_log"));
    let answer = two.generate_with_key("same-key", &json!({"prompt": "the second user's"})).await;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, None));
    assert_eq!(one.last_prompt().await.body["enhanced_prompt"], "the first user's");
    assert_eq!(two.last_prompt().await.body["enhanced_prompt"], "the second user's");
}
