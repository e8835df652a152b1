// The user's generations, newest first.

import { call, reachable } from './api.js';
import { byId, element } from './elements.js';
import { language, onLanguage, text } from './texts.js';

const PAGE_SIZE = 4;

let batches = [];
let next = null;

/** Reads the first page again. */
export async function refreshHistory() {
  batches = [];
  next = null;
  await more();
}

async function more() {
  const cursor = next ? `&cursor=${encodeURIComponent(next)}` : '';
  const response = await call('GET', `/api/generations?limit=${PAGE_SIZE}${cursor}`).catch(() => null);
  if (!response?.ok) return;
  batches = [...batches, ...response.body.generations];
  next = response.body.next_cursor;
  draw();
}

function draw() {
  byId('history-empty').hidden = batches.length > 0;
  byId('history-more').hidden = !next;
  byId('history').replaceChildren(...batches.map(row));
}

function row({ timestamp, status, prompt, images, coins, error_code: code }) {
  const links = images.map((url, index) =>
    element(
      'a',
      {
        href: reachable(url),
        target: '_blank',
        rel: 'noopener',
        'aria-label': text('open_picture', { number: index + 1 }),
      },
      element('img', { src: reachable(url), alt: '', width: 96, height: 96, loading: 'lazy' }),
    ),
  );
  const facts = [
    new Date(timestamp).toLocaleString(language()),
    text(`status_${status}`),
    text('coins', { coins }),
    code,
  ];
  return element(
    'li',
    {},
    element('div', { class: 'small-pictures' }, ...links),
    element(
      'div',
      {},
      element('p', { class: `told ${status}` }, facts.filter(Boolean).join(' · ')),
      element('p', { class: 'past-prompt' }, prompt),
    ),
  );
}

export function historyList() {
  byId('history-more').addEventListener('click', more);
  onLanguage(draw);
}
