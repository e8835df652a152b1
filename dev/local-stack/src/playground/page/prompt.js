// The prompt that will be sent, kept up to date while the user chooses.

import { call } from './api.js';
import { byId } from './elements.js';
import { showFaults } from './problem.js';
import { onLanguage, text } from './texts.js';

/** The pause in typing after which the prompt is fetched, in milliseconds. */
const PAUSE = 200;

let timer;
let pending = new AbortController();

/** Shows the prompt for the form's content. `read` returns `{prompt}` or `{options, isComplete}`. */
export function livePrompt(read) {
  const refresh = () => {
    clearTimeout(timer);
    pending.abort();
    timer = setTimeout(() => show(read()), PAUSE);
  };
  onLanguage(refresh);
  return refresh;
}

async function show({ prompt, options, isComplete }) {
  if (prompt !== undefined) return put(prompt.trim(), 'prompt_blank');
  if (!isComplete) return put('', 'prompt_missing');
  pending = new AbortController();
  const request = { body: JSON.stringify({ options }), signal: pending.signal };
  const response = await call('POST', '/api/prompt-preview', request).catch((error) => ({ error }));
  if (response.error?.name === 'AbortError') return;
  if (response.ok) {
    showFaults([]);
    return put(response.body.prompt, 'prompt_missing');
  }
  showFaults(response.body.errors ?? []);
  put('', 'prompt_faulty');
}

function put(prompt, otherwise) {
  const shown = prompt || text(otherwise);
  const place = byId('preview');
  place.classList.toggle('hint', !prompt);
  // A screen reader would read an unchanged text again.
  if (place.textContent !== shown) place.textContent = shown;
  byId('preview-length').textContent = prompt ? text('prompt_length', { count: [...prompt].length }) : '';
}
