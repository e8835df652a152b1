// Batches that go on after their request: the page shows how far they are, finds them again and follows them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEWEST, anotherTab, setScene, visit } from './visit.js';

const scene = setScene({ PULL_AFTER_SECONDS: '1' });

/** Sets the fal double. */
async function fal(method, path, body) {
  const response = await fetch(`${scene.stack.url}/_local/fal/_control/${path}`, {
    method,
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
}

const stopQueue = () => fal('PUT', 'queue', { concurrency: 0 });
const startQueue = (concurrency) => fal('PUT', 'queue', { concurrency });
const latency = (milliseconds) => fal('PUT', 'latency', { milliseconds });

/** A new user with ten coins, whose requests are answered at once. */
async function customer(name, { waits = false } = {}) {
  const merchant = await visit(scene.browser, scene.stack.url);
  const { page } = merchant;
  merchant.preferences = [];
  await page.context().route('**/api/generate-image', (route) => {
    const headers = route.request().headers();
    merchant.preferences.push(headers.prefer);
    return route.continue({ headers: { ...headers, prefer: waits ? headers.prefer : 'respond-async' } });
  });
  await merchant.becomes(name);
  await page.click('#add-coins');
  await page.locator('#coins', { hasText: '10 koin' }).waitFor();
  await page.check('[name="way"][value="prompt"]', { force: true });
  return merchant;
}

/** Asks for a batch and waits until its request is answered. */
async function order(merchant, prompt) {
  await merchant.page.fill('#prompt', prompt);
  await merchant.promptIs(prompt);
  await merchant.page.click('#generate');
  await merchant.page.waitForFunction(() => !document.getElementById('generate').hasAttribute('aria-disabled'));
}

/** The requests for single generations, with their times. */
function watchPolls(page) {
  const polls = [];
  page.on('request', (request) => {
    if (/\/api\/generations\/./.test(request.url())) polls.push(Date.now());
  });
  return polls;
}

/** Keeps what moves in the page's main part, and the announcements to screen readers, from now on. */
async function watch(page) {
  await page.evaluate(() => {
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      const moved = list.getEntries().flatMap(({ sources }) => sources.map(({ node }) => node));
      for (const node of moved) {
        if (!node?.parentElement?.closest('.account')) globalThis.shifts.push(`${node?.outerHTML ?? node?.data}`);
      }
    }).observe({ type: 'layout-shift' });
    globalThis.said = [];
    const place = document.getElementById('announcement');
    new MutationObserver(() => globalThis.said.push(place.textContent)).observe(place, { childList: true });
  });
}

const cardOf = (page, prompt) => page.locator('.batch', { hasText: prompt });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('a batch waits its turn, is made picture by picture and is paid, and moves nothing', async () => {
  await stopQueue();
  await latency(3_000);
  const merchant = await customer('toko-antre');
  const { page } = merchant;
  await order(merchant, 'A bag in the queue');
  assert.deepEqual(merchant.preferences, ['respond-async, wait=20']);
  await merchant.stage('Urutan 1 dalam antrean');
  assert.equal(await merchant.text('.batch-title'), 'Menunggu giliran');
  assert.equal(await merchant.receipt(), '1 koin ditahan');
  await page.locator('#coins', { hasText: '9 koin tersedia, 1 ditahan' }).waitFor();
  assert.deepEqual(await merchant.axe(), []);
  await merchant.screenshot('running-queued');
  await page.focus('#prompt');
  await page.locator('.batch').scrollIntoViewIfNeeded();
  await watch(page);
  const { height } = await page.locator('.batch').boundingBox();
  await startQueue(1);
  await merchant.stage('1 dari 2 gambar jadi');
  assert.equal(await merchant.text('.batch-title'), 'Gambar sedang dibuat');
  await merchant.screenshot('running-half');
  await merchant.outcome();
  assert.equal(await merchant.receipt(), '1 koin dipakai Sisa 9 koin');
  assert.equal((await merchant.pictureSizes()).length, 2);
  assert.equal(await merchant.coins(), 9);
  assert.equal((await page.locator('.batch').boundingBox()).height, height);
  assert.deepEqual(await page.evaluate(() => globalThis.shifts), []);
  const said = await page.evaluate(() => globalThis.said);
  assert.deepEqual(said.slice(-2), ['Gambar sedang dibuat. 1 dari 2 gambar jadi', 'Gambar Anda sudah jadi']);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'prompt', 'the focus stays');
  assert.match(await merchant.text('#history li:first-child'), /jadi · 1 koin/);
  await merchant.end();
});

