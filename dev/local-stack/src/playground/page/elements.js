// Elements of the page, found by id or made without markup in strings, so that no text can become an element.

export const byId = (id) => document.getElementById(id);

/** Makes an element. Properties that start with `on` are listeners; others are attributes, left out if `false`. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Tells a screen reader what the page shows. */
export const announce = (message) => {
  byId('announcement').textContent = message;
};

/** Shows the field's error or removes it, and marks the field's inputs for screen readers. */
export function showFault(field, message, language = '') {
  const place = field.querySelector('.field-error');
  place.textContent = message ?? '';
  if (language) place.lang = language;
  else place.removeAttribute('lang');
  for (const input of field.querySelectorAll('input, textarea')) {
    if (message) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  }
}
