// Requests to the local stack: the session, and API calls with its token.

import { language } from './texts.js';

let session = null;

/** The session that the stack returned: its settings and the signed-in user. */
export const currentSession = () => session;

/** Signs in as `user`. Throws an error with the problem's `detail`. */
export async function signIn(user) {
  const response = await fetch(`/_local/session?user=${encodeURIComponent(user)}`);
  const body = await read(response);
  if (!response.ok) throw new Error(body.detail ?? `${response.status}`);
  session = body;
  return session;
}

/** Sends one request to the API and returns the response. Throws only if there is no response. */
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

/** The parsed body, or an empty object if the body is not JSON. */
async function read(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The coins of the signed-in user, or `null` if the API does not return them. */
export async function balance() {
  const response = await call('GET', '/api/coin-balance').catch(() => null);
  return response?.ok ? response.body : null;
}

/** Uploads a file to the bucket and returns its upload id. Throws the response that refused it, or a network error. */
export async function upload(file, type) {
  const body = JSON.stringify({ content_type: type, content_length: file.size });
  const place = await call('POST', '/api/uploads', { body });
  if (!place.ok) throw place;
  const { url, method, headers, upload_id: id } = place.body;
  const send = () => fetch(url, { method, headers, body: file });
  // Sent again after a lost response. The URL works once, so a 412 means that the file is there already.
  const put = await send().catch(send);
  if (!put.ok && put.status !== 412) throw { status: put.status, headers: put.headers, body: {} };
  return id;
}

/** A picture's URL on this page's own host: the stack has two host names, and the page's policy allows one. */
export function reachable(url) {
  const own = new URL(session.stack_url).origin;
  return url.startsWith(`${own}/`) ? url.slice(own.length) : url;
}

/** Whether the picture is on this host. A browser opens a picture from another host instead of saving it. */
export const isOwn = (url) => reachable(url).startsWith('/');
