// What a card shows of a batch: the pictures with their downloads, and what was paid.

import { isOwn, reachable } from './api.js';
import { element } from './elements.js';
import { text } from './texts.js';

/** Both pictures of a batch, with their buttons. */
export function pictures({ images, generation_id: id, prompt }) {
  return element(
    'div',
    { class: 'pictures' },
    ...images.map((url, index) => {
      const number = index + 1;
      const link = { href: reachable(url), target: '_blank', rel: 'noopener' };
      const name = `potret-${id.slice(0, 8)}-${number}.${url.split('.').at(-1).slice(0, 4)}`;
      const download = {
        ...(isOwn(url) ? { href: reachable(url), download: name } : link),
        class: 'button',
        'aria-label': text('download_picture', { number }),
      };
      return element(
        'figure',
        {},
        element('img', { src: reachable(url), alt: text('picture', { number, prompt }), width: 512, height: 512 }),
        element(
          'figcaption',
          {},
          element('a', download, text('download')),
          element(
            'a',
            { ...link, class: 'button quiet', 'aria-label': text('open_picture', { number }) },
            text('open'),
          ),
        ),
      );
    }),
  );
}

/** The places of both pictures, of the same size. */
export function blankPictures() {
  const button = (key, kind) => element('span', { class: `button ${kind} unused` }, text(key));
  const blank = () =>
    element(
      'figure',
      {},
      element('div', { class: 'blank' }),
      element('figcaption', {}, button('download', ''), button('open', 'quiet')),
    );
  return element('div', { class: 'pictures', 'aria-hidden': 'true' }, blank(), blank());
}

/**
 * What a batch costs: its `price`, the coins that are `held` or were `paid` for it, or `kept` if it cost nothing.
 * `left` is the balance after it.
 */
export function receipt(kind, coins, left) {
  const number = coins === 1 ? 'one' : 'many';
  const said = kind === 'kept' ? text('coins_kept') : text(`receipt_${kind}_${number}`, { coins });
  const rest = typeof left === 'number' && text(left === 1 ? 'left_one' : 'left_many', { coins: left });
  return { kind, parts: [element('strong', {}, said), rest && element('span', {}, rest)].filter(Boolean) };
}

/** What else there is to say of a delivered batch, from the response that brought it. */
export function remarks({ model }, response) {
  const dropped = response?.body.debug_info?.dropped_inputs ?? [];
  return [
    response?.headers.get('idempotency-replayed') === 'true' && element('p', {}, text('replayed')),
    dropped.length > 0 && element('p', { id: 'dropped' }, text('dropped', { inputs: dropped.join(', ') })),
    element('p', { class: 'code' }, model),
  ].filter(Boolean);
}
