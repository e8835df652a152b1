// The page's plan for each photo, before anything is sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './pages.js';

const { formatOf, planPhotos } = await load('photo_plan.js');
const MIB = 1024 * 1024;
const LIMITS = { most_sent: 4, most_accepted: 4, inline_bytes: 4 * MIB, inline_bytes_together: 4_500_000 };

const plan = (photos, limits = {}) =>
  planPhotos(
    photos.map(([role, size], index) => ({ role, size, name: `${role}${index}` })),
    { ...LIMITS, ...limits },
  ).map(({ photo, fate, way }) => [photo.name, fate, way]);

test('photos are sent in the order face, products, background', () => {
  const names = plan([
    ['background', 1],
    ['product', 1],
    ['face', 1],
    ['product', 1],
  ]).map(([name]) => name);
  assert.deepEqual(names, ['face2', 'product1', 'product3', 'background0']);
});

test('a photo over the inline limit is uploaded', () => {
  assert.deepEqual(
    plan([
      ['face', 4 * MIB],
      ['product', 4 * MIB + 1],
    ]),
    [
      ['face0', 'sent', 'inline'],
      ['product1', 'sent', 'upload'],
    ],
  );
});

test('photos that are too large together are uploaded, the largest first, until the rest fits', () => {
  const ways = plan([
    ['face', 2_000_000],
    ['product', 3_000_000],
    ['background', 2_400_000],
  ]).map(([, , way]) => way);
  assert.deepEqual(ways, ['inline', 'upload', 'inline']);
});

test('photos beyond the limit of the model are dropped, and those beyond the limit of the API are refused', () => {
  const photos = [
    ['face', 1],
    ['product', 1],
    ['background', 1],
  ];
  assert.deepEqual(
    plan(photos, { most_sent: 1, most_accepted: 2 }).map(([, fate]) => fate),
    ['sent', 'dropped', 'refused'],
  );
});

test('the format of a photo is found from its bytes', () => {
  const bytes = (...values) => Uint8Array.from(values);
  assert.equal(formatOf(bytes(0x89, 0x50, 0x4e, 0x47, 0, 0)), 'image/png');
  assert.equal(formatOf(bytes(0xff, 0xd8, 0xff, 0xe0)), 'image/jpeg');
  assert.equal(formatOf(new TextEncoder().encode('RIFF\0\0\0\0WEBP')), 'image/webp');
  assert.equal(formatOf(new TextEncoder().encode('RIFF\0\0\0\0WAVE')), null);
  assert.equal(formatOf(bytes()), null);
});
