//! `POST /api/generate-image`: what goes in, what goes to fal, what comes out.

use kit::events::HttpApiEvent;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Potret, Setup, a_prompt};
use crate::pictures;

/// An answer's body with everything that differs from run to run replaced.
fn redacted(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut body = answer.body.clone();
    body["generation_id"] = json!("[id]");
    for place in ["/images", "/debug_info/image_urls"] {
        for url in body.pointer_mut(place).and_then(Value::as_array_mut).into_iter().flatten() {
            let name = url.as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned();
            *url =
                json!(if place == "/images" { "[picture]".to_owned() } else { format!("[url of {name}]") });
        }
    }
    body
}

#[tokio::test]
async fn a_prompt_becomes_two_pictures_for_a_coin() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 10).await;
    let answer = merchant.generate(&a_prompt()).await;
    assert_ne!(answer.body["images"][0], answer.body["images"][1]);
    insta::assert_json_snapshot!(redacted(&answer), @r#"
    {
      "generation_id": "[id]",
      "images": [
        "[picture]",
        "[picture]"
      ],
      "remaining_coins": 9,
      "debug_info": {
        "prompt_sent": "A Woman model, for Fashion, photorealistic resolusi HD",
        "model": "fal-ai/flux/schnell",
        "generation_mode": "text-to-image",
        "image_urls": [],
        "image_size": "square_hd",
        "strength": null,
        "num_inference_steps": 7,
        "guidance_scale": 3.5,
        "loras": [],
        "dropped_inputs": []
      }
    }
    "#);
    for url in answer.body["images"].as_array().unwrap() {
        let picture = potret.http.get(url.as_str().unwrap()).send().await.unwrap().bytes().await.unwrap();
        let picture = image::load_from_memory(&picture).expect("a picture");
        assert_eq!((picture.width(), picture.height()), (1024, 1024));
    }
    assert_eq!(merchant.coins().await, (9, 9));
    let sent = json!({
        "prompt": "A Woman model, for Fashion, photorealistic resolusi HD", "image_size": "square_hd",
        "num_inference_steps": 7, "guidance_scale": 3.5
    });
    assert_eq!(potret.asked_of_fal(), [sent.clone(), sent]);
    assert!(potret.fal().requests().iter().all(|request| request.dropped_fields.is_empty()));
    potret.audit().await;
}

#[tokio::test]
async fn options_become_the_prompt() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let answer = merchant
        .generate(&json!({"prompt": null, "options": {
            "content_type": "Model", "model_type": "Wanita", "category": "Fashion",
            "pose": "Mirror selfie menggunakan iPhone", "custom_pose_prompt": null, "background": null,
            "style": "Cinematic", "lighting": "Natural Daylight", "camera_angle": "Eye-Level", "aspect_ratio": "9:16"
        }}))
        .await;
    assert_eq!(
        answer.body["debug_info"]["prompt_sent"],
        "A Woman model, for Fashion, in Mirror selfie using iPhone pose, in Cinematic style, with Natural Daylight \
         lighting, shot from Eye-Level angle, in 9:16 aspect ratio, photorealistic resolusi HD"
    );
}

