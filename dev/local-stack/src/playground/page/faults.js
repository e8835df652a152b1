// The fault menu makes the fal double fail, so that anyone can see that a failure costs nothing.

import { currentSession } from './api.js';
import { byId, element } from './elements.js';
import { onLanguage, text } from './texts.js';

/** Each fault's name in the texts, and the body that sets it in the double. `null` means no fault. */
const FAULTS = {
  none: null,
  slow: { fault: 'slow' },
  refused: { fault: 'content_policy_violation' },
  black: { fault: 'black_picture' },
  half: { fault: 'internal_error', skip: 1, times: 1 },
  locked: { fault: 'account_locked' },
};

let chosen = 'none';
let others = [];

/** Shows the menu and the active fault, if the stack uses the double. */
export async function faultMenu() {
  const { fal } = currentSession();
  byId('faults').hidden = !fal.control;
  byId('fal-notice').hidden = false;
  const notice = () => {
    byId('fal-notice').textContent = text(`fal_${fal.kind}`, { host: fal.host });
    byId('fal-notice').classList.toggle('bad', fal.kind === 'real');
  };
  onLanguage(notice);
  notice();
  if (!fal.control) return;
  onLanguage(draw);
  const { active_faults: active } = await (await fetch(fal.control)).json();
  const known = Object.entries(FAULTS).find(
    ([, injection]) => injection && active.length === 1 && active[0].fault === injection.fault,
  );
  chosen = active.length === 0 ? 'none' : (known?.[0] ?? 'other');
  others = active.map(({ fault }) => fault);
  draw();
}

function draw() {
  const choices = Object.keys(FAULTS).map((name) => {
    const input = element('input', {
      type: 'radio',
      name: 'fault',
      value: name,
      id: `fault-${name}`,
      onchange: () => choose(name),
    });
    input.checked = name === chosen;
    return element(
      'label',
      { class: 'choice' },
      input,
      element('span', {}, element('span', {}, text(`fault_${name}`)), element('small', {}, text(`fault_${name}_hint`))),
    );
  });
  const legend = byId('fault-choices').querySelector('legend');
  byId('fault-choices').replaceChildren(legend, ...choices);
  describe();
}

function describe() {
  byId('fault-chosen').textContent =
    chosen === 'other' ? text('fault_other', { names: others.join(', ') }) : text(`fault_${chosen}`);
  byId('faults').classList.toggle('active', chosen !== 'none');
}

async function choose(name) {
  chosen = name;
  describe();
  const set = await arm(name);
  byId('fault-error').textContent = set ? '' : text('fault_failed');
}

/** Sets the chosen fault again if it lasts for a limited number of calls. Other faults stay. */
export async function rearm() {
  if (FAULTS[chosen]?.times) await arm(chosen);
}

/** Makes this fault the double's only one. Returns whether that worked. */
async function arm(name) {
  const faults = `${currentSession().fal.control}/faults`;
  try {
    const cleared = await fetch(faults, { method: 'DELETE' });
    if (!FAULTS[name]) return cleared.ok;
    const set = await fetch(faults, { method: 'POST', body: JSON.stringify(FAULTS[name]) });
    return cleared.ok && set.ok;
  } catch {
    return false;
  }
}
