// The page: puts its parts together.

import { call, currentSession, signIn } from './api.js';
import { batchCards, closeCards, openCard, showBatch, showRunning } from './batches.js';
import { coinButton, refreshCoins } from './coins.js';
import { debugDrawer, remember } from './debug.js';
import { announce, byId } from './elements.js';
import { faultMenu, rearm } from './faults.js';
import { pauseFollowing, resumeFollowing, retryLost } from './follow.js';
import { batchOf, generate, requestBody } from './generation.js';
import { forgetHistory, historyList, refreshHistory } from './history.js';
import { optionForm } from './options.js';
import { photoSlots } from './photos.js';
import { showFaults } from './problem.js';
import { livePrompt } from './prompt.js';
import { LANGUAGES, language, onLanguage, setLanguage, text } from './texts.js';

/** The API's limit, in characters. */
const MAX_PROMPT = 5_000;

/** After how many milliseconds a batch is looked for again whose request was on its way when the page was reloaded. */
const LATE = 3_000;

let options;
let photos;
let refreshPrompt;
let running = false;
/** The newest request. If the next one is the same, it is sent with the same key. */
let previous = null;
/** This page's requests by the ids of their batches. */
const requests = new Map();

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

/** Makes the pictures that the form describes, or repeats an earlier request with its key. */
async function make(again) {
  if (running) return;
  running = true;
  labels();
  byId('generate').setAttribute('aria-disabled', 'true');
  showFaults([]);
  const begun = Date.now();
  const card = openCard(begun, again?.prompt ?? shownPrompt());
  card.sending('stage_waiting');
  card.focus();
  sessionStorage.setItem('asking', 'true');
  const held = setTimeout(refreshCoins, 700);
  const { request, response } = await ask(begun, again, (key, values) => card.sending(key, values));
  if (response.ok) {
    const batch = await batchOf(response);
    if (request) requests.set(batch.generation_id, request);
    showBatch(card, batch, { response, retry: request && (() => make(request)) });
  } else {
    // The bucket may have deleted an uploaded photo: the next request uploads it again.
    if (response.body.code === 'invalid_image') for (const { photo } of photos.plan()) delete photo.uploadedFor;
    card.problem(response, () => make());
    showFaults(response.body.errors ?? []);
  }
  clearTimeout(held);
  sessionStorage.removeItem('asking');
  running = false;
  labels();
  byId('generate').removeAttribute('aria-disabled');
  await Promise.all([refreshCoins(), look()]);
}

/** Sends the form, or an earlier request again. Returns the request and its response, or a problem of the same form. */
async function ask(begun, again, report) {
  let request;
  try {
    request = again ? { ...again, begun } : await newRequest(begun, report);
  } catch (refusal) {
    return { response: uploadProblem(refusal) };
  }
  previous = request;
  remember(request);
  await rearm();
  request.response = (await generate(request, report)) ?? noConnection();
  request.isToBeRepeated = !request.response.ok;
  return { request, response: request.response };
}

async function newRequest(begun, report) {
  const body = await requestBody(wanted(), photos.plan(), report);
  const user = currentSession().user_id;
  // A failed request may be tried again with its key, because failures are not stored. Other requests get a new key.
  const isSame = previous?.isToBeRepeated && previous.body === body && previous.user === user;
  return { body, key: isSame ? previous.key : crypto.randomUUID(), begun, user, prompt: shownPrompt() };
}

/** Looks for batches of the user that run, and follows them. */
async function look() {
  const batches = await refreshHistory();
  // While a request is on its way, the page does not know which of them is its own.
  if (!running) showRunning(batches);
}

/** A batch that was followed has ended. */
async function ended({ id }, batch) {
  const request = requests.get(id);
  if (request && batch) {
    request.response = { ...request.response, body: batch };
    request.isToBeRepeated = batch.status !== 'succeeded';
  }
  await Promise.all([refreshCoins(), refreshHistory()]);
}

/** The user comes back to the page: from another tab, by the back button, or by opening the laptop. */
function watchReturns() {
  const comeBack = () => {
    resumeFollowing();
    look();
    refreshCoins();
  };
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') comeBack();
  });
  window.addEventListener('pagehide', pauseFollowing);
  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted) comeBack();
  });
  window.addEventListener('online', retryLost);
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
    closeCards();
    forgetHistory();
    await Promise.all([refreshCoins(), look()]);
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
  batchCards(ended);
  debugDrawer();
  onLanguage(labels);
  labels();
  showWay();
  watchReturns();
  await Promise.all([faultMenu(), refreshCoins(), look()]);
  // The page was reloaded before the response: the batch may reach the history a little later than the page.
  if (sessionStorage.getItem('asking')) setTimeout(look, LATE);
  sessionStorage.removeItem('asking');
  document.documentElement.dataset.ready = 'true';
}

start().catch((error) => {
  complain(text('stack_unreachable', { detail: error.message }));
  throw error;
});
