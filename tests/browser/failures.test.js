// The fault menu: every failure is explained in plain words and costs nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStack } from './stack.js';
import { setScene, visit } from './visit.js';

const scene = setScene();

const FAILURES = [
  ['Ditolak', 'refused', 422, 'Prompt atau gambar ditolak karena tidak aman. Koin Anda tidak berkurang.'],
  ['Gambar hitam', 'black', 422, 'Prompt atau gambar ditolak karena tidak aman. Koin Anda tidak berkurang.'],
  ['Satu dari dua gagal', 'half', 502, 'Penyedia gambar tidak dapat membuat gambar. Koin Anda tidak berkurang.'],
  [
    'Akun terkunci',
    'locked',
    503,
    'Penyedia gambar sedang sibuk. Koin Anda tidak berkurang; silakan coba lagi sebentar lagi.',
  ],
];

for (const [label, name, status, words] of FAILURES) {
  test(`${name}: the failure is explained in plain words and costs nothing`, async () => {
    const merchant = await visit(scene.browser, scene.stack.url);
    const { page } = merchant;
    const coins = await merchant.coins();
    await page.click('#faults summary');
    await page.locator('#fault-choices .choice', { hasText: label }).click();
    assert.equal(await merchant.text('#fault-chosen'), label);
    merchant.expectRefusal(status);
    await merchant.generate();
    assert.ok((await merchant.text('#batches')).includes(words), await merchant.text('#batches'));
    assert.equal(await merchant.receipt(), 'Tidak ada koin yang dipakai');
    assert.equal(await merchant.coins(), coins);
    await merchant.screenshot(`failure-${name}`);

    await page.click('#open-debug');
    assert.equal(JSON.parse(await merchant.text('#debug-last-prompt')).status, 'failed');
    await page.keyboard.press('Escape');
    await page.locator('#fault-choices .choice', { hasText: 'Tidak ada' }).click();
    await page.click('.try-again');
    await merchant.outcome();
    assert.equal(await merchant.coins(), coins - 1, 'the retry works and costs a coin');
    await merchant.end();
  });
}

test('a page that opens shows the fault that is already active', async () => {
  const faults = `${scene.stack.url}/_local/fal/_control/faults`;
  await fetch(faults, { method: 'POST', body: JSON.stringify({ fault: 'account_locked' }) });
  const merchant = await visit(scene.browser, scene.stack.url);
  assert.equal(await merchant.text('#fault-chosen'), 'Akun terkunci');
  await merchant.end();
  await fetch(faults, { method: 'DELETE' });
});

test('a page with another fal than the double shows its host and no fault menu', async () => {
  const other = await startStack({ FAL_BASE_URL: 'http://127.0.0.1:9/fal' });
  try {
    const merchant = await visit(scene.browser, other.url);
    assert.equal(await merchant.page.isVisible('#faults'), false);
    assert.equal(await merchant.text('#fal-notice'), 'Gambar diminta dari fal di 127.0.0.1.');
    await merchant.end();
  } finally {
    await other.stop();
  }
});

test('a model that takes one photo gets one, and the page shows beforehand which one', async () => {
  const other = await startStack({ IMAGE_TO_IMAGE_MODEL: 'fal-ai/flux-general/image-to-image' });
  try {
    const merchant = await visit(scene.browser, other.url);
    const { page } = merchant;
    const { smallPhoto } = await import('./pngs.js');
    await page.setInputFiles('#photo-face', smallPhoto('wajah.png'));
    await page.setInputFiles('#photo-product', [smallPhoto('satu.png', 90), smallPhoto('dua.png', 150)]);
    await page.locator('.thumb', { hasText: 'dua.png' }).waitFor();
    assert.equal(await page.locator('#order .dropped').count(), 2);
    await merchant.generate();
    assert.equal(await merchant.text('#dropped'), 'Tidak dikirim ke model: product_images[0], product_images[1]');
    assert.equal(await merchant.coins(), 9);
    await merchant.end();
  } finally {
    await other.stop();
  }
});
