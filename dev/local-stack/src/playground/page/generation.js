// One generation, from the photos to the pictures, even over a bad connection.

import { call, currentSession, upload } from './api.js';
import { dataUrl } from './photos.js';

export const PATH = '/api/generate-image';

/** The batch outlives its request: if it takes longer than so many seconds, it is followed by its id. */
export const PREFER = 'respond-async, wait=20';

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
    report('stage_uploading', { number: index + 1, count: uploads.length });
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

/**
 * Sends a request until a response comes. The key makes that safe: a repeated request is charged once. Returns
 * `null` if there is no response and the history has no such batch either.
 */
export async function generate(request, report) {
  const { body, key, begun } = request;
  let losses = 0;
  for (;;) {
    report('stage_waiting');
    const headers = { 'idempotency-key': key, prefer: PREFER };
    const response = await call('POST', PATH, { body, headers }).catch(() => null);
    const isLost = !response || (response.status >= 500 && !response.body.code);
    if (!isLost) return response;
    losses += 1;
    if (losses > MAX_LOSSES || Date.now() - begun > MAX_TIME) return (await found(request, report)) ?? response;
    report('stage_lost');
    await pause(500 * 2 ** losses);
  }
}

/** The request's batch in the user's history, in the form of a response; `null` if the history has none. */
async function found({ begun, prompt }, report) {
  report('stage_searching');
  const history = await call('GET', '/api/generations?limit=5').catch(() => null);
  const batches = history?.ok ? history.body.generations : [];
  const batch = batches.find(
    ({ status, timestamp, prompt: other }) =>
      (status === 'succeeded' || status === 'pending') &&
      Date.parse(timestamp) >= begun &&
      (!prompt || other === prompt),
  );
  return batch ? { ok: true, status: 202, headers: history.headers, body: batch } : null;
}

/** The batch that a response started or brought, as the history shows it. Its price is not in every response. */
export async function batchOf({ status, body }) {
  if (status === 202) return body;
  const history = await call('GET', `/api/generations/${body.generation_id}`).catch(() => null);
  if (history?.ok) return history.body;
  const { prompt_sent: prompt, model } = body.debug_info;
  return { ...body, status: 'succeeded', prompt, model, coins: currentSession().coins_per_batch };
}
