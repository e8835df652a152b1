// Follows the batches that go on, each at the pace that the API asks for, until it has ended.

import { call } from './api.js';

/** Seconds until the next request if a response does not say. */
const USUAL_PAUSE = 3;

/** After lost responses the pause grows up to so many seconds. */
const LONGEST_PAUSE = 30;

/** How long one request may take, in milliseconds. A laptop that wakes up may never hear of an older one. */
const PATIENCE = 20_000;

/** The followed batches by id. Each has one timer or one request at any time, never two. */
const followed = new Map();
let isPaused = false;
let tell = () => {};

/** The `Retry-After` of a response, in seconds. */
export const retryAfter = (response) => Number(response?.headers?.get('retry-after')) || 0;

/** Calls `listener(id, news)` with what is learnt of a batch: `{batch}`, `{isGone}` or `{isLost}`, if no one responded. */
export function onNews(listener) {
  tell = listener;
}

/** Follows a pending batch. The first request is sent after so many seconds, if a response said so. */
export function follow(id, seconds = 0) {
  if (followed.has(id)) return;
  const entry = { id, due: 0, timer: null, isAsking: false, losses: 0 };
  followed.set(id, entry);
  askAfter(entry, seconds || USUAL_PAUSE);
}

/** Follows nothing any more. A response that is still on its way is ignored. */
export function stopFollowing() {
  for (const { timer } of followed.values()) clearTimeout(timer);
  followed.clear();
}

/** Sends no request until `resumeFollowing`: the page is hidden away and may come back as it was. */
export function pauseFollowing() {
  isPaused = true;
  for (const { timer } of followed.values()) clearTimeout(timer);
}

/** Sends the requests that became due meanwhile. Timers do not count the time that a computer sleeps. */
export function resumeFollowing() {
  isPaused = false;
  for (const entry of followed.values()) arm(entry);
}

/** The connection is back: asks at once what could not be asked. */
export function retryLost() {
  for (const entry of followed.values()) if (entry.losses > 0) askAfter(entry, 0);
}

function askAfter(entry, seconds) {
  entry.due = Date.now() + 1000 * seconds;
  arm(entry);
}

function arm(entry) {
  clearTimeout(entry.timer);
  if (!isPaused && !entry.isAsking) entry.timer = setTimeout(() => ask(entry), Math.max(0, entry.due - Date.now()));
}

async function ask(entry) {
  entry.isAsking = true;
  const signal = AbortSignal.timeout(PATIENCE);
  const response = await call('GET', `/api/generations/${entry.id}`, { signal }).catch(() => null);
  entry.isAsking = false;
  if (followed.get(entry.id) !== entry) return;
  const isGone = response?.status === 404 && response.body.code === 'not_found';
  if (!response?.ok && !isGone) {
    entry.losses += 1;
    askAfter(entry, Math.max(retryAfter(response), Math.min(2 ** entry.losses, LONGEST_PAUSE)));
    tell(entry.id, { isLost: true });
    return;
  }
  entry.losses = 0;
  if (response.body.status === 'pending') askAfter(entry, retryAfter(response) || USUAL_PAUSE);
  else followed.delete(entry.id);
  tell(entry.id, isGone ? { isGone } : { batch: response.body });
}
