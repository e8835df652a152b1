// The debug drawer: the newest request, what fal got, the response, and ways to repeat the request elsewhere.

import { call, currentSession } from './api.js';
import { curl, eventFixture, shown } from './copies.js';
import { byId, element } from './elements.js';
import { PATH, PREFER } from './generation.js';
import { onLanguage, text } from './texts.js';

let last = null;
const pretty = (value) => JSON.stringify(shown(value), null, 2);

/** Keeps the newest request, `{body, key, begun}`. Its response is added later. */
export function remember(request) {
  last = request;
}

export function debugDrawer() {
  const drawer = byId('debug');
  byId('open-debug').addEventListener('click', async () => {
    drawer.showModal();
    byId('debug-title').focus();
    await draw();
  });
  byId('close-debug').addEventListener('click', () => drawer.close());
  drawer.addEventListener('click', (event) => {
    if (event.target === drawer) drawer.close();
  });
  onLanguage(() => {
    if (drawer.open) draw();
  });
}

async function draw() {
  const [entry, toFal] = await Promise.all([lastPrompt(), requestsToFal()]);
  byId('debug-parts').replaceChildren(
    ...[
      last ? request() : element('p', { class: 'hint' }, text('debug_nothing')),
      payload(entry, toFal),
      part('last-prompt', text('debug_last_prompt'), entry, text('debug_last_prompt_none')),
      last?.response && part('answer', text('debug_answer'), last.response.body),
    ].filter(Boolean),
  );
}

/** The last-prompt entry. It is fetched only if there is one, because a 404 would look like an error. */
async function lastPrompt() {
  const history = await call('GET', '/api/generations?limit=1').catch(() => null);
  if (!history?.body.generations?.length) return null;
  const response = await call('GET', '/api/debug/last-prompt').catch(() => null);
  return response?.ok ? response.body : null;
}

/** What the double got from this page's newest request; `null` if the stack uses another fal. */
async function requestsToFal() {
  const { control } = currentSession().fal;
  if (!control || !last) return null;
  const response = await fetch(`${control}/requests`).catch(() => null);
  const requests = response?.ok ? await response.json() : [];
  return requests.filter(
    ({ started_at: started, body }) =>
      Date.parse(started) >= last.begun && (!last.prompt || body?.prompt === last.prompt),
  );
}

function payload(entry, toFal) {
  const title = text(toFal ? 'debug_payload' : 'debug_payload_record');
  const made = part('payload', title, toFal ? toFal[0]?.body : entry?.payload, text('debug_payload_none'));
  if (toFal?.length) {
    const answers = toFal
      .map(({ status, fault }) => [status ?? text('debug_fal_pending'), fault].filter(Boolean).join(' '))
      .join(', ');
    made.insertBefore(
      element(
        'p',
        { class: 'hint' },
        `${toFal[0].endpoint}. ${text('debug_fal_answers', { count: toFal.length, answers })}`,
      ),
      made.children[1],
    );
  }
  return made;
}

function request() {
  const { user_id: user } = currentSession();
  const made = part('request', text('debug_request'), JSON.parse(last.body));
  const again = { path: PATH, body: last.body, key: last.key, prefer: PREFER };
  made.append(
    element(
      'p',
      { class: 'copies' },
      copyButton('copy-curl', text('copy_curl'), () => curl(location.origin, user, again)),
      copyButton('copy-event', text('copy_event'), () => eventFixture(location.host, user, again)),
    ),
  );
  return made;
}

function part(id, title, value, otherwise) {
  const content =
    value === null || value === undefined
      ? element('p', { class: 'hint' }, otherwise)
      : element(
          'pre',
          { id: `debug-${id}`, tabindex: '0', role: 'region', 'aria-label': title, lang: 'en' },
          pretty(value),
        );
  const copy = value
    ? copyButton(`copy-${id}`, text('copy'), () => pretty(value), text('copy_part', { part: title }))
    : null;
  return element('section', {}, element('h3', {}, title), content, copy);
}

function copyButton(id, label, make, longLabel) {
  return element(
    'button',
    {
      type: 'button',
      id,
      'aria-label': longLabel,
      onclick: async () => {
        const done = await navigator.clipboard.writeText(make()).then(
          () => true,
          () => false,
        );
        byId('copied').textContent = '';
        byId('copied').textContent = text(done ? 'copied' : 'copy_failed');
        const button = byId(id);
        button.textContent = text(done ? 'copied' : 'copy_failed');
        setTimeout(() => {
          button.textContent = label;
        }, 2000);
      },
    },
    label,
  );
}
