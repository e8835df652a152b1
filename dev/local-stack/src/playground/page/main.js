// The page: puts its parts together.

import { call, currentSession, signIn } from './api.js';
import { coinButton, refreshCoins } from './coins.js';
import { debugDrawer, remember } from './debug.js';
import { announce, byId } from './elements.js';
import { faultMenu, rearm } from './faults.js';
import { generate, requestBody } from './generation.js';
import { historyList, refreshHistory } from './history.js';
import { optionForm } from './options.js';
import { photoSlots } from './photos.js';
import { problemCard, showFaults } from './problem.js';
import { livePrompt } from './prompt.js';
import { coinsBeforeAndAfter, resultCard } from './result.js';
import { LANGUAGES, language, onLanguage, setLanguage, text } from './texts.js';

/** The API's limit, in characters. */
const MAX_PROMPT = 5_000;

let options;
let photos;
let refreshPrompt;
let running = false;
/** The newest request. If the next one is the same, it is sent with the same key. */
let previous = null;
/** Shows the newest outcome, and shows it again when the language changes. */
let drawOutcome = () => {};

function complain(message) {
  byId('page-error').textContent = message ?? '';
  byId('page-error').hidden = !message;
}

/** Whether the user writes the prompt. */
const writesPrompt = () => document.querySelector('[name="way"]:checked').value === 'prompt';

/** The form's part of the request, without the photos. */
function wanted() {
  return writesPrompt() ? { prompt: byId('prompt').value } : { options: options.value() };
}

function labels() {
  const coins = currentSession().coins_per_batch;
  byId('generate').textContent = running
    ? text('generating')
    : text(coins === 1 ? 'generate' : 'generate_many', { coins });
  byId('change-user').disabled = running;
  byId('prompt-count').textContent = text('characters', { count: [...byId('prompt').value].length, most: MAX_PROMPT });
}

function showWay() {
  byId('own-prompt').hidden = !writesPrompt();
  byId('option-lists').hidden = writesPrompt();
  refreshPrompt();
}

/** Opens the outcome's card, fills it with `draw` and moves the focus there. */
function openOutcome(draw) {
  drawOutcome = draw;
  draw();
  byId('outcome').hidden = false;
  byId('outcome-title').focus({ preventScroll: true });
  byId('outcome').scrollIntoView({ block: 'nearest' });
}

async function make() {
  if (running) return;
  running = true;
  labels();
  byId('generate').setAttribute('aria-disabled', 'true');
  showFaults([]);
  byId('answer').replaceChildren();
  byId('waiting').hidden = false;
  const begun = Date.now();
  const clock = setInterval(() => {
    byId('elapsed').textContent = text('elapsed', { seconds: Math.round((Date.now() - begun) / 1000) });
  }, 500);
  openOutcome(() => {
    byId('outcome-title').textContent = text('stage_title');
  });
  const before = await refreshCoins();
  const held = setTimeout(refreshCoins, 700);
  const response = await ask(begun, (stage) => {
    byId('stage').textContent = stage;
  });
  clearInterval(clock);
  clearTimeout(held);
  const after = await refreshCoins();
  byId('elapsed').textContent = byId('stage').textContent = '';
  byId('waiting').hidden = true;
  running = false;
  labels();
  byId('generate').removeAttribute('aria-disabled');
  // The bucket may have deleted an uploaded photo: the next request uploads it again.
  if (response.body.code === 'invalid_image') for (const { photo } of photos.plan()) delete photo.uploadedFor;
  openOutcome(() => {
    byId('outcome-title').textContent = text(response.ok ? 'done_title' : 'failed_title');
    const card = response.ok ? resultCard(response) : problemCard(response, make);
    byId('answer').replaceChildren(...[card, coinsBeforeAndAfter(before, after)].filter(Boolean));
  });
  announce(response.ok ? text('done_title') : (response.body.detail ?? text('failed_title')));
  showFaults(response.body.errors ?? []);
  await refreshHistory();
}

