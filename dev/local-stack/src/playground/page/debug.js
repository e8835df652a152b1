// The debug drawer: what was sent, what fal got, what was answered, and how to do it again elsewhere.

import { call, currentSession } from './api.js';
import { curl, eventFixture, shown } from './copies.js';
import { byId, element } from './elements.js';
import { PATH } from './generation.js';
import { onLanguage, text } from './texts.js';

let last = null;
const pretty = (value) => JSON.stringify(shown(value), null, 2);

/** Keeps the newest request, `{body, key, begun}`, and later its answer. */
export function remember(request) {
  last = request;
}

/** Makes the drawer work. */
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
  const [entry, asked] = await Promise.all([lastPrompt(), askedOfFal()]);
  byId('debug-parts').replaceChildren(
    ...[
      last ? request() : element('p', { class: 'hint' }, text('debug_nothing')),
      payload(entry, asked),
      part('last-prompt', text('debug_last_prompt'), entry, text('debug_last_prompt_none')),
      last?.answer && part('answer', text('debug_answer'), last.answer.body),
    ].filter(Boolean),
  );
}

/** The last-prompt entry; asked for only where there is one, because a 404 would look like a mistake. */
async function lastPrompt() {
  const history = await call('GET', '/api/generations?limit=1').catch(() => null);
  if (!history?.body.generations?.length) return null;
  const answer = await call('GET', '/api/debug/last-prompt').catch(() => null);
  return answer?.ok ? answer.body : null;
}

/** What the double got from the newest request of this page; `null` where another fal is asked. */
async function askedOfFal() {
  const { control } = currentSession().fal;
  if (!control || !last) return null;
  const response = await fetch(`${control}/requests`).catch(() => null);
  const requests = response?.ok ? await response.json() : [];
  return requests.filter(
    ({ started_at: started, body }) =>
      Date.parse(started) >= last.begun && (!last.prompt || body?.prompt === last.prompt),
  );
}

function payload(entry, asked) {
  const title = text(asked ? 'debug_payload' : 'debug_payload_record');
  const made = part('payload', title, asked ? asked[0]?.body : entry?.payload, text('debug_payload_none'));
  if (asked?.length) {
    const answers = asked
      .map(({ status, fault }) => [status ?? text('debug_fal_pending'), fault].filter(Boolean).join(' '))
      .join(', ');
    made.insertBefore(
      element(
        'p',
        { class: 'hint' },
        `${asked[0].endpoint}. ${text('debug_fal_answers', { count: asked.length, answers })}`,
      ),
      made.children[1],
    );
  }
  return made;
}

function request() {
  const { user_id: user } = currentSession();
  const made = part('request', text('debug_request'), JSON.parse(last.body));
  const again = { path: PATH, body: last.body, key: last.key };
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
