// One generation, from the photos to the pictures, even over a bad connection.

import { call, currentSession, upload } from './api.js';
import { dataUrl } from './photos.js';
import { text } from './texts.js';

export const PATH = '/api/generate-image';

/** How many lost responses lead to another try, and how long all tries may take, in milliseconds. */
const MAX_LOSSES = 3;
const MAX_TIME = 120_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * The request's body: the prompt or the options, and the photos, inline or uploaded. A photo that was uploaded
 * for this user before is not uploaded again, so that a repeat is the same request.
 */
export async function requestBody(wanted, plan, report) {
  const user = currentSession().user_id;
  const uploads = plan.filter(({ photo, way }) => way === 'upload' && photo.uploadedFor !== user);
  for (const [index, { photo }] of uploads.entries()) {
    report(text('stage_uploading', { number: index + 1, count: uploads.length }));
    photo.upload = `upload:${await upload(photo.file, photo.type)}`;
    photo.uploadedFor = user;
  }
  const sent = await Promise.all(
    plan.map(async ({ photo, way }) => ({
      role: photo.role,
      value: way === 'upload' ? photo.upload : await dataUrl(photo),
    })),
  );
  const of = (role) => sent.filter((photo) => photo.role === role).map(({ value }) => value);
  return JSON.stringify({
    ...wanted,
    face_image: of('face')[0],
    product_images: of('product').length ? of('product') : undefined,
    background_image: of('background')[0],
  });
}

/** Sends a request until a response comes. The key makes that safe: a repeated request is charged once. */
export async function generate(request, report) {
  const { body, key, begun } = request;
  let losses = 0;
  for (;;) {
    report(text('stage_waiting'));
    const response = await call('POST', PATH, { body, headers: { 'idempotency-key': key } }).catch(() => null);
    const {
      status,
      body: { code },
    } = response ?? { body: {} };
    const isLost = !response || (status >= 500 && !code);
    const isRunning = status === 409 && code === 'generation_in_progress';
    if ((!isLost && !isRunning) || Date.now() - begun > MAX_TIME) return response ?? found(request, report);
    if (isLost && ++losses > MAX_LOSSES) return (await found(request, report)) ?? response;
    report(text(isRunning ? 'stage_running' : 'stage_lost'));
    await pause(isRunning ? 1000 * Number(response.headers.get('retry-after') ?? 3) : 500 * 2 ** losses);
  }
}

/** The request's batch in the user's history, in the form of a response; `null` if the history has none. */
async function found({ begun, prompt }, report) {
  report(text('stage_searching'));
  const history = await call('GET', '/api/generations?limit=5').catch(() => null);
  const batches = history?.ok ? history.body.generations : [];
  const batch = batches.find(
    (made) => made.status === 'succeeded' && Date.parse(made.timestamp) >= begun && (!prompt || made.prompt === prompt),
  );
  return batch ? { ok: true, status: 200, headers: history.headers, body: asResponse(batch) } : null;
}

/** A batch of the history in the form of the response that was lost. */
const asResponse = (batch) => ({
  generation_id: batch.generation_id,
  images: batch.images,
  remaining_coins: batch.remaining_coins,
  debug_info: { prompt_sent: batch.prompt, model: batch.model, dropped_inputs: [] },
});