#[tokio::test]
async fn photos_go_to_the_editing_model_in_their_order() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 10).await;
    let answer = merchant
        .generate(&json!({
            "prompt": "a bag", "background_image": pictures::webp(), "product_images": [pictures::png(), pictures::jpeg()],
            "face_image": pictures::jpeg(), "loras": [{"path": "owner/lora"}, {"path": "owner/other", "scale": 0.25}]
        }))
        .await;
    insta::assert_json_snapshot!(redacted(&answer), @r#"
    {
      "generation_id": "[id]",
      "images": [
        "[picture]",
        "[picture]"
      ],
      "remaining_coins": 9,
      "debug_info": {
        "prompt_sent": "a bag",
        "model": "fal-ai/flux-2/lora/edit",
        "generation_mode": "image-to-image",
        "image_urls": [
          "[url of face.jpg]",
          "[url of product-1.png]",
          "[url of product-2.jpg]",
          "[url of background.webp]"
        ],
        "image_size": null,
        "strength": 0.65,
        "num_inference_steps": 7,
        "guidance_scale": 3.5,
        "loras": [
          {
            "path": "owner/lora",
            "scale": 1.0
          },
          {
            "path": "owner/other",
            "scale": 0.25
          }
        ],
        "dropped_inputs": []
      }
    }
    "#);
    let asked = potret.asked_of_fal();
    assert_eq!(asked.len(), 2);
    for body in &asked {
        let urls: Vec<_> =
            body["image_urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap()).collect();
        assert!(
            urls.iter().all(|url| url.contains("X-Amz-Signature=") && url.contains("X-Amz-Expires=3600"))
        );
        let mut rest = body.clone();
        rest.as_object_mut().unwrap().remove("image_urls");
        assert_eq!(
            rest,
            json!({
                "prompt": "a bag", "num_inference_steps": 7, "guidance_scale": 3.5, "strength": 0.65,
                "loras": [{"path": "owner/lora", "scale": 1.0}, {"path": "owner/other", "scale": 0.25}]
            })
        );
    }
    // The one documented field that the endpoint does not know.
    assert!(potret.fal().requests().iter().all(|request| request.dropped_fields == ["strength"]));
    potret.audit().await;
}

#[tokio::test]
async fn the_general_model_gets_the_first_photo_and_the_others_are_named() {
    let setup = Setup::default().setting("IMAGE_TO_IMAGE_MODEL", "fal-ai/flux-general/image-to-image");
    let potret = setup.setting("NUM_INFERENCE_STEPS", "4").start().await;
    let merchant = potret.user_with("merchant", 10).await;
    let body = json!({"prompt": "a bag", "product_images": [pictures::png(), pictures::jpeg()], "background_image": pictures::png()});
    let answer = merchant.generate(&body).await;
    insta::assert_json_snapshot!(redacted(&answer), @r#"
    {
      "generation_id": "[id]",
      "images": [
        "[picture]",
        "[picture]"
      ],
      "remaining_coins": 9,
      "debug_info": {
        "prompt_sent": "a bag",
        "model": "fal-ai/flux-general/image-to-image",
        "generation_mode": "image-to-image",
        "image_urls": [
          "[url of product-1.png]"
        ],
        "image_size": null,
        "strength": 0.5,
        "num_inference_steps": 4,
        "guidance_scale": 3.5,
        "loras": [],
        "dropped_inputs": [
          "product_images[1]",
          "background_image"
        ]
      }
    }
    "#);
    let mut sent = potret.asked_of_fal().remove(0);
    assert!(sent["image_url"].as_str().unwrap().contains("/product-1.png?"));
    sent["image_url"] = json!("[url]");
    assert_eq!(
        sent,
        json!({
            "prompt": "a bag", "image_url": "[url]", "image_strength": 0.5, "strength": 0.5, "num_inference_steps": 4,
            "guidance_scale": 3.5
        })
    );
    let too_many = json!({"prompt": "a bag", "product_images": vec![pictures::png(); 21]});
    assert_eq!(merchant.generate(&too_many).await.problem(), (422, "invalid_request"));
    let many = json!({"prompt": "a bag", "product_images": vec![pictures::png(); 6]});
    assert_eq!(
        merchant.generate(&many).await.body["debug_info"]["dropped_inputs"].as_array().map(Vec::len),
        Some(5)
    );
}

#[tokio::test]
async fn loras_without_a_photo_are_named_as_dropped() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let answer = merchant.generate(&json!({"prompt": "a bag", "loras": [{"path": "owner/lora"}]})).await;
    assert_eq!(answer.body["debug_info"]["dropped_inputs"], json!(["loras"]));
    assert!(potret.asked_of_fal().iter().all(|body| body.get("loras").is_none()));
}

#[tokio::test]
async fn the_price_is_a_setting() {
    let potret = Setup::default().setting("COINS_PER_BATCH", "3").start().await;
    let merchant = potret.user_with("merchant", 8).await;
    let prompt = a_prompt();
    assert_eq!(merchant.generate(&prompt).await.body["remaining_coins"], 5);
    assert_eq!(merchant.generate(&prompt).await.body["remaining_coins"], 2);
    let refused = merchant.generate(&prompt).await;
    assert_eq!(refused.problem(), (403, "insufficient_coins"));
    assert_eq!((&refused.body["coins_required"], &refused.body["coins_available"]), (&json!(3), &json!(2)));
    assert_eq!(merchant.coins().await, (2, 2));
    potret.audit().await;
}

#[tokio::test]
async fn without_coins_fal_is_not_asked() {
    let potret = Potret::start().await;
    let refused = potret.user("new").generate(&a_prompt()).await;
    assert_eq!(refused.problem(), (403, "insufficient_coins"));
    for (member, coins) in [("coins_required", 1), ("coins_available", 0), ("coins_balance", 0)] {
        assert_eq!(refused.body[member], coins);
    }
    assert!(potret.fal().requests().is_empty());
    potret.audit().await;
}

#[tokio::test]
async fn every_fault_of_a_request_is_named_at_once() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let refused = merchant
        .generate(&json!({
            "options": {"content_type": "Model", "category": "Cars", "aspect_ratio": "2:1", "pose": ["x"], "mood": "sad"},
            "model": "fal-ai/flux-pro", "num_inference_steps": 50, "guidance_scale": 1, "image_size": "square",
            "strength": 1, "image_strength": 1, "user_id": "somebody-else",
            "face_image": 7, "product_images": "x", "loras": [{"scale": 5}, "y", {"path": "a/b", "weight": 1}]
        }))
        .await;
    assert_eq!(refused.problem(), (422, "invalid_request"));
    insta::assert_snapshot!(refused.faults(), @"
    /options/model_type is required: one of Woman, Wanita, Man, Pria, Boy, Anak LakiLaki, Girl, Anak Perempuan, Animal, Hewan, Cartoon
    /options/category must be one of Fashion, Beauty, Bag, Tas, Sandals/Shoes, Sandal/Sepatu, Accessories, Aksesoris, Home Living, Food & Beverage
    /options/pose must be a string
    /options/aspect_ratio must be one of 1:1, 3:4, 4:3, 9:16, 16:9
    /options/mood is not an option
    /product_images must be a list
    /face_image must be an image as a base64 data: URL or as bare base64
    /loras/0/path is required: owner/name, or the URL of a weights file
    /loras/0/scale must be a number from 0 to 4
    /loras/1 must be an object with path and scale
    /loras/2/weight is not a field of a LoRA
    /user_id is not a field of this request
    /model is locked: it is the same for everybody and cannot be set
    /num_inference_steps is locked: it is the same for everybody and cannot be set
    /guidance_scale is locked: it is the same for everybody and cannot be set
    /image_size is locked: it is the same for everybody and cannot be set
    /strength is locked: it is the same for everybody and cannot be set
    /image_strength is locked: it is the same for everybody and cannot be set
    ");
    assert_eq!(merchant.coins().await, (5, 5));
    assert!(potret.fal().requests().is_empty());
}

#[tokio::test]
async fn endless_faults_get_a_short_answer() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let body: serde_json::Map<_, _> = (0..50_000).map(|number| (format!("f{number}"), json!(1))).collect();
    let refused = merchant.generate(&Value::Object(body)).await;
    assert_eq!(refused.problem(), (422, "invalid_request"));
    assert_eq!(refused.body["errors"].as_array().map(Vec::len), Some(101));
}

