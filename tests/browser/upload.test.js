// The page's upload of a photo, when the bucket's responses get lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './pages.js';

const { signIn, upload } = await load('api.js');
const HEADERS = { 'content-type': 'image/png', 'if-none-match': '*' };
const PLACE = { upload_id: 'an-id', url: 'https://bucket.example/a', method: 'PUT', headers: HEADERS };
const FILE = new Blob(['a photo']);

/** Uploads to a bucket that gives these statuses, one for each try; `null` is a lost response. */
async function uploaded(statuses) {
  const puts = [];
  globalThis.fetch = async (url, options) => {
    if (url !== PLACE.url) return Response.json(url === '/api/uploads' ? PLACE : { token: 'a-token' });
    const status = statuses[puts.length];
    puts.push(options);
    if (status === null) throw new TypeError('the connection was lost');
    return new Response('', { status });
  };
  await signIn('somebody');
  try {
    return { id: await upload(FILE, 'image/png'), puts };
  } catch (refusal) {
    return { refusal, puts };
  }
}

test('the file is sent with the method and the headers of its place', async () => {
  const { id, puts } = await uploaded([200]);
  assert.equal(id, 'an-id');
  assert.deepEqual(puts, [{ method: 'PUT', headers: HEADERS, body: FILE }]);
});

test('after a lost response the file is sent again, and is there already or not', async () => {
  for (const status of [200, 412]) {
    const { id, puts } = await uploaded([null, status]);
    assert.deepEqual([id, puts.length], ['an-id', 2], status);
  }
});

test('a refusal and two lost responses are failures', async () => {
  const refused = await uploaded([403]);
  assert.deepEqual([refused.refusal.status, refused.puts.length], [403, 1]);
  const lost = await uploaded([null, null]);
  assert.ok(lost.refusal instanceof TypeError);
  assert.equal(lost.puts.length, 2);
});