test('a batch is found again after a reload, by the back button and in another tab', async () => {
  await startQueue(null);
  await latency(8_000);
  const merchant = await customer('toko-muat-ulang');
  const { page } = merchant;
  await order(merchant, 'A bag that is reloaded');
  await merchant.open();
  await merchant.stage('0 dari 2 gambar jadi');
  assert.equal(await merchant.text('.batch .past-prompt'), 'A bag that is reloaded');
  assert.equal(await merchant.receipt(), '1 koin ditahan');
  await page.click('.brand + .tools a');
  await page.waitForURL('**/docs');
  await page.goBack();
  await page.waitForSelector('html[data-ready]');
  await merchant.stage('0 dari 2 gambar jadi');
  const second = await anotherTab(merchant);
  await second.stage('0 dari 2 gambar jadi');
  await Promise.all([merchant.outcome(), second.outcome()]);
  for (const tab of [merchant, second]) {
    assert.equal(await tab.receipt(), '1 koin dipakai Sisa 9 koin');
    assert.equal(await tab.coins(), 9);
    assert.equal(await tab.page.locator('.batch').count(), 1);
  }
  assert.equal(merchant.preferences.length, 1, 'one request in all');
  await second.end();
});

test('a reload before the response loses nothing', async () => {
  await startQueue(null);
  await latency(5_000);
  const merchant = await customer('toko-tidak-sabar', { waits: true });
  const { page } = merchant;
  await page.fill('#prompt', 'A bag in a hurry');
  await merchant.promptIs('A bag in a hurry');
  const sent = page.waitForRequest('**/api/generate-image');
  await page.click('#generate');
  await sent;
  await merchant.open();
  await merchant.outcome();
  assert.equal(await merchant.receipt(), '1 koin dipakai Sisa 9 koin');
  assert.equal(await merchant.coins(), 9);
  await merchant.page.context().close();
});

test('a batch that fails later says why, costs nothing and can be tried again', async () => {
  await stopQueue();
  await latency(100);
  const merchant = await customer('toko-gagal');
  const { page } = merchant;
  await fal('POST', 'faults', { fault: 'content_policy_violation', times: 1 });
  await order(merchant, 'A bag that is refused');
  const second = await anotherTab(merchant);
  await second.stage('dalam antrean');
  await watch(page);
  await startQueue(null);
  await Promise.all([merchant.outcome(), second.outcome()]);
  for (const tab of [merchant, second]) {
    assert.equal(await tab.text('.batch-title'), 'Belum berhasil');
    assert.match(await tab.text('.batch .problem'), /Prompt atau gambar ditolak karena tidak aman\./);
    assert.equal(await tab.receipt(), 'Tidak ada koin yang dipakai');
    assert.deepEqual(await tab.axe(), []);
  }
  assert.deepEqual(await page.evaluate(() => globalThis.shifts), []);
  const [said] = await page.evaluate(() => globalThis.said.slice(-1));
  assert.equal(said, 'Belum berhasil. Prompt atau gambar ditolak karena tidak aman.');
  assert.match(await merchant.text('#history li:first-child'), /gagal · 0 koin · Prompt atau gambar ditolak/);
  assert.equal(await second.page.locator('.try-again').count(), 0, 'another tab does not have the request');
  await merchant.screenshot('running-failed');
  assert.equal(await merchant.coins(), 10);

  await page.check('[name="language"][value="en"]', { force: true });
  assert.match(await merchant.text('.batch .problem'), /The prompt or a picture was rejected as unsafe\./);
  await page.click('.try-again');
  await merchant.outcome();
  assert.equal(await merchant.receipt(), '1 coin paid 9 coins left');
  const made = await merchant.generations();
  assert.deepEqual(
    made.map(({ status }) => status),
    ['succeeded'],
    'the same batch, under the same key',
  );
  await second.end();
});

test('a batch whose webhooks are lost ends all the same', async () => {
  await startQueue(null);
  await latency(100);
  await fal('PUT', 'webhooks', { lost: true });
  try {
    const merchant = await customer('toko-tanpa-kabar');
    await order(merchant, 'A bag without news');
    await merchant.outcome();
    assert.equal(await merchant.receipt(), '1 koin dipakai Sisa 9 koin');
    await merchant.end();
  } finally {
    await fal('DELETE', 'webhooks');
  }
});