#[tokio::test]
async fn exactly_one_of_prompt_and_options_is_required() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let options = json!({"model_type": "Pria", "category": "Tas"});
    for body in [
        json!({}),
        json!({"prompt": " "}),
        json!({"prompt": "a bag", "options": options}),
        json!({"prompt": 5}),
    ] {
        assert_eq!(merchant.generate(&body).await.problem(), (422, "invalid_request"), "{body}");
    }
    for body in [json!({"prompt": "", "options": options}), json!({"prompt": "a bag", "options": null})] {
        assert_eq!(merchant.generate(&body).await.status, 200, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let send = |content_type: &'static str, body: Vec<u8>| {
        let request =
            merchant.request(Method::POST, "/api/generate-image").header("content-type", content_type);
        Answer::of(request.body(body))
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes();
    for body in [b"".to_vec(), b"{".to_vec(), b"[]".to_vec(), b"\"x\"".to_vec(), b"\xff\xfe".to_vec(), deep] {
        assert_eq!(send("application/json; charset=utf-8", body).await.problem(), (400, "malformed_request"));
    }
    assert_eq!(send("text/plain", b"{}".to_vec()).await.problem(), (415, "unsupported_media_type"));
    assert_eq!(merchant.coins().await, (5, 5));
}

#[tokio::test]
async fn a_direct_invocation_is_held_to_route_and_sign_in() {
    let potret = Potret::start().await;
    let invoke = |method: &str, path: &str, claims: Value| {
        let event = HttpApiEvent::new(method, path).claims(claims).body("{}").into_json();
        let url = potret.url("/2015-03-31/functions/generate-image/invocations");
        let request = potret.http.post(url).json(&event);
        async move {
            let answer = Answer::of(request).await.body;
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            (answer["statusCode"].as_u64().unwrap(), body["code"].as_str().unwrap().to_owned())
        }
    };
    let me = json!({"sub": "merchant"});
    assert_eq!(
        invoke("GET", "/api/generate-image", me.clone()).await,
        (405, "method_not_allowed".to_owned())
    );
    assert_eq!(invoke("POST", "/api/other", me).await, (404, "not_found".to_owned()));
    for claims in [json!({}), json!({"sub": ""}), json!({"email": "a@b"})] {
        assert_eq!(invoke("POST", "/api/generate-image", claims).await, (401, "unauthenticated".to_owned()));
    }
}
