// A merchant uses the whole page, by clicks.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { largePhoto, smallPhoto } from './pngs.js';
import { ROOT } from './stack.js';
import { DESKTOP, setScene, visit } from './visit.js';

const scene = setScene();

/** Drops a file on a slot, as a mouse does. */
async function drop(page, slot, { name, mimeType, buffer }) {
  const transfer = await page.evaluateHandle(
    ({ bytes, file, type }) => {
      const carried = new DataTransfer();
      carried.items.add(new File([Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))], file, { type }));
      return carried;
    },
    { bytes: buffer.toString('base64'), file: name, type: mimeType },
  );
  await page.dispatchEvent(slot, 'drop', { dataTransfer: transfer });
}

test('options become two pictures for one coin', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const { page } = merchant;
  assert.equal(await merchant.coins(), 10);
  await merchant.choose('Non Model', 'content_type');
  assert.equal(await page.locator('[data-list="model_type"]').count(), 0, 'a product alone needs no model');
  await merchant.choose('Dua tangan menampilkan produk', 'pose');
  await merchant.choose('Tas', 'category');
  await merchant.promptIs(
    'Product photography, for Bag, in Two hands presenting product pose, photorealistic resolusi HD',
  );
  await merchant.choose('Model', 'content_type');
  await merchant.promptIs('A Woman model, for Bag, photorealistic resolusi HD');
  await merchant.choose('Mirror selfie', 'pose');
  await merchant.choose('Golden Hour', 'lighting');
  await merchant.choose('9:16', 'aspect_ratio');
  await page.locator('details[data-list="background"] summary').click();
  await page.fill('#text-custom_background_prompt', 'a market in Bandung');
  const prompt =
    'A Woman model, for Bag, in Mirror selfie using iPhone pose, with a market in Bandung background, ' +
    'with Golden Hour lighting, in 9:16 aspect ratio, photorealistic resolusi HD';
  await merchant.promptIs(prompt);
  await merchant.generate();

  assert.equal(await merchant.text('.batch-title'), 'Gambar Anda sudah jadi');
  assert.equal(await merchant.receipt(), '1 koin dipakai Sisa 9 koin');
  assert.equal(await merchant.coins(), 9);
  assert.deepEqual(await merchant.pictureSizes(), [1024, 1024]);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#batches a[download] >> nth=1')]);
  assert.match(download.suggestedFilename(), /^potret-[0-9a-f]{8}-2\.jpeg$/);
  const picture = readFileSync(await download.path());
  assert.deepEqual([...picture.subarray(0, 3)], [0xff, 0xd8, 0xff]);
  assert.ok((await merchant.text('#history li:first-child')).includes(prompt));
  // This screenshot is the picture in the README.
  await page.setViewportSize({ width: 1440, height: 1150 });
  await page.locator('details[data-list="pose"] summary').click();
  await page.evaluate(() => scrollTo({ top: 0, behavior: 'instant' }));
  await merchant.screenshot('text-to-image');
  await merchant.end();
});

test('a photo of 6 MB is uploaded first, and the badges show the order of the photos', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const { page } = merchant;
  const coins = await merchant.coins();
  await page.setInputFiles('#photo-background', smallPhoto('latar.png', 200));
  await drop(page, '[data-pointer="/product_images"]', largePhoto('tas.png'));
  await page.locator('.thumb', { hasText: 'tas.png' }).waitFor();
  await page.setInputFiles('#photo-face', smallPhoto('wajah.png'));
  await page.locator('.thumb', { hasText: 'wajah.png' }).waitFor();
  const order = await page.locator('#order li').allInnerTexts();
  assert.deepEqual(
    order.map((line) => line.replace(/\s+/g, ' ')),
    [
      '1 Wajah · Dikirim ke-1 di dalam permintaan',
      '2 Produk · Dikirim ke-2 diunggah lebih dahulu',
      '3 Latar · Dikirim ke-3 di dalam permintaan',
    ],
  );
  const put = page.waitForRequest((request) => request.method() === 'PUT');
  await merchant.generate();
  assert.ok(Number((await (await put).allHeaders())['content-length']) > 6_000_000);
  assert.equal(await merchant.receipt(), `1 koin dipakai Sisa ${coins - 1} koin`);
  assert.equal(await merchant.coins(), coins - 1);
  assert.equal((await merchant.pictureSizes()).length, 2);
  await merchant.screenshot('image-to-image');

  await page.click('#open-debug');
  const payload = JSON.parse(await merchant.text('#debug-payload'));
  assert.equal(payload.image_urls.length, 3);
  assert.match(payload.image_urls[0], /\/face\.png$/);
  assert.match(payload.image_urls[1], /\/by-client\/[0-9a-f-]+$/);
  assert.match(payload.image_urls[2], /\/background\.png$/);
  assert.ok(!(await merchant.text('#debug')).includes('X-Amz-Signature'));
  await merchant.screenshot('debug');
  await merchant.end();
});

