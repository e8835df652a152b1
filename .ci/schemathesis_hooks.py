"""Rules that a schema cannot express: what a photo is, from which hosts LoRAs come, where cursors come from, and that a key belongs to one request."""

import itertools
import json
import re
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

EVENTS = Path(__file__).parent.parent / "events"

fixture = json.loads((EVENTS / "generate-image/image-to-image.json").read_text())
sent = json.loads(fixture["body"])
photos = [sent["face_image"], *sent["product_images"]]
bare = [photo.split(",", 1)[1] for photo in photos]
schemathesis.openapi.format("photo", st.sampled_from(photos + bare))

schemathesis.openapi.format("lora", st.sampled_from(["owner/name", "https://huggingface.co/owner/name/lora.safetensors"]))

# Cursors come only from responses, through the links. The empty cursor means the first page.
schemathesis.openapi.format("cursor", st.just(""))

numbers = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each request with a valid key a new key, because the key of another request would be refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key is None:
        return
    parameters = case.operation.headers
    pattern = next(p.definition["schema"]["pattern"] for p in parameters if p.name == "Idempotency-Key")
    if re.search(pattern, key):
        case.headers["Idempotency-Key"] = f"key-{next(numbers)}"
