// The photo slots: choose, drop, inspect and remove photos. No file leaves the page before a generation.

import { currentSession } from './api.js';
import { announce, byId, element, showFault } from './elements.js';
import { ROLES, formatOf, planPhotos } from './photo_plan.js';
import { onLanguage, size, text } from './texts.js';

const POINTERS = { face: '/face_image', product: '/product_images', background: '/background_image' };

/** Fills `place` with the slots, and calls `changed` after every change. */
export function photoSlots(place, changed) {
  let photos = [];
  const slots = Object.fromEntries(ROLES.map((role) => [role, slot(role)]));
  place.append(...ROLES.map((role) => slots[role].root));
  // Without this, a file dropped beside a slot would replace the page.
  for (const kind of ['dragover', 'drop']) window.addEventListener(kind, (event) => event.preventDefault());

  function slot(role) {
    const id = `photo-${role}`;
    const input = element('input', {
      type: 'file',
      id,
      accept: 'image/png,image/jpeg,image/webp',
      multiple: role === 'product',
      'aria-describedby': `${id}-hint ${id}-error`,
      onchange: async () => {
        await add(role, [...input.files]);
        input.value = '';
      },
    });
    const name = element('h3');
    const hint = element('span', { class: 'hint', id: `${id}-hint` });
    const invitation = element('span');
    const target = element(
      'label',
      { class: 'drop', for: id },
      element('span', { class: 'plus', 'aria-hidden': 'true' }, '+'),
      invitation,
      hint,
    );
    const list = element('ul', { class: 'thumbs' });
    const root = element(
      'div',
      { class: 'slot field', 'data-pointer': POINTERS[role], role: 'group', 'aria-labelledby': `${id}-name` },
      name,
      list,
      input,
      target,
      element('p', { class: 'field-error', id: `${id}-error`, role: 'alert' }),
    );
    name.id = `${id}-name`;
    const mark = (on) => (event) => {
      event.preventDefault();
      root.classList.toggle('over', on);
    };
    root.addEventListener('dragenter', mark(true));
    root.addEventListener('dragover', mark(true));
    root.addEventListener('dragleave', mark(false));
    root.addEventListener('drop', (event) => {
      mark(false)(event);
      add(role, [...event.dataTransfer.files]);
    });
    return { root, list, name, hint, invitation, input };
  }

  async function add(role, files) {
    const wanted = role === 'product' ? files : files.slice(0, 1);
    const results = await Promise.all(wanted.map((file) => inspect(file, role)));
    const good = results.filter((photo) => !photo.fault);
    if (role !== 'product' && good.length) discard(photos.filter((photo) => photo.role === role));
    photos = [...photos, ...good];
    draw();
    showFault(slots[role].root, null);
    const faults = results.filter((photo) => photo.fault).map((photo) => photo.fault);
    if (faults.length) showFault(slots[role].root, faults.join(' '));
    else if (good.length) announce(text('photo_added', { name: good.map((photo) => photo.name).join(', ') }));
    changed();
  }

  function discard(gone) {
    for (const photo of gone) URL.revokeObjectURL(photo.url);
    photos = photos.filter((photo) => !gone.includes(photo));
  }

  function remove(photo) {
    discard([photo]);
    draw();
    announce(text('photo_removed', { name: photo.name }));
    slots[photo.role].input.focus();
    changed();
  }

  function thumb({ photo, number, fate, way }) {
    const limits = currentSession().photos;
    const verdict = text(`fate_${fate}`, { number, most: fate === 'dropped' ? limits.most_sent : limits.most_accepted });
    return element(
      'li',
      { class: `thumb ${fate}` },
      element('span', { class: 'badge', 'aria-hidden': 'true' }, fate === 'sent' ? String(number) : '×'),
      element('img', { src: photo.url, alt: photo.name, width: photo.width, height: photo.height }),
      element(
        'div',
        { class: 'about' },
        element('strong', { title: photo.name }, photo.name),
        element('span', {}, `${size(photo.size)} · ${photo.width} × ${photo.height}`),
        element('span', { class: 'way' }, text(`way_${way}`)),
        element('span', { class: 'fate' }, verdict),
      ),
      element(
        'button',
        {
          type: 'button',
          class: 'quiet',
          'aria-label': text('remove_photo', { name: photo.name }),
          onclick: () => remove(photo),
        },
        text('remove'),
      ),
    );
  }

  function draw() {
    const { photos: limits } = currentSession();
    const plan = planPhotos(photos, limits);
    for (const role of ROLES) {
      const { list, name, hint, invitation } = slots[role];
      name.textContent = text(`slot_${role}`);
      hint.textContent = text(`slot_${role}_hint`);
      invitation.textContent = text('choose_photo');
      list.replaceChildren(...plan.filter(({ photo }) => photo.role === role).map(thumb));
    }
    const [count, most] = [limits.most_sent, size(limits.upload_bytes)];
    byId('photo-rules').textContent = text('photo_rules', { most, model: limits.model, count });
    byId('sending').hidden = plan.length === 0;
    byId('order').replaceChildren(
      ...plan.map(({ photo, fate, way, number }) =>
        element(
          'li',
          { class: fate },
          element('span', { class: 'badge', 'aria-hidden': 'true' }, fate === 'sent' ? String(number) : '×'),
          element('img', { src: photo.url, alt: '' }),
          element(
            'span',
            {},
            `${text(`slot_${photo.role}`)} · `,
            element(
              'span',
              { class: 'fate' },
              text(`fate_${fate}`, { number, most: fate === 'dropped' ? limits.most_sent : limits.most_accepted }),
            ),
            element('small', {}, text(`way_${way}`)),
          ),
        ),
      ),
    );
  }

  onLanguage(draw);
  draw();
  return { plan: () => planPhotos(photos, currentSession().photos), draw };
}

/** Checks a file's format, size and pixels before it is added. */
async function inspect(file, role) {
  const limits = currentSession().photos;
  const { name } = file;
  const type = formatOf(new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  if (!type) return { fault: text('photo_not_image', { name }) };
  if (file.size > limits.upload_bytes)
    return { fault: text('photo_too_large', { name, most: size(limits.upload_bytes) }) };
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    if (width * height > limits.pixels) throw text('photo_too_many_pixels', { name, most: limits.pixels / 1e6 });
    return { role, file, name, type, size: file.size, width, height, url };
  } catch (fault) {
    URL.revokeObjectURL(url);
    return { fault: typeof fault === 'string' ? fault : text('photo_not_image', { name }) };
  }
}

/** The photo as a `data:` URL. */
export const dataUrl = (photo) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(`data:${photo.type};base64,${reader.result.split(',')[1]}`);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(photo.file);
  });
