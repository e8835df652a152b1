// The option lists, built from `/api/prompt-options`.

import { element } from './elements.js';
import { TEXTS, language, onLanguage, otherLanguage, text } from './texts.js';

/** The required lists are always open; the others can be folded. */
const REQUIRED = ['content_type', 'model_type', 'category'];

/** The choices of a new page, so that it shows a prompt at once. */
const INITIAL_CHOICES = { content_type: 'Model', model_type: 'Woman', category: 'Fashion' };

const fieldName = (field) => (TEXTS[`field_${field}`] ? text(`field_${field}`) : field);

/** Fills `place` with the lists, and calls `changed` after every change. */
export function optionForm(place, { lists, texts }, changed) {
  const chosen = { ...INITIAL_CHOICES };
  const written = {};
  const open = new Set(['pose']);

  const isOffered = ({ offered_with: offered }) =>
    !offered ||
    ((!offered.content_type || offered.content_type === chosen.content_type) &&
      (offered.category.length === 0 || offered.category.includes(chosen.category)));

  const isShown = (list) => list.field !== 'model_type' || chosen.content_type === 'Model';

  function choose(list, value) {
    chosen[list.field] = value;
    // A pose that the new choices no longer offer is hidden, so it is no longer chosen either.
    for (const other of lists) {
      const current = other.choices.find((choice) => choice.value === chosen[other.field]);
      if (current && !isOffered(current)) chosen[other.field] = '';
    }
    if (list.field === 'content_type' || list.field === 'category') drawAll();
    else describe(list);
    changed();
  }

  function choice(list, { value, main, other }) {
    const input = element('input', {
      type: 'radio',
      name: list.field,
      value,
      id: `${list.field}-${value || 'any'}`.replace(/[^\w-]/g, '_'),
      onchange: () => choose(list, value),
    });
    input.checked = (chosen[list.field] ?? '') === value;
    const second = other !== main && element('small', { lang: otherLanguage() }, other);
    return element('label', { class: 'choice' }, input, element('span', {}, element('span', {}, main), second));
  }

  function choices(list) {
    const offered = list.choices
      .filter(isOffered)
      .map(({ value, labels }) => choice(list, { value, main: labels[language()], other: labels[otherLanguage()] }));
    const none = !REQUIRED.includes(list.field) && choice(list, { value: '', main: text('any'), other: text('any') });
    return element('div', { class: 'grid' }, none, ...offered);
  }

  /** A text field with its counter. */
  function words(field, label, most, hint) {
    const id = `text-${field}`;
    const count = element('span');
    const tell = () => {
      count.textContent = text('characters', { count: input.value.length, most });
    };
    const input = element('textarea', {
      id,
      rows: field === 'additional_prompt' ? 3 : 1,
      'aria-describedby': `${id}-hint ${id}-error`,
      oninput: () => {
        written[field] = input.value;
        tell();
        describeAll();
        changed();
      },
    });
    input.value = written[field] ?? '';
    tell();
    return element(
      'div',
      { class: 'field', 'data-pointer': `/options/${field}` },
      element('label', { for: id }, label),
      input,
      element('p', { class: 'hint', id: `${id}-hint` }, hint ? `${hint} ` : '', count),
      element('p', { class: 'field-error', id: `${id}-error` }),
    );
  }

  /** The choice that a folded list shows. */
  function summary(list) {
    const own = list.custom_field && written[list.custom_field]?.trim();
    const found = list.choices.find((known) => known.value === chosen[list.field]);
    return own || found?.labels[language()] || text('any');
  }

  function describe(list) {
    const shown = place.querySelector(`[data-list="${list.field}"] .list-chosen`);
    if (shown) shown.textContent = summary(list);
  }

  const describeAll = () => lists.forEach(describe);

  function draw(list) {
    const name = fieldName(list.field);
    const error = element('p', { class: 'field-error', id: `${list.field}-error` });
    const pointer = { 'data-pointer': `/options/${list.field}`, 'data-list': list.field };
    if (REQUIRED.includes(list.field)) {
      return element(
        'fieldset',
        { class: 'field', 'aria-describedby': error.id, ...pointer },
        element('legend', {}, name),
        choices(list),
        error,
      );
    }
    const own =
      list.custom_field && words(list.custom_field, text('or_own_words'), list.max_chars, text('own_words_win'));
    const note = list.field === 'aspect_ratio' && element('p', { class: 'hint' }, text('aspect_ratio_note'));
    const folded = element(
      'details',
      {
        class: 'list',
        open: open.has(list.field),
        'data-list': list.field,
        ontoggle: () => open[folded.open ? 'add' : 'delete'](list.field),
      },
      element(
        'summary',
        {},
        element('span', { class: 'list-name' }, name),
        ' ',
        element('span', { class: 'list-chosen' }, summary(list)),
      ),
      element(
        'fieldset',
        { class: 'field', 'aria-describedby': error.id, 'data-pointer': pointer['data-pointer'] },
        element('legend', { class: 'unseen' }, name),
        note,
        choices(list),
        error,
      ),
      own,
    );
    return folded;
  }

  function drawAll() {
    const focused = document.activeElement?.id;
    const others = texts.map(({ field, max_chars: most }) => words(field, fieldName(field), most));
    place.replaceChildren(...lists.filter(isShown).map(draw), ...others);
    if (focused && place.querySelector(`#${CSS.escape(focused)}`)) document.getElementById(focused).focus();
  }

  onLanguage(drawAll);
  drawAll();
  return {
    /** The options for the API: only those that the user chose or wrote. */
    value() {
      const hidden = lists.filter((list) => !isShown(list)).map((list) => list.field);
      const all = Object.entries({ ...chosen, ...written });
      return Object.fromEntries(all.filter(([field, value]) => value.trim() !== '' && !hidden.includes(field)));
    },
    /** Whether every required option is chosen. */
    isComplete: () =>
      lists.filter((list) => REQUIRED.includes(list.field) && isShown(list)).every((list) => chosen[list.field]),
  };
}
