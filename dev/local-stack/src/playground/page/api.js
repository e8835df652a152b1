// Speaking to the stack: the session, the API with its token, and what an answer was.

import { language } from './texts.js';

let session = null;

/** What the stack told about itself and the signed-in user. */
export const currentSession = () => session;

/** Signs in as `user`. Throws a problem with a `detail`. */
export async function signIn(user) {
  const response = await fetch(`/_local/session?user=${encodeURIComponent(user)}`);
  const answer = await read(response);
  if (!response.ok) throw new Error(answer.detail ?? `${response.status}`);
  session = answer;
  return session;
}

/** One request to the API: status, headers and body of the answer. Throws only when there is no answer. */
export async function call(method, path, { body, headers, signal } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    headers: {
      authorization: `Bearer ${session.token}`,
      'accept-language': language(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body,
  });
  return { ok: response.ok, status: response.status, headers: response.headers, body: await read(response) };
}

/** The parsed body, or an empty object where it is no JSON. */
async function read(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The coins of the signed-in user, or `null` when they cannot be learnt. */
export async function balance() {
  const answer = await call('GET', '/api/coin-balance').catch(() => null);
  return answer?.ok ? answer.body : null;
}

/**
 * Puts a file into the bucket and answers its upload id. Throws the answer that refused it, or what broke.
 */
export async function upload(file, type) {
  const body = JSON.stringify({ content_type: type, content_length: file.size });
  const place = await call('POST', '/api/uploads', { body });
  if (!place.ok) throw place;
  const { url, method, headers, upload_id: id } = place.body;
  const put = await fetch(url, { method, headers, body: file });
  if (!put.ok) throw { status: put.status, headers: put.headers, body: {} };
  return id;
}

/** A picture's address as this page reaches it: the stack's own host has two names, and a policy allows one. */
export function reachable(url) {
  const own = new URL(session.stack_url).origin;
  return url.startsWith(`${own}/`) ? url.slice(own.length) : url;
}

/** The host of the stack's pictures may be another; then a browser opens a picture and does not save it. */
export const isOwn = (url) => reachable(url).startsWith('/');
