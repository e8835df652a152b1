//! `POST /api/generate-image`: the request, what goes to fal, and the response.

use kit::events::HttpApiEvent;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{A_PROMPT, Potret, Response, Setup};
use crate::pictures;

/// `debug_info` of a successful response, with the name of each photo in place of its URL.
fn debug_info(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.body);
    let mut info = response.body["debug_info"].clone();
    for url in info["image_urls"].as_array_mut().expect("URLs") {
        *url = url.as_str().expect("a URL").rsplit('/').next().into();
    }
    info
}

#[tokio::test]
async fn a_prompt_becomes_two_pictures_for_a_coin() {
    let (potret, merchant) = Potret::with_merchant(10).await;
    let response = merchant.generate(&A_PROMPT).await;
    assert_eq!((response.status, &response.body["remaining_coins"]), (200, &json!(9)));
    let images = response.body["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    assert_ne!(images[0], images[1]);
    for url in images {
        let picture = potret.http.get(url.as_str().unwrap()).send().await.unwrap().bytes().await.unwrap();
        let picture = image::load_from_memory(&picture).expect("a picture");
        assert_eq!((picture.width(), picture.height()), (1024, 1024));
    }
    assert_eq!(merchant.coins().await, (9, 9));
    let prompt = &A_PROMPT["prompt"];
    let sent =
        json!({"prompt": prompt, "image_size": "square_hd", "num_inference_steps": 7, "guidance_scale": 3.5});
    assert_eq!(potret.sent_to_fal(), [sent.clone(), sent]);
    assert!(potret.fal().requests().iter().all(|request| request.dropped_fields.is_empty()));
    potret.audit().await;
}

#[tokio::test]
async fn photos_go_to_the_editing_model_in_a_fixed_order() {
    let (potret, merchant) = Potret::with_merchant(10).await;
    let products = [pictures::png(), pictures::jpeg()];
    let body = json!({
        "prompt": "a bag", "background_image": pictures::webp(), "product_images": products,
        "face_image": pictures::jpeg(),
        "loras": [{"path": "owner/lora"}, {"path": "owner/other", "scale": 0.25}]
    });
    let response = merchant.generate(&body).await;
    let loras = json!([{"path": "owner/lora", "scale": 1.0}, {"path": "owner/other", "scale": 0.25}]);
    let expected = json!({
        "prompt_sent": "a bag", "model": "fal-ai/flux-2/lora/edit", "generation_mode": "image-to-image",
        "image_urls": ["face.jpg", "product-1.png", "product-2.jpg", "background.webp"],
        "image_size": null, "strength": 0.65, "num_inference_steps": 7, "guidance_scale": 3.5,
        "loras": loras, "dropped_inputs": []
    });
    assert_eq!((debug_info(&response), &response.body["remaining_coins"]), (expected, &json!(9)));
    let sent = potret.sent_to_fal();
    assert_eq!(sent.len(), 2);
    for mut body in sent {
        for url in body["image_urls"].take().as_array().unwrap() {
            let url = url.as_str().unwrap();
            assert!(url.contains("X-Amz-Signature=") && url.contains("X-Amz-Expires=26"), "{url}");
        }
        let expected = json!({
            "prompt": "a bag", "image_urls": null, "num_inference_steps": 7, "guidance_scale": 3.5,
            "strength": 0.65, "loras": loras
        });
        assert_eq!(body, expected);
    }
    // The one documented field that the endpoint does not know.
    assert!(potret.fal().requests().iter().all(|request| request.dropped_fields == ["strength"]));
    potret.audit().await;
}

#[tokio::test]
async fn the_general_model_gets_the_first_photo_and_the_response_names_the_others() {
    let model = "fal-ai/flux-general/image-to-image";
    let setup = Setup::default().setting("IMAGE_TO_IMAGE_MODEL", model);
    let (potret, merchant) = setup.setting("NUM_INFERENCE_STEPS", "4").with_merchant(10).await;
    let products = [pictures::png(), pictures::jpeg()];
    let body = json!({"prompt": "a bag", "product_images": products, "background_image": pictures::png()});
    let expected = json!({
        "prompt_sent": "a bag", "model": model, "generation_mode": "image-to-image",
        "image_urls": ["product-1.png"], "image_size": null, "strength": 0.5, "num_inference_steps": 4,
        "guidance_scale": 3.5, "loras": [], "dropped_inputs": ["product_images[1]", "background_image"]
    });
    assert_eq!(debug_info(&merchant.generate(&body).await), expected);
    let sent = potret.sent_to_fal().remove(0);
    assert!(sent["image_url"].as_str().unwrap().contains("/product-1.png?"), "{sent}");
    let with_photos = |count| json!({"prompt": "a bag", "product_images": vec![pictures::png(); count]});
    assert_eq!(merchant.generate(&with_photos(21)).await.problem(), (422, "invalid_request"));
    let dropped = debug_info(&merchant.generate(&with_photos(6)).await)["dropped_inputs"].take();
    assert_eq!(dropped.as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn loras_without_a_photo_are_refused() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let response = merchant.generate(&json!({"prompt": "a bag", "loras": [{"path": "owner/lora"}]})).await;
    assert_eq!(response.problem(), (422, "invalid_request"));
    assert_eq!(response.body["errors"][0]["pointer"], "/loras");
    assert!(potret.sent_to_fal().is_empty());
}

#[tokio::test]
async fn the_photos_of_a_user_without_coins_are_not_looked_at() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let body = json!({"prompt": "a bag", "face_image": pictures::png()});
    assert_eq!(merchant.generate_with_key("paid", &body).await.status, 200);
    let broken = json!({"prompt": "a bag", "product_images": ["no picture"]});
    assert_eq!(merchant.generate(&broken).await.problem(), (403, "insufficient_coins"));
    // The repeat of a paid batch is free, and a body without photos has nothing to look at.
    assert_eq!(merchant.generate_with_key("paid", &body).await.status, 200);
    assert_eq!(merchant.generate(&json!({"prompt": 7})).await.problem(), (422, "invalid_request"));
    let empty = json!({"prompt": 7, "face_image": " ", "product_images": [], "background_image": null});
    assert_eq!(merchant.generate(&empty).await.problem(), (422, "invalid_request"), "empty form fields");
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn a_lora_may_come_from_a_host_that_the_operator_chose() {
    let setup = Setup::default().setting("LORA_HOSTS", "weights.example");
    let (potret, merchant) = setup.with_merchant(1).await;
    let body =
        |path: &str| json!({"prompt": "a bag", "face_image": pictures::png(), "loras": [{"path": path}]});
    let refused = merchant.generate(&body("https://me:secret@huggingface.co/a")).await;
    assert_eq!(refused.faults(), "/loras/0/path must not have a user name or a password");
    let refused = merchant.generate(&body("https://huggingface.co/a")).await;
    assert_eq!(refused.faults(), "/loras/0/path must be an https URL on one of weights.example");
    assert!(potret.fal().requests().is_empty());
    let made = merchant.generate(&body("https://cdn.weights.example/a?token=secret")).await;
    assert_eq!(made.body["debug_info"]["loras"][0]["path"], "https://cdn.weights.example/a");
    assert_eq!(potret.sent_to_fal()[0]["loras"][0]["path"], "https://cdn.weights.example/a?token=secret");
}

#[tokio::test]
async fn a_batch_costs_the_configured_number_of_coins() {
    let (potret, merchant) = Setup::default().setting("COINS_PER_BATCH", "3").with_merchant(8).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.body["remaining_coins"], 5);
    assert_eq!(merchant.generate(&A_PROMPT).await.body["remaining_coins"], 2);
    let refused = merchant.generate(&A_PROMPT).await;
    assert_eq!(refused.problem(), (403, "insufficient_coins"));
    assert_eq!((&refused.body["coins_required"], &refused.body["coins_available"]), (&json!(3), &json!(2)));
    assert_eq!(potret.fal().requests().len(), 4, "fal is not asked without coins");
    potret.audit_with(&merchant, (2, 2)).await;
}

#[tokio::test]
async fn an_invalid_request_is_refused_with_every_fault() {
    let (potret, merchant) = Potret::with_merchant(5).await;
    let body = json!({
        "options": {
            "content_type": "Model", "category": "Cars", "aspect_ratio": "2:1", "pose": ["x"], "mood": "sad"
        },
        "model": "fal-ai/flux-pro", "num_inference_steps": 50, "guidance_scale": 1, "image_size": "square",
        "strength": 1, "image_strength": 1, "user_id": "somebody-else",
        "face_image": 7, "product_images": "x", "loras": [{"scale": 5}, "y", {"path": "a/b", "weight": 1}]
    });
    let refused = merchant.generate(&body).await;
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
async fn exactly_one_of_prompt_and_options_is_required() {
    let (_potret, merchant) = Potret::with_merchant(5).await;
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
async fn a_body_that_is_not_a_json_object_is_refused() {
    let (_potret, merchant) = Potret::with_merchant(5).await;
    let send = |content_type: &'static str, body: Vec<u8>| {
        let request = merchant.request(Method::POST, "/api/generate-image");
        let request = request.header("content-type", content_type);
        Response::to(request.body(body))
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 6] = [b"", b"{", b"[]", b"\"x\"", b"\xff\xfe", deep.as_bytes()];
    for body in bodies {
        assert_eq!(
            send("application/json; charset=utf-8", body.to_vec()).await.problem(),
            (400, "malformed_request")
        );
    }
    assert_eq!(send("text/plain", b"{}".to_vec()).await.problem(), (415, "unsupported_media_type"));
    assert_eq!(merchant.coins().await, (5, 5));
}

#[tokio::test]
async fn a_direct_invocation_is_refused_on_another_route_or_without_a_user() {
    let potret = Potret::start().await;
    let route = "/api/generate-image";
    let user = json!({"sub": "merchant"});
    for (method, path, claims, status, code) in [
        ("GET", route, user.clone(), 405, "method_not_allowed"),
        ("POST", "/api/other", user, 404, "not_found"),
        ("POST", route, json!({}), 401, "unauthenticated"),
        ("POST", route, json!({"sub": ""}), 401, "unauthenticated"),
        ("POST", route, json!({"email": "a@b"}), 401, "unauthenticated"),
    ] {
        let event = HttpApiEvent::new(method, path).claims(claims).body(A_PROMPT.to_string());
        let response = potret.call("generate-image", &event.into_json()).await.expect("a response");
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!((&response["statusCode"], &body["code"]), (&json!(status), &json!(code)), "{body}");
    }
}
