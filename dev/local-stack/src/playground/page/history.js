// The user's generations, newest first.

import { call, currentSession, reachable } from './api.js';
import { byId, element } from './elements.js';
import { failureWords } from './problem.js';
import { language, onLanguage, text } from './texts.js';

/** How many more the button shows. */
const STEP = 4;

/** Generations per request. Running batches are looked for among these: a user can have four. */
const PAGE_SIZE = 40;

let batches = [];
let next = null;
let shown = STEP;
let rows = new Map();
let newest = 0;

/** Reads the newest generations again, shows them and returns them. */
export async function refreshHistory() {
  const turn = ++newest;
  const user = currentSession().user_id;
  const found = await page(`limit=${PAGE_SIZE}`);
  if (!found || turn !== newest || user !== currentSession().user_id) return [];
  ({ generations: batches, next_cursor: next } = found);
  draw();
  return batches;
}

/** Shows no generation, because another user signed in. */
export function forgetHistory() {
  newest += 1;
  [batches, next, shown] = [[], null, STEP];
  draw();
}

async function more() {
  shown += STEP;
  if (shown > batches.length && next) {
    const turn = newest;
    const found = await page(`limit=${PAGE_SIZE}&cursor=${encodeURIComponent(next)}`);
    if (found && turn === newest) {
      batches = [...batches, ...found.generations];
      next = found.next_cursor;
    }
  }
  draw();
}

async function page(query) {
  const response = await call('GET', `/api/generations?${query}`).catch(() => null);
  return response?.ok ? response.body : null;
}

/** Puts the rows in order. Rows that are the same stay where they are, with the focus in them. */
function draw() {
  byId('history-empty').hidden = batches.length > 0;
  byId('history-more').hidden = shown >= batches.length && !next;
  const wanted = batches.slice(0, shown).map((batch) => {
    const key = JSON.stringify([language(), batch]);
    return [key, rows.get(key) ?? row(batch)];
  });
  rows = new Map(wanted);
  const list = byId('history');
  const kept = new Set(rows.values());
  for (const old of [...list.children]) if (!kept.has(old)) old.remove();
  for (const [index, [, wantedRow]] of wanted.entries()) {
    if (list.children[index] !== wantedRow) list.insertBefore(wantedRow, list.children[index] ?? null);
  }
}

function row(batch) {
  const { timestamp, status, prompt, images, coins } = batch;
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
  const places = [element('span', { class: 'place' }), element('span', { class: 'place' })];
  const facts = [
    new Date(timestamp).toLocaleString(language()),
    text(`status_${status}`),
    status !== 'pending' && text('coins', { coins }),
    status === 'failed' && failureWords(batch),
  ];
  return element(
    'li',
    {},
    element('div', { class: 'small-pictures' }, ...(status === 'pending' ? places : links)),
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