test('the copied curl command and the copied event repeat the request with the same key, at no cost', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const { page } = merchant;
  await page.check('[name="way"][value="prompt"]', { force: true });
  await page.fill('#prompt', "A bag in O'Hare's window");
  await merchant.promptIs("A bag in O'Hare's window");
  await merchant.generate();
  const coins = await merchant.coins();
  await page.click('#open-debug');
  const answer = JSON.parse(await merchant.text('#debug-answer'));
  const entry = JSON.parse(await merchant.text('#debug-last-prompt'));
  assert.deepEqual([entry.generation_id, entry.status], [answer.generation_id, 'succeeded']);

  const copied = async (button) => {
    await page.click(button);
    await page.locator(button, { hasText: 'Tersalin' }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const curl = await copied('#copy-curl');
  assert.ok(!curl.includes('Bearer ey'), 'no token is shown');
  assert.ok(curl.includes("-H 'Prefer: respond-async, wait=20'"), curl);
  const asked = JSON.parse(execFileSync('bash', ['-c', curl], { cwd: ROOT, encoding: 'utf8' }));
  assert.deepEqual(asked, answer);
  const event = await copied('#copy-event');
  assert.equal(JSON.parse(event).headers.prefer, 'respond-async, wait=20');
  const invoked = await fetch(`${scene.stack.url}/2015-03-31/functions/generate-image/invocations`, {
    method: 'POST',
    body: event,
  });
  assert.deepEqual(JSON.parse((await invoked.json()).body), answer);
  await page.keyboard.press('Escape');
  assert.equal(await merchant.coins(), coins);
  await merchant.end();
});

test('a new user without coins gets a refusal, adds coins and gets pictures', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  await merchant.becomes('toko-baru');
  assert.equal(await merchant.coins(), 0);
  merchant.expectRefusal(403);
  await merchant.generate();
  assert.match(await merchant.text('#batches'), /Koin Anda tidak cukup untuk pembuatan gambar ini\./);
  assert.equal(await merchant.receipt(), 'Tidak ada koin yang dipakai');
  await merchant.screenshot('insufficient-coins');
  await merchant.page.click('#batches .problem button >> nth=0');
  await merchant.page.locator('#coins', { hasText: '10 koin' }).waitFor();
  await merchant.page.click('.try-again');
  await merchant.outcome();
  assert.equal(await merchant.coins(), 9);
  await merchant.end();
});

test('a request whose response was lost is sent again with the same key and charged once', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const coins = await merchant.coins();
  let losses = 2;
  await merchant.page.route('**/api/generate-image', async (route) => {
    if (losses-- > 0) {
      await route.fetch();
      await route.abort('connectionreset');
    } else await route.continue();
  });
  await merchant.generate();
  assert.match(await merchant.text('#batches'), /Jawaban yang tersimpan/);
  assert.equal(await merchant.coins(), coins - 1);
  await merchant.page.context().close();
});

test('pictures whose response is lost for good are found in the history', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const coins = await merchant.coins();
  let reached = false;
  await merchant.page.route('**/api/generate-image', async (route) => {
    if (!reached) await route.fetch();
    reached = true;
    await route.abort('connectionreset');
  });
  await merchant.generate();
  assert.equal((await merchant.pictureSizes()).length, 2);
  assert.equal(await merchant.receipt(), `1 koin dipakai Sisa ${coins - 1} koin`);
  await merchant.page.context().close();
});

test('the page works on localhost as well as on 127.0.0.1', async () => {
  const merchant = await visit(scene.browser, scene.stack.url.replace('127.0.0.1', 'localhost'));
  const coins = await merchant.coins();
  await merchant.page.setInputFiles('#photo-face', largePhoto('wajah.png'));
  await merchant.page.locator('.thumb').waitFor();
  await merchant.generate();
  assert.equal((await merchant.pictureSizes()).filter((width) => width > 0).length, 2);
  assert.equal(await merchant.coins(), coins - 1);
  await merchant.end();
});

test('an error is shown at its field', async () => {
  const merchant = await visit(scene.browser, scene.stack.url, { ...DESKTOP, locale: 'en-US' });
  const { page } = merchant;
  await page.check('[name="way"][value="prompt"]', { force: true });
  merchant.expectRefusal(422);
  await merchant.generate();
  assert.equal(await merchant.text('#prompt-error'), 'is required, unless options are given');
  assert.equal(await page.getAttribute('#prompt', 'aria-invalid'), 'true');
  await page.click('#batches .link');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'prompt');
  await page.setInputFiles('#photo-face', {
    name: 'notes.png',
    mimeType: 'image/png',
    buffer: Buffer.from('not a picture'),
  });
  await page.locator('#photo-face-error', { hasText: 'notes.png is not a PNG, JPEG or WebP image.' }).waitFor();
  await merchant.end();
});

test('a user who chooses English sees only English, also after a reload', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const { page } = merchant;
  await page.check('[name="language"][value="en"]', { force: true });
  await page.fill('#text-additional_prompt', 'with a ribbon');
  await merchant.open();
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  assert.equal(await merchant.text('#generate'), 'Make 2 pictures · 1 coin');
  assert.deepEqual((await merchant.text('[data-list="model_type"] .choice >> nth=0')).split(/\s+/), [
    'Woman',
    'Wanita',
  ]);
  const indonesian = await page.evaluate(() => {
    // A label's second line is in the other language and has a `lang` attribute.
    const seen = [...document.querySelectorAll('body :not(script, noscript, [lang="id"])')].filter(
      (part) => !part.closest('[lang="id"]') && part.closest('[hidden], noscript') === null,
    );
    const own = seen.flatMap((part) =>
      [...part.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data),
    );
    return own.filter((text) => /\b(yang|dengan|atau|pilih|gambar|koin|foto|bebas)\b/i.test(text));
  });
  assert.deepEqual(indonesian, []);
  await merchant.end();
});