/** Sends the form and returns the response, or a problem of the same form. */
async function ask(begun, report) {
  let request;
  try {
    const body = await requestBody(wanted(), photos.plan(), report);
    // A failed request may be tried again with its key, because failures are not stored. Other requests get a new key.
    const isSame = previous?.body === body && previous.user === currentSession().user_id && !previous.response?.ok;
    request = {
      body,
      key: isSame ? previous.key : crypto.randomUUID(),
      begun,
      user: currentSession().user_id,
      prompt: shownPrompt(),
    };
  } catch (refusal) {
    return uploadProblem(refusal);
  }
  previous = request;
  remember(request);
  await rearm();
  request.response = (await generate(request, report)) ?? noConnection();
  return request.response;
}

const shownPrompt = () => (byId('preview').classList.contains('hint') ? null : byId('preview').textContent);

const noConnection = () => ({
  ok: false,
  body: { title: text('no_connection'), detail: text('no_connection_detail') },
});

function uploadProblem(refusal) {
  if (refusal instanceof Error) return noConnection();
  if (refusal.body?.detail) return { ok: false, ...refusal };
  return {
    ok: false,
    status: refusal.status,
    body: { title: text('upload_failed'), detail: text('upload_failed_detail', { status: refusal.status }) },
  };
}

/** Browsers submit a form on Enter in any input. Only the button may spend a coin. */
function keepEnterFromSubmitting(event) {
  if (event.key !== 'Enter' || event.target.tagName !== 'INPUT') return;
  event.preventDefault();
  if (event.target.type === 'file') event.target.click();
}

/** Signs in and shows the user's name, or the error. Returns whether it worked. */
async function become(user) {
  try {
    await signIn(user);
  } catch (error) {
    byId('user-error').textContent = error.message;
    byId('user').setAttribute('aria-invalid', 'true');
    return false;
  }
  byId('user-error').textContent = '';
  byId('user').removeAttribute('aria-invalid');
  byId('user').value = currentSession().user_id;
  localStorage.setItem('user', currentSession().user_id);
  return true;
}

function accountBar() {
  byId('user-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    if (running || !(await become(byId('user').value.trim()))) return;
    announce(text('user_changed', { user: currentSession().user_id }));
    byId('outcome').hidden = true;
    await Promise.all([refreshCoins(), refreshHistory()]);
  });
  coinButton(complain);
}

function languageSwitch() {
  const preferred = localStorage.getItem('language') ?? (navigator.language.startsWith('en') ? 'en' : 'id');
  setLanguage(LANGUAGES.includes(preferred) ? preferred : 'id');
  for (const input of document.querySelectorAll('[name="language"]')) {
    input.checked = input.value === language();
    input.addEventListener('change', () => {
      localStorage.setItem('language', input.value);
      setLanguage(input.value);
    });
  }
}

async function start() {
  languageSwitch();
  const user = localStorage.getItem('user') ?? 'demo';
  if (!(await become(user)) && !(await become('demo'))) throw new Error(byId('user-error').textContent);
  const lists = (await call('GET', '/api/prompt-options')).body;
  refreshPrompt = livePrompt(() => (writesPrompt() ? wanted() : { ...wanted(), isComplete: options.isComplete() }));
  options = optionForm(byId('option-lists'), lists, refreshPrompt);
  photos = photoSlots(byId('slots'), () => {});
  for (const way of document.querySelectorAll('[name="way"]')) way.addEventListener('change', showWay);
  byId('prompt').addEventListener('input', () => {
    labels();
    refreshPrompt();
  });
  byId('form').addEventListener('submit', (event) => {
    event.preventDefault();
    make();
  });
  byId('form').addEventListener('keydown', keepEnterFromSubmitting);
  accountBar();
  historyList();
  debugDrawer();
  onLanguage(labels);
  onLanguage(() => drawOutcome());
  labels();
  showWay();
  await Promise.all([faultMenu(), refreshCoins(), refreshHistory()]);
  document.documentElement.dataset.ready = 'true';
}

start().catch((error) => {
  complain(text('stack_unreachable', { detail: error.message }));
  throw error;
});
