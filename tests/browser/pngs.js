// Photos for the tests: real PNG files, small or large.

import { randomFillSync } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function png(width, height, pixels, level) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = width * 3;
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.concat([Buffer.from([0]), pixels.subarray(y * row, (y + 1) * row)]),
  );
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows), { level })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const file = (name, buffer) => ({ name, mimeType: 'image/png', buffer });

/** A small photo, in the colours of a sunset. */
export function smallPhoto(name, tint = 60) {
  const pixels = Buffer.alloc(300 * 400 * 3);
  for (let y = 0; y < 400; y++)
    for (let x = 0; x < 300; x++) pixels.set([255 - y / 4, 120 + x / 4 - y / 5, tint + y / 3], (y * 300 + x) * 3);
  return file(name, png(300, 400, pixels, 6));
}

/** A photo of more than 6 MB: it is noise, which does not compress. */
export function largePhoto(name) {
  return file(name, png(1500, 1400, randomFillSync(Buffer.alloc(1500 * 1400 * 3)), 0));
}
