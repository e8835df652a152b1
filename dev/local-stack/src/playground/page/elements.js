// Elements of the page: found by id, and made without markup in strings, so that no text can become an element.

export const byId = (id) => document.getElementById(id);

/** Makes an element. A property that begins with `on` is a listener; others are attributes; `false` is none. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Says to a screen reader what is seen on the page anyway. */
export const announce = (message) => {
  byId('announcement').textContent = message;
};

/** Shows what is wrong with a field, or nothing, and marks its inputs for screen readers. */
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