test('a lost connection is said, tried again after longer and longer pauses, and made good', async () => {
  await stopQueue();
  await latency(100);
  const merchant = await customer('toko-sinyal');
  const { page } = merchant;
  await order(merchant, 'A bag on a train');
  const polls = watchPolls(page);
  let losses = 3;
  await page.route('**/api/generations/*', (route) =>
    losses-- > 0 ? route.abort('connectionreset') : route.continue(),
  );
  await merchant.stage('Sambungan terputus. Mencoba lagi; gambar tetap dibuat.');
  await merchant.screenshot('running-lost');
  await startQueue(null);
  await merchant.outcome();
  const pauses = polls.slice(1, 4).map((time, index) => time - polls[index]);
  assert.ok(pauses[0] >= 1_900 && pauses[1] >= 3_900 && pauses[2] >= 7_900, JSON.stringify(pauses));
  assert.equal(await merchant.receipt(), '1 koin dipakai Sisa 9 koin');
  await page.context().close();
});

test('a page that comes back asks no more often, and not at all while it is away', async () => {
  await stopQueue();
  await latency(100);
  const merchant = await customer('toko-kembali');
  const { page } = merchant;
  await order(merchant, 'A bag that comes back');
  const polls = watchPolls(page);
  const fire = (...events) =>
    page.evaluate((names) => {
      for (const name of names) {
        const event = name.startsWith('page') ? new PageTransitionEvent(name, { persisted: true }) : new Event(name);
        (name.startsWith('page') ? window : document).dispatchEvent(event);
      }
    }, events);
  for (let turn = 0; turn < 12; turn++) {
    await fire('pagehide', 'pageshow', 'visibilitychange');
    await pause(500);
  }
  assert.ok(polls.length >= 2 && polls.length <= 3, `${polls.length} requests in 6 s, with Retry-After: 2`);
  await fire('pagehide');
  const before = polls.length;
  await pause(5_000);
  assert.equal(polls.length, before, 'no request while the page is away');
  await startQueue(null);
  await fire('pageshow', 'visibilitychange');
  await merchant.outcome();
  assert.equal(await page.locator('.batch').count(), 1);
  await merchant.end();
});

test('a batch that was started elsewhere appears when the user comes back, and moves nothing', async () => {
  await startQueue(null);
  await latency(6_000);
  const merchant = await customer('toko-dua-tab');
  const second = await anotherTab(merchant);
  await second.page.locator('#preview', { hasText: 'A Woman model' }).waitFor();
  await pause(300);
  await watch(second.page);
  await order(merchant, 'A bag from the other tab');
  assert.equal(await second.page.locator('.batch').count(), 0);
  await second.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await second.stage('0 dari 2 gambar jadi');
  await Promise.all([merchant.outcome(), second.outcome()]);
  assert.equal(await second.receipt(), '1 koin dipakai Sisa 9 koin');
  assert.deepEqual(await second.page.evaluate(() => globalThis.shifts), []);
  await second.end();
});

test('several batches are followed at once, and each has its own price', async () => {
  await stopQueue();
  await latency(100);
  const merchant = await customer('toko-ramai');
  const { page } = merchant;
  for (const colour of ['red', 'green', 'blue']) await order(merchant, `A ${colour} bag`);
  assert.deepEqual(await page.locator('.batch .past-prompt').allInnerTexts(), [
    'A blue bag',
    'A green bag',
    'A red bag',
  ]);
  await page.locator('#coins', { hasText: '7 koin tersedia, 3 ditahan' }).waitFor();
  await startQueue(1);
  for (const colour of ['red', 'green', 'blue']) {
    const card = cardOf(page, `A ${colour} bag`);
    await card.locator('.pictures img').first().waitFor();
    assert.match(await card.locator('.receipt').innerText(), /^1 koin dipakai/);
  }
  assert.equal(await merchant.coins(), 7);
  await merchant.end();
});

test('another user sees nothing of the batch, and the page asks for it no more', async () => {
  await stopQueue();
  await latency(100);
  const merchant = await customer('toko-satu');
  const { page } = merchant;
  await order(merchant, 'A bag of the first shop');
  await page.locator(NEWEST).waitFor();
  await merchant.becomes('toko-lain');
  await page.locator('#coins', { hasText: '0 koin' }).waitFor();
  const polls = watchPolls(page);
  assert.equal(await page.locator('.batch').count(), 0);
  await pause(5_000);
  assert.equal(polls.length, 0);
  await startQueue(null);
  await merchant.becomes('toko-satu');
  await page.locator('#history li', { hasText: 'A bag of the first shop' }).waitFor();
  assert.ok((await page.locator('.batch').count()) <= 1);
  await page.locator('#history li', { hasText: 'jadi' }).waitFor();
  assert.equal(await merchant.coins(), 9);
  await merchant.end();
});
