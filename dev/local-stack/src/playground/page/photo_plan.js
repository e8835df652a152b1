// What becomes of each photo: its place in the order, and the way by which it travels.

/** Starts that tell a picture's format, as the API tells it: by its bytes, not by its name. */
const SIGNATURES = [
  ['image/png', (bytes) => starts(bytes, [0x89, 0x50, 0x4e, 0x47])],
  ['image/jpeg', (bytes) => starts(bytes, [0xff, 0xd8, 0xff])],
  [
    'image/webp',
    (bytes) => starts(bytes, [0x52, 0x49, 0x46, 0x46]) && starts(bytes.slice(8), [0x57, 0x45, 0x42, 0x50]),
  ],
];

const starts = (bytes, wanted) => wanted.every((byte, index) => bytes[index] === byte);

/** The media type of a file by its first twelve bytes, or `null`. */
export function formatOf(bytes) {
  return SIGNATURES.find(([, matches]) => matches(bytes))?.[0] ?? null;
}

/** Face, products, background: the order in which the API sends photos. */
export const ROLES = ['face', 'product', 'background'];

export const inOrder = (photos) => ROLES.flatMap((role) => photos.filter((photo) => photo.role === role));

/**
 * For each photo, in order: `number` from 1 where it is sent to fal, `fate` ('sent', 'dropped' because the model
 * takes no more, 'refused' because the API takes no more) and `way` ('inline' or 'upload').
 *
 * A photo over the inline limit is uploaded. While the rest is together too large for one request, the largest
 * of it is uploaded, too.
 */
export function planPhotos(photos, limits) {
  const ordered = inOrder(photos);
  const uploaded = new Set(ordered.filter((photo) => photo.size > limits.inline_bytes));
  const inline = ordered.filter((photo) => !uploaded.has(photo)).sort((a, b) => b.size - a.size);
  let together = inline.reduce((sum, photo) => sum + photo.size, 0);
  for (const photo of inline) {
    if (together <= limits.inline_bytes_together) break;
    uploaded.add(photo);
    together -= photo.size;
  }
  return ordered.map((photo, index) => ({
    photo,
    number: index + 1,
    fate: index >= limits.most_accepted ? 'refused' : index >= limits.most_sent ? 'dropped' : 'sent',
    way: uploaded.has(photo) ? 'upload' : 'inline',
  }));
}
