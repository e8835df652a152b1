// What went wrong, in plain words, and at the field where it did.

import { byId, element, showFault } from './elements.js';
import { TEXTS, text } from './texts.js';

/** The field on the page that a pointer such as `/options/pose` or `/product_images/1` leads to. */
function fieldAt(pointer) {
  for (let path = pointer; path; path = path.slice(0, path.lastIndexOf('/'))) {
    const field = document.querySelector(`[data-pointer="${CSS.escape(path)}"]`);
    if (field) return field;
  }
  return null;
}

/** Shows each fault at its field, and takes away those that were there. */
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

/** A pointer in words: `/options/pose` is the pose. */
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

/** The card's content for an answer that is a problem, or that is none of ours. */
export function problemCard(answer, retry) {
  const { title, detail, code, errors = [], message = '' } = answer.body;
  const words = element(
    'div',
    { lang: answer.headers?.get?.('content-language') ?? undefined },
    element('p', { class: 'problem-title' }, title ?? text('unexpected')),
    element('p', {}, detail ?? text('unexpected_detail', { status: answer.status, message })),
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
    element('p', { class: 'hint code' }, [answer.status, code].filter(Boolean).join(' · ')),
    element(
      'p',
      { class: 'copies' },
      code === 'insufficient_coins' && moreCoins(),
      element('button', { type: 'button', id: 'try-again', onclick: retry }, text('try_again')),
    ),
  );
}

/** The button at the top of the page, where it is needed. */
const moreCoins = () =>
  element('button', { type: 'button', onclick: () => byId('add-coins').click() }, byId('add-coins').textContent);
