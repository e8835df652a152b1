// Walks through every call of fal's JavaScript client against the double.
//
// Arguments: the URLs that play https://fal.run and https://queue.fal.run. The client has no setting for its
// hosts, and a proxyUrl would need a proxy. So its requestMiddleware changes each URL before it is fetched.

import { createServer } from "node:http";
import { createFalClient } from "@fal-ai/client";

const [run, queue] = process.argv.slice(2);
const model = "fal-ai/flux/schnell";
const input = { prompt: "a cup", image_size: "square" };

const fal = createFalClient({
  credentials: process.env.FAL_KEY,
  requestMiddleware: async (request) => ({
    ...request,
    url: request.url.replace("https://queue.fal.run", queue).replace("https://fal.run", run),
  }),
});

function expect(name, passed, found) {
  if (!passed) {
    console.error(`javascript: ${name}: FAILED, found`, found);
    process.exit(1);
  }
  console.log(`javascript: ${name}: passed`);
}

const refused = (call) => call.then(() => undefined, (error) => error);
const hasPicture = ({ data }) => data.images[0].url.startsWith("http");

const webhooks = [];
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  webhooks.push({ path: request.url, headers: request.headers, body: JSON.parse(body) });
  response.end();
});
await new Promise((ready) => receiver.listen(0, "127.0.0.1", ready));
const webhookUrl = `http://127.0.0.1:${receiver.address().port}/hook?token=a%20b`;

async function nextWebhook() {
  for (let left = 100; left > 0 && webhooks.length === 0; left--) {
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return webhooks.shift();
}

expect("run", hasPicture(await fal.run(model, { input })));
let error = await refused(fal.run(model, { input: {} }));
expect("run refused", error?.status === 422 && error.fieldErrors[0].type === "missing", error);

const job = await fal.queue.submit(model, { input, webhookUrl, priority: "low", startTimeout: 30 });
const requestId = job.request_id;
expect("submit", job.status === "IN_QUEUE" && job.queue_position === 0, job);
let status = await fal.queue.status(model, { requestId, logs: true });
expect("status", ["IN_QUEUE", "IN_PROGRESS"].includes(status.status), status);
error = await refused(fal.queue.cancel(model, { requestId }));
expect("cancel a running job", error === undefined, error);
error = await refused(fal.queue.result(model, { requestId }));
expect("result of a running job", error?.status === 400, error);
const stream = await fal.queue.streamStatus(model, { requestId, logs: true });
const last = await stream.done();
expect("streamStatus", last.status === "COMPLETED" && last.logs.length > 0, last);
const result = await fal.queue.result(model, { requestId });
expect("result", hasPicture(result) && result.requestId === requestId, result);
status = await fal.queue.status(model, { requestId, logs: true });
expect("status when completed", status.status === "COMPLETED" && status.metrics.inference_time > 0, status);
error = await refused(fal.queue.cancel(model, { requestId }));
expect("cancel a completed job", error?.status === 400, error);
const webhook = await nextWebhook();
expect("webhook", webhook?.path === "/hook?token=a%20b" && webhook.body.status === "OK", webhook);
expect("webhook of the job", webhook.headers["x-fal-webhook-request-id"] === requestId, webhook);

for (const mode of ["polling", "streaming"]) {
  const seen = [];
  const onQueueUpdate = (update) => seen.push(update);
  const options = { input, logs: true, mode, pollInterval: 50, webhookUrl, onQueueUpdate };
  const found = await fal.subscribe(model, options);
  const end = seen.at(-1);
  expect(`subscribe by ${mode}`, hasPicture(found) && end?.status === "COMPLETED" && end.logs.length > 0, seen);
  expect(`webhook of subscribe by ${mode}`, (await nextWebhook())?.body.request_id === found.requestId, webhooks);
}
await fetch(`${run}/_control/queue`, { method: "PUT", body: '{"concurrency": 0}' });
const { request_id: waiting } = await fal.queue.submit(model, { input });
await fal.queue.cancel(model, { requestId: waiting });
status = await fal.queue.status(model, { requestId: waiting });
expect("cancel a waiting job", status.error_type === "client_cancelled", status);
error = await refused(fal.queue.result(model, { requestId: waiting }));
expect("result of a cancelled job", error?.status === 499, error);
await fetch(`${run}/_control/queue`, { method: "PUT", body: "{}" });
error = await refused(fal.subscribe(model, { input: {} }));
expect("subscribe to a failing job", error?.status === 422, error);
receiver.close();
