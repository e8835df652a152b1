// The API's description at /docs: it works under its content security policy, without a network.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DESKTOP, setScene } from './visit.js';

const scene = setScene();

test('the description is shown, and a request is sent as the demo user', async () => {
  const context = await scene.browser.newContext(DESKTOP);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(`${scene.stack.url}/docs`);
  await page.locator('h1, h2', { hasText: 'Potret' }).first().waitFor();
  await page.locator('.authorize.locked').waitFor();
  await page.click('#operations-Coins-getCoinBalance .opblock-summary-control');
  await page.click('#operations-Coins-getCoinBalance .execute');
  const response = page.locator('#operations-Coins-getCoinBalance .live-responses-table');
  await response.locator('.response-col_status', { hasText: '200' }).waitFor();
  assert.match(await response.innerText(), /"user_id": "demo"/);
  await context.close();
  assert.deepEqual(complaints, []);
});
