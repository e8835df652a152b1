// Accessibility: the keyboard, a phone, dark mode, and the rules of axe.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smallPhoto } from './pngs.js';
import { DESKTOP, PHONE, setScene, visit } from './visit.js';

const scene = setScene();

/** Presses Tab until the focused element matches `selector`. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 80; presses++) {
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the keyboard does not reach ${selector}`);
}

test('a merchant can do everything with the keyboard alone', async () => {
  const merchant = await visit(scene.browser, scene.stack.url);
  const { page } = merchant;
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('Enter');
  await tabTo(page, '[name="category"]');
  await page.keyboard.press('ArrowRight');
  await merchant.promptIs('A Woman model, for Beauty, photorealistic resolusi HD');
  assert.equal(await page.evaluate(() => document.activeElement.value), 'Beauty', 'the focus stays on the choice');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('.batch').count(), 0, 'Enter on a choice spends no coin');
  await tabTo(page, 'details[data-list="style"] summary');
  await page.keyboard.press('Enter');
  await tabTo(page, '[name="style"]');
  await page.keyboard.press('ArrowDown');
  await merchant.promptIs('A Woman model, for Beauty, in Studio Clean style, photorealistic resolusi HD');
  const chooser = page.waitForEvent('filechooser');
  await tabTo(page, '#photo-face');
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(smallPhoto('wajah.png'));
  await page.locator('.thumb').waitFor();
  await tabTo(page, '#generate');
  await page.keyboard.press('Enter');
  await merchant.outcome();
  assert.equal(
    await page.evaluate(() => document.activeElement.className),
    'batch-title',
    'the focus moves to the card',
  );
  await tabTo(page, '#batches a[download]');
  assert.equal(await merchant.coins(), 9);

  await page.locator('#open-debug').focus();
  await page.keyboard.press('Enter');
  await page.locator('#debug-payload').waitFor();
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press('Tab');
    assert.ok(
      await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog')),
      'the focus stays in the drawer',
    );
  }
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'open-debug');
  await merchant.end();
});

for (const [look, colorScheme] of [
  ['desktop', 'light'],
  ['desktop', 'dark'],
  ['phone', 'light'],
  ['phone', 'dark'],
]) {
  test(`axe finds no violation: ${look}, ${colorScheme}`, async () => {
    const merchant = await visit(scene.browser, scene.stack.url, {
      ...(look === 'phone' ? PHONE : DESKTOP),
      colorScheme,
      reducedMotion: 'reduce',
    });
    const { page } = merchant;
    assert.deepEqual(await merchant.axe(), []);
    await merchant.screenshot(`${look}-${colorScheme}`);
    await page.setInputFiles(
      '#photo-product',
      Array.from({ length: 5 }, (_, index) => smallPhoto(`produk-${index}.png`, index * 50)),
    );
    await page.locator('.refused').first().waitFor();
    await page.click('#faults summary');
    merchant.expectRefusal(422);
    await merchant.generate();
    assert.deepEqual(await merchant.axe(), [], 'with a problem');
    await page.click('.thumb.refused button');
    await merchant.generate();
    assert.deepEqual(await merchant.axe(), [], 'with pictures');
    await merchant.screenshot(`${look}-${colorScheme}-pictures`);
    await page.click('#open-debug');
    await page.locator('#debug-payload').waitFor();
    assert.deepEqual(await merchant.axe(), [], 'with the drawer');
    await page.click('#close-debug');
    await page.click('#add-coins');
    await merchant.end();
  });
}

test('a phone never scrolls sideways, keeps the button on screen, and has targets of at least 44 px', async () => {
  const merchant = await visit(scene.browser, scene.stack.url, PHONE);
  const { page } = merchant;
  await page.setInputFiles('#photo-face', smallPhoto('sebuah-nama-berkas-yang-panjang-sekali-dan-tanpa-spasi.png'));
  await page.locator('.thumb').waitFor();
  assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth), 390);
  const button = await page.locator('#generate').boundingBox();
  assert.ok(button.y > 700 && button.y + button.height <= 844, JSON.stringify(button));
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, summary, textarea, input:not([type=file]), label.drop, a')]
      .filter((target) => target.checkVisibility({ visibilityProperty: true }) && !target.matches('.skip'))
      .map((target) => ({
        what: target.id || target.outerHTML.slice(0, 60),
        ...target.getBoundingClientRect().toJSON(),
      }))
      .filter(({ width, height }) => height < 43.9 || width < 43.9)
      .map(({ what, width, height }) => `${what}: ${width} × ${height}`),
  );
  assert.deepEqual(small, []);
  await merchant.end();
});
