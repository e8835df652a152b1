"""Walks through every call of fal's Python client against the double.

Arguments: the URLs that play https://fal.run and https://queue.fal.run. FAL_RUN_HOST and FAL_QUEUE_RUN_HOST
name a host only, and the client speaks TLS to it. So the two constants that it makes of them are replaced.
"""

import asyncio
import http.server
import json
import queue
import sys
import threading
import urllib.request

import fal_client
from fal_client import client as module

module.RUN_URL_FORMAT, module.QUEUE_URL_FORMAT = (url + "/" for url in sys.argv[1:3])

MODEL = "fal-ai/flux/schnell"
INPUT = {"prompt": "a cup", "image_size": "square"}
webhooks = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        webhooks.put((self.path, self.headers, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def expect(name, passed, found=None):
    if not passed:
        sys.exit(f"python: {name}: FAILED, found {found}")
    print(f"python: {name}: passed")


def refused(call):
    try:
        return call()
    except fal_client.FalClientHTTPError as error:
        return error


def set_queue(settings):
    url, body = sys.argv[1] + "/_control/queue", json.dumps(settings).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, method="PUT")).close()


def has_picture(result):
    return result["images"][0]["url"].startswith("http")


def walk():
    expect("run", has_picture(fal_client.run(MODEL, INPUT)))
    error = refused(lambda: fal_client.run(MODEL, {}))
    expect("run refused", getattr(error, "status_code", None) == 422, error)

    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{receiver.server_port}/hook?token=a%20b"
    handle = fal_client.submit(MODEL, INPUT, webhook_url=url, priority="low", start_timeout=30)
    status = fal_client.status(MODEL, handle.request_id, with_logs=True)
    expect("submit and status", isinstance(status, (fal_client.Queued, fal_client.InProgress)), status)
    error = refused(lambda: fal_client.cancel(MODEL, handle.request_id))
    expect("cancel a running job", error is None, error)
    expect("result", has_picture(fal_client.result(MODEL, handle.request_id)))
    status = fal_client.status(MODEL, handle.request_id, with_logs=True)
    completed = isinstance(status, fal_client.Completed) and status.logs and "inference_time" in status.metrics
    expect("status when completed", completed, status)
    error = refused(handle.cancel)
    expect("cancel a completed job", getattr(error, "status_code", None) == 400, error)
    path, headers, body = webhooks.get(timeout=10)
    expect("webhook", path == "/hook?token=a%20b" and body["status"] == "OK", (path, body))
    expect("webhook of the job", headers["x-fal-webhook-request-id"] == handle.request_id)

    seen = []
    result = fal_client.subscribe(MODEL, INPUT, with_logs=True, on_queue_update=seen.append)
    expect("subscribe", has_picture(result) and isinstance(seen[-1], fal_client.Completed) and seen[-1].logs, seen)
    handle = fal_client.submit(MODEL, {})
    events = list(handle.iter_events())
    expect("iter_events of a failing job", events[-1].error == "Field required", events)
    error = refused(handle.get)
    expect("result of a failing job", getattr(error, "status_code", None) == 422, error)


    set_queue({"concurrency": 0})
    handle = fal_client.submit(MODEL, INPUT)
    status = handle.status()
    expect("status of a waiting job", isinstance(status, fal_client.Queued) and status.position == 0, status)
    handle.cancel()
    status = handle.status()
    expect("cancel a waiting job", getattr(status, "error_type", None) == "client_cancelled", status)
    error = refused(handle.get)
    expect("result of a cancelled job", getattr(error, "status_code", None) == 499, error)
    set_queue({})


async def walk_async():
    expect("run_async", has_picture(await fal_client.run_async(MODEL, INPUT)))
    handle = await fal_client.submit_async(MODEL, INPUT)
    expect("submit_async", has_picture(await handle.get()))
    expect("subscribe_async", has_picture(await fal_client.subscribe_async(MODEL, INPUT, with_logs=True)))


walk()
asyncio.run(walk_async())
