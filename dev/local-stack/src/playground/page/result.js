// The result: the pictures with their downloads, and the coins before and after.

import { isOwn, reachable } from './api.js';
import { element } from './elements.js';
import { text } from './texts.js';

/** The pictures of a batch, with their buttons. */
export function pictures({ images, generation_id: id, debug_info: { prompt_sent: prompt } }) {
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

/** The balances before and after. */
export function coinsBeforeAndAfter(before, after) {
  if (!before || !after) return null;
  const [paid, held] = [before.coins_balance - after.coins_balance, after.coins_balance - after.coins_available];
  const summary =
    held > 0 ? text('coins_open', { held }) : paid > 0 ? text('coins_paid', { coins: paid }) : text('coins_kept');
  return element(
    'dl',
    { class: `before-after ${paid > 0 ? 'paid' : 'kept'}` },
    element(
      'div',
      {},
      element('dt', {}, text('coins_before')),
      element('dd', { id: 'coins-before' }, String(before.coins_balance)),
    ),
    element(
      'div',
      {},
      element('dt', {}, text('coins_after')),
      element('dd', { id: 'coins-after' }, String(after.coins_balance)),
    ),
    element('div', { class: 'said' }, element('dt', { class: 'unseen' }, ''), element('dd', {}, summary)),
  );
}

/** The card's content for a delivered batch. */
export function resultCard({ body, headers }) {
  const dropped = body.debug_info.dropped_inputs;
  return element(
    'div',
    {},
    pictures(body),
    headers.get('idempotency-replayed') === 'true' && element('p', { class: 'hint' }, text('replayed')),
    dropped.length > 0 &&
      element('p', { class: 'hint', id: 'dropped' }, text('dropped', { inputs: dropped.join(', ') })),
    element('p', { class: 'hint code' }, body.debug_info.model),
  );
}
