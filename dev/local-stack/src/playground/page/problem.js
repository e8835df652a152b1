// A problem in plain words, with each error at its field.

import { byId, element, showFault } from './elements.js';
import { TEXTS, text } from './texts.js';

/** The page's field for a pointer such as `/options/pose` or `/product_images/1`. */
function fieldAt(pointer) {
  for (let path = pointer; path; path = path.slice(0, path.lastIndexOf('/'))) {
    const field = document.querySelector(`[data-pointer="${CSS.escape(path)}"]`);
    if (field) return field;
  }
  return null;
}

/** Shows each error at its field and removes the earlier ones. */
export function showFaults(faults) {
  for (const field of document.querySelectorAll('[data-pointer]')) showFault(field, null);
  const fields = new Map();
  for (const { pointer, message } of faults) {
    const field = fieldAt(pointer);
    if (field) fields.set(field, [...(fields.get(field) ?? []), message]);
  }
  for (const [field, messages] of fields) {
    showFault(field, messages.join('; '), 'en');
    field.closest('details')?.setAttribute('open', '');
  }
}

function goTo(pointer) {
  const field = fieldAt(pointer);
  field.closest('details')?.setAttribute('open', '');
  const input = field.querySelector('input:checked, textarea') ?? field.querySelector('input');
  input.focus();
  field.scrollIntoView({ block: 'center' });
}

/** The name of the pointer's field. */
function nameOf(pointer) {
  const field =
    pointer
      .split('/')
      .filter((part) => !/^\d+$/.test(part))
      .at(-1) ?? '';
  const key = {
    face_image: 'slot_face',
    product_images: 'slot_product',
    background_image: 'slot_background',
    prompt: 'own_prompt',
  }[field];
  return TEXTS[`field_${field}`] ? text(`field_${field}`) : key ? text(key) : field;
}

/** Why a batch failed, in plain words. */
export function failureWords({ status, error_code: code }) {
  const key = status === 'expired' ? 'expired' : code;
  return text(`failure_${`failure_${key}` in TEXTS ? key : 'other'}`);
}

/** The card's content for a response that is a problem, or that is not from the API at all. */
export function problemCard(response, retry) {
  const { title, detail, code, errors = [], message = '' } = response.body;
  const words = element(
    'div',
    { lang: response.headers?.get?.('content-language') ?? undefined },
    element('p', { class: 'problem-title' }, title ?? text('unexpected')),
    element('p', {}, detail ?? text('unexpected_detail', { status: response.status, message })),
  );
  const faults = errors.map(({ pointer, message: fault }) =>
    element(
      'li',
      {},
      fieldAt(pointer)
        ? element(
            'button',
            {
              type: 'button',
              class: 'link',
              'aria-label': text('to_field', { field: nameOf(pointer) }),
              onclick: () => goTo(pointer),
            },
            nameOf(pointer),
          )
        : nameOf(pointer),
      ': ',
      element('span', { lang: 'en' }, fault),
    ),
  );
  return element(
    'div',
    { class: 'problem' },
    words,
    faults.length > 0 && element('ul', {}, ...faults),
    element('p', { class: 'hint code' }, [response.status, code].filter(Boolean).join(' · ')),
    element(
      'p',
      { class: 'copies' },
      code === 'insufficient_coins' && moreCoins(),
      element('button', { type: 'button', class: 'try-again', onclick: retry }, text('try_again')),
    ),
  );
}

/** A copy of the button at the top of the page, at the place where the user needs it. */
const moreCoins = () =>
  element('button', { type: 'button', onclick: () => byId('add-coins').click() }, byId('add-coins').textContent);
