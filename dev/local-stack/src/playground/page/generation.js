// One generation, from the photos to its pictures, however badly the connection behaves.

import { call, currentSession, upload } from './api.js';
import { dataUrl } from './photos.js';
import { text } from './texts.js';

export const PATH = '/api/generate-image';

/** How often a request is sent again whose answer was lost, and how long it may take in all, in milliseconds. */
const MOST_LOSSES = 3;
const LONGEST = 120_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * The request's body: the prompt or the options, and the photos, each by its way. A photo that was uploaded for
 * this user before is not sent again, so that a repeat is the same request.
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

/** Sends a request until it is answered. The key makes that safe: whatever is repeated is paid once. */
export async function generate(request, report) {
  const { body, key, begun } = request;
  let losses = 0;
  for (;;) {
    report(text('stage_waiting'));
    const answer = await call('POST', PATH, { body, headers: { 'idempotency-key': key } }).catch(() => null);
    const {
      status,
      body: { code },
    } = answer ?? { body: {} };
    const isLost = !answer || (status >= 500 && !code);
    const isRunning = status === 409 && code === 'generation_in_progress';
    if ((!isLost && !isRunning) || Date.now() - begun > LONGEST) return answer ?? found(request, report);
    if (isLost && ++losses > MOST_LOSSES) return (await found(request, report)) ?? answer;
    report(text(isRunning ? 'stage_running' : 'stage_lost'));
    await pause(isRunning ? 1000 * Number(answer.headers.get('retry-after') ?? 3) : 500 * 2 ** losses);
  }
}

/** The batch in the caller's history that the request made, in the form of an answer; `null` if there is none. */
async function found({ begun, prompt }, report) {
  report(text('stage_searching'));
  const history = await call('GET', '/api/generations?limit=5').catch(() => null);
  const batches = history?.ok ? history.body.generations : [];
  const batch = batches.find(
    (made) => made.status === 'succeeded' && Date.parse(made.timestamp) >= begun && (!prompt || made.prompt === prompt),
  );
  return batch ? { ok: true, status: 200, headers: history.headers, body: asAnswer(batch) } : null;
}

/** A batch of the history as the answer that was lost. */
const asAnswer = (batch) => ({
  generation_id: batch.generation_id,
  images: batch.images,
  remaining_coins: batch.remaining_coins,
  debug_info: { prompt_sent: batch.prompt, model: batch.model, dropped_inputs: [] },
});
