// The plan for each photo: its place in the order, whether it is sent, and how.

/** The first bytes of each format. The API, too, goes by a photo's bytes and not by its name. */
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
 * For each photo, in order: its `number` from 1, its `fate` ('sent', 'dropped' if the model takes fewer photos,
 * 'refused' if the API takes fewer) and its `way` ('inline' or 'upload').
 *
 * A photo over the inline limit is uploaded. If the other photos together are too large for one request, the
 * largest ones are uploaded until the rest fits.
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
