// The page, put together.

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

/** The API's own limit, in characters. */
const MOST_PROMPT = 5_000;

let options;
let photos;
let refreshPrompt;
let running = false;
/** The newest request: sent again under its key as long as it stays the same. */
let previous = null;
/** Shows the newest outcome; again when the language changes. */
let drawOutcome = () => {};

function complain(message) {
  byId('page-error').textContent = message ?? '';
  byId('page-error').hidden = !message;
}

/** Whether the person writes the prompt. */
const writes = () => document.querySelector('[name="way"]:checked').value === 'prompt';

/** What the form has: the part of the request that is no photo. */
function wanted() {
  return writes() ? { prompt: byId('prompt').value } : { options: options.value() };
}

function labels() {
  const coins = currentSession().coins_per_batch;
  byId('generate').textContent = running
    ? text('generating')
    : text(coins === 1 ? 'generate' : 'generate_many', { coins });
  byId('change-user').disabled = running;
  byId('prompt-count').textContent = text('characters', { count: [...byId('prompt').value].length, most: MOST_PROMPT });
}

function showWay() {
  byId('own-prompt').hidden = !writes();
  byId('option-lists').hidden = writes();
  refreshPrompt();
}

/** Opens the outcome's card with what `draw` puts there, and moves there. */
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
  const answer = await ask(begun, (stage) => {
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
  // A photo that is no longer in the bucket is uploaded anew the next time.
  if (answer.body.code === 'invalid_image') for (const { photo } of photos.plan()) delete photo.uploadedFor;
  openOutcome(() => {
    byId('outcome-title').textContent = text(answer.ok ? 'done_title' : 'failed_title');
    const card = answer.ok ? resultCard(answer) : problemCard(answer, make);
    byId('answer').replaceChildren(...[card, coinsBeforeAndAfter(before, after)].filter(Boolean));
  });
  announce(answer.ok ? text('done_title') : (answer.body.detail ?? text('failed_title')));
  showFaults(answer.body.errors ?? []);
  await refreshHistory();
}

/** Sends what the form has and answers what came of it, whatever that is. */
async function ask(begun, report) {
  let request;
  try {
    const body = await requestBody(wanted(), photos.plan(), report);
    // A failure is not stored, so the same request may try again under its key; anything else gets a new one.
    const isSame = previous?.body === body && previous.user === currentSession().user_id && !previous.answer?.ok;
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
  request.answer = (await generate(request, report)) ?? noConnection();
  return request.answer;
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

/** Browsers submit a form by Enter on any of its inputs. A coin is spent by the button only. */
function spendNothingByEnter(event) {
  if (event.key !== 'Enter' || event.target.tagName !== 'INPUT') return;
  event.preventDefault();
  if (event.target.type === 'file') event.target.click();
}

/** Signs in and shows what that user has. Answers whether it worked. */
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
  const liked = localStorage.getItem('language') ?? (navigator.language.startsWith('en') ? 'en' : 'id');
  setLanguage(LANGUAGES.includes(liked) ? liked : 'id');
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
  refreshPrompt = livePrompt(() => (writes() ? wanted() : { ...wanted(), isComplete: options.isComplete() }));
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
  byId('form').addEventListener('keydown', spendNothingByEnter);
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
