// The card of one batch, from the request to the pictures. Its parts keep their places and sizes while it changes.

import { currentSession } from './api.js';
import { announce, element } from './elements.js';
import { failureWords, problemCard } from './problem.js';
import { blankPictures, pictures, receipt, remarks } from './result.js';
import { language, text } from './texts.js';

let cards = 0;

export class BatchCard {
  /** The id of the batch, once it is known. */
  id = null;
  /** When the batch began, in milliseconds since 1970. */
  begun;
  isRunning = true;

  #title;
  #prompt;
  #stage = element('p');
  #elapsed = element('p', { class: 'hint', 'aria-hidden': 'true' });
  #bar;
  #pictures = element('div');
  /** A problem lies over all that is being made, so that nothing moves when it comes. */
  #making;
  #problem = element('div', { class: 'problem-place' });
  #receipt = element('p');
  #note = element('div', { class: 'note hint' });

  /** Returns what the card shows, in the page's language. */
  #view = () => ({});
  /** What kind of content the card shows. It is made anew only when that changes, so that a focused link stays. */
  #shown = null;
  #said = null;
  #newest = null;
  /** The lowest place in the queue that was heard of, because a later response may have an older place. */
  #place = null;

  constructor(begun, prompt) {
    const id = `batch-${++cards}`;
    this.begun = begun;
    this.#title = element('h2', { id, class: 'batch-title', tabindex: '-1' });
    this.#prompt = element('p', { class: 'past-prompt' }, prompt ?? '');
    this.#bar = element('progress', { 'aria-labelledby': id, max: 2 });
    const stage = element('div', { class: 'stage' }, this.#stage, this.#elapsed);
    this.#making = element('div', { class: 'making' }, stage, this.#bar, this.#pictures);
    this.element = element(
      'article',
      { class: 'card batch', 'aria-labelledby': id },
      this.#title,
      this.#prompt,
      element('div', { class: 'area' }, this.#making, this.#problem),
      this.#receipt,
      this.#note,
    );
  }

  focus() {
    this.#title.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'nearest' });
  }

  /** Shows how long the batch has been running. */
  tick() {
    const seconds = Math.max(0, Math.round((Date.now() - this.begun) / 1000));
    const elapsed =
      seconds < 100 ? text('elapsed', { seconds }) : text('elapsed_minutes', { minutes: Math.round(seconds / 60) });
    this.#elapsed.textContent = this.isRunning ? elapsed : '';
  }

  /** Shows a request that is on its way. `key` is the text that says how far, with its values. */
  sending(key, values) {
    this.#become(() => ({
      title: text('making_title'),
      stage: text(key, values),
      pictures: blankPictures,
      receipt: receipt('price', currentSession().coins_per_batch),
    }));
  }

  /**
   * Shows a batch as the API describes it. `response` is the response that brought the pictures, and `retry` makes
   * a failed batch again.
   */
  batch(batch, { response, retry, isLost } = {}) {
    this.id = batch.generation_id;
    this.begun = Date.parse(batch.timestamp) || this.begun;
    this.#newest = batch;
    this.#prompt.textContent = batch.prompt;
    if (batch.status === 'pending') this.#goesOn(batch, isLost);
    else if (batch.status === 'succeeded') {
      this.#end('done', () => ({
        title: text('done_title'),
        stage: text('making_stage', { made: 2 }),
        made: 2,
        pictures: () => pictures(batch),
        receipt: receipt('paid', batch.coins, batch.remaining_coins),
        note: remarks(batch, response),
        spoken: text('done_title'),
      }));
    } else {
      this.#end('failed', () => ({
        title: text('failed_title'),
        problem: () => plainProblem(failureWords(batch), retry),
        receipt: receipt('kept'),
        spoken: `${text('failed_title')}. ${failureWords(batch)}`,
      }));
    }
  }

  /** Says that the connection is lost. The batch goes on. */
  lost() {
    this.batch(this.#newest, { isLost: true });
  }

  /** Says that the API does not know the batch any more. */
  gone() {
    this.#end('gone', () => ({
      title: text('failed_title'),
      problem: () => plainProblem(text('batch_gone')),
      spoken: text('batch_gone'),
    }));
  }

  /** Shows a request that was refused or failed. */
  problem(response, retry) {
    const { code, detail } = response.body;
    this.#end('problem', () => ({
      title: text('failed_title'),
      problem: () => problemCard(response, retry),
      // Without a code, or if the API asks for a repeat, the batch may have been made all the same.
      receipt: code && code !== 'try_again' ? receipt('kept') : undefined,
      spoken: detail ?? text('failed_title'),
    }));
  }

  /** Shows the same in the language that the page has now. */
  redraw() {
    this.#shown = null;
    this.#draw();
  }

  #goesOn({ progress }, isLost) {
    const place = progress?.queue_position;
    if (typeof place === 'number') this.#place = Math.min(place, this.#place ?? place);
    else if (this.#place !== null) this.#place = 0;
    const made = progress?.pictures_made ?? 0;
    const isQueued = this.#place > 0 && made === 0;
    const stage = () => (isQueued ? text('queued_stage', { place: this.#place }) : text('making_stage', { made }));
    this.#become(() => ({
      title: text(isQueued ? 'queued_title' : 'making_title'),
      stage: isLost ? text('following_lost') : stage(),
      made,
      pictures: blankPictures,
      receipt: progress && receipt('held', progress.price),
      note: [text('may_close')],
    }));
  }

  #end(kind, view) {
    this.isRunning = false;
    this.#become(() => ({ kind, ...view() }));
  }

  #become(view) {
    this.#view = view;
    const before = this.#said;
    this.#draw();
    // The focus moves to a new card, and its title is read. After that only changes are said.
    if (before !== null && before !== this.#said) announce(this.#said);
  }

  #draw() {
    const view = this.#view();
    const { kind = 'running', title, stage, made, receipt: told, note = [] } = view;
    this.element.dataset.state = kind;
    this.#title.textContent = title;
    this.#making.classList.toggle('covered', Boolean(view.problem));
    if (!view.problem) {
      this.#stage.textContent = stage;
      if (made) this.#bar.value = made;
      else this.#bar.removeAttribute('value');
    }
    this.tick();
    const shown = `${kind} ${language()}`;
    if (this.#shown !== shown) {
      if (view.pictures) this.#pictures.replaceChildren(view.pictures());
      this.#problem.replaceChildren(...(view.problem ? [view.problem()] : []));
    }
    this.#shown = shown;
    this.#receipt.className = `receipt ${told?.kind ?? ''}`;
    this.#receipt.replaceChildren(...(told?.parts ?? []));
    this.#note.replaceChildren(...note);
    this.#said = view.spoken ?? `${title}. ${stage}`;
  }
}

const plainProblem = (words, retry) =>
  element(
    'div',
    { class: 'problem' },
    element('p', {}, words),
    retry &&
      element(
        'p',
        { class: 'copies' },
        element('button', { type: 'button', class: 'try-again', onclick: retry }, text('try_again')),
      ),
  );
