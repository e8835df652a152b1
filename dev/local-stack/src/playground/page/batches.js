// The cards of the batches that run, newest first: those of this page, and those that its user's history has.

import { BatchCard } from './batch_card.js';
import { byId } from './elements.js';
import { follow, onNews, retryAfter, stopFollowing } from './follow.js';
import { onLanguage } from './texts.js';

let cards = [];

/** Opens a card for a request of this page, and closes the cards of batches that have ended. */
export function openCard(begun, prompt) {
  for (const ended of cards.filter(({ isRunning }) => !isRunning)) remove(ended);
  const card = new BatchCard(begun, prompt);
  insert(card);
  return card;
}

/** Shows what became of a request: its batch, which is followed while it is pending. */
export function showBatch(card, batch, { response, retry }) {
  const other = cardOf(batch.generation_id);
  if (other && other !== card) remove(other);
  card.retry = retry;
  card.batch(batch, { response });
  if (card.isRunning) follow(card.id, retryAfter(response));
}

/** Opens cards for running batches that have none yet, and follows them. */
export function showRunning(batches) {
  for (const batch of batches.filter(({ status, generation_id: id }) => status === 'pending' && !cardOf(id))) {
    const card = new BatchCard(Date.parse(batch.timestamp));
    card.batch(batch);
    insert(card);
    follow(card.id);
  }
}

/** Closes all cards and follows nothing, because another user signed in. */
export function closeCards() {
  stopFollowing();
  for (const card of cards) card.element.remove();
  cards = [];
}

/** Keeps the cards up to date. `onEnd` is called after a batch that was followed has ended. */
export function batchCards(onEnd) {
  onNews((id, { batch, isGone, isLost }) => {
    const card = cardOf(id);
    if (isLost) card.lost();
    else if (isGone) card.gone();
    else card.batch(batch, { retry: card.retry });
    if (!card.isRunning) onEnd(card, batch);
  });
  onLanguage(() => {
    for (const card of cards) card.redraw();
  });
  setInterval(() => {
    for (const card of cards) card.tick();
  }, 1000);
}

const cardOf = (id) => cards.find((card) => card.id === id);

function insert(card) {
  const older = cards.findIndex(({ begun }) => begun < card.begun);
  const index = older < 0 ? cards.length : older;
  byId('batches').insertBefore(card.element, cards[index]?.element ?? null);
  cards.splice(index, 0, card);
}

function remove(card) {
  card.element.remove();
  cards = cards.filter((other) => other !== card);
}
