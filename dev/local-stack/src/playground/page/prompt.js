// The prompt as it will be sent, kept up to date while the person chooses.

import { call } from './api.js';
import { byId } from './elements.js';
import { showFaults } from './problem.js';
import { onLanguage, text } from './texts.js';

/** A pause in typing, in milliseconds, after which the prompt is asked for. */
const PAUSE = 200;

let timer;
let asked = new AbortController();

/** Shows the prompt of what the form has now. `read` answers `{prompt}` or `{options, isComplete}`. */
export function livePrompt(read) {
  const refresh = () => {
    clearTimeout(timer);
    asked.abort();
    timer = setTimeout(() => show(read()), PAUSE);
  };
  onLanguage(refresh);
  return refresh;
}

async function show({ prompt, options, isComplete }) {
  if (prompt !== undefined) return put(prompt.trim(), 'prompt_blank');
  if (!isComplete) return put('', 'prompt_missing');
  asked = new AbortController();
  const request = { body: JSON.stringify({ options }), signal: asked.signal };
  const answer = await call('POST', '/api/prompt-preview', request).catch((error) => ({ error }));
  if (answer.error?.name === 'AbortError') return;
  if (answer.ok) {
    showFaults([]);
    return put(answer.body.prompt, 'prompt_missing');
  }
  showFaults(answer.body.errors ?? []);
  put('', 'prompt_faulty');
}

function put(prompt, otherwise) {
  const shown = prompt || text(otherwise);
  const place = byId('preview');
  place.classList.toggle('hint', !prompt);
  // The same text again would be read aloud again.
  if (place.textContent !== shown) place.textContent = shown;
  byId('preview-length').textContent = prompt ? text('prompt_length', { count: [...prompt].length }) : '';
}
