// A user's visit to the playground: what the user does and sees, and what the browser complains about.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { startStack } from './stack.js';

const SCREENSHOTS = fileURLToPath(new URL('screenshots', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'];

/** The browser has no network, not even DNS. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

export const DESKTOP = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** The card of the newest batch. */
export const NEWEST = '.batch:first-child';

/** In milliseconds. A batch takes up to 3 s. */
const BATCH_TIMEOUT = 25_000;

/** Starts a stack, with these environment variables, and a browser before the tests of a file, and stops them after. */
export function setScene(environment) {
  const scene = {};
  before(async () => {
    [scene.stack, scene.browser] = await Promise.all([startStack(environment), openBrowser()]);
  });
  after(async () => {
    await scene.browser?.close();
    await scene.stack?.stop();
  });
  return scene;
}

export function openBrowser() {
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  assert.ok(
    executablePath,
    `no browser at ${BROWSERS.filter(Boolean).join(', ')}; install Debian's chromium or set CHROMIUM`,
  );
  mkdirSync(SCREENSHOTS, { recursive: true });
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** Opens the playground. `look` has the screen's size and other options of a browser context. */
export async function visit(browser, url, look = DESKTOP) {
  const context = await browser.newContext({
    locale: 'id-ID',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...look,
  });
  const page = await context.newPage();
  const visit = new Visit(page, url);
  await visit.open();
  return visit;
}

/** Opens the playground in another tab of the same browser. */
export async function anotherTab(first) {
  const tab = new Visit(await first.page.context().newPage(), first.url);
  await tab.open();
  return tab;
}

class Visit {
  #complaints = [];
  #expected = [];

  constructor(page, url) {
    this.page = page;
    this.url = url;
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => this.#complaints.push(`thrown: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') this.#complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol.startsWith('http') && !['127.0.0.1', 'localhost'].includes(hostname))
        this.#complaints.push(`left this machine: ${request.url()}`);
    });
  }

  async open() {
    await this.page.goto(this.url);
    await this.page.waitForSelector('html[data-ready]');
  }

  /** Expects a refused generation: browsers log its `status` as an error in the console. */
  expectRefusal(status) {
    this.#expected.push(`status of ${status} `);
  }

  /** Ends the visit. Every expected refusal must have occurred, and there must be no other complaint. */
  async end() {
    for (const expected of this.#expected) {
      const index = this.#complaints.findIndex(
        (text) => text.includes(expected) && text.includes('/api/generate-image'),
      );
      assert.ok(index >= 0, `no refusal: ${expected}`);
      this.#complaints.splice(index, 1);
    }
    await this.page.context().close();
    assert.deepEqual(this.#complaints, []);
  }

  text(selector) {
    return this.page.locator(selector).innerText();
  }

  /** Clicks the label of a choice. */
  async choose(label, list) {
    const folded = this.page.locator(`details[data-list="${list}"]`);
    if ((await folded.count()) && !(await folded.evaluate((details) => details.open)))
      await folded.locator('summary').click();
    await this.page.locator(`[data-list="${list}"] .choice`, { hasText: label }).first().click();
  }

  /** Waits until the live prompt is `expected`. */
  async promptIs(expected) {
    await this.page.waitForFunction((text) => document.getElementById('preview').textContent === text, expected);
  }

  async becomes(user) {
    await this.page.fill('#user', user);
    await this.page.click('#user-form button');
    await this.page.waitForFunction((name) => localStorage.getItem('user') === name, user);
  }

  /** Clicks the button and waits for pictures or a problem. */
  async generate() {
    await this.page.click('#generate');
    await this.outcome();
  }

  async outcome() {
    await this.page.locator(`${NEWEST}:not([data-state="running"])`).waitFor({ timeout: BATCH_TIMEOUT });
    await this.page.waitForFunction(
      (card) => [...document.querySelectorAll(`${card} img`)].every((image) => image.complete),
      NEWEST,
    );
  }

  /** The settled coins on the page, which must be the same as in the API. */
  async coins() {
    const user = await this.page.inputValue('#user');
    const session = await (await fetch(`${this.url}/_local/session?user=${encodeURIComponent(user)}`)).json();
    const response = await fetch(`${this.url}/api/coin-balance`, {
      headers: { authorization: `Bearer ${session.token}` },
    });
    const { coins_balance: coins, coins_available: available } = await response.json();
    assert.equal(available, coins, 'nothing is held');
    await this.page.waitForFunction(
      (shown) => document.getElementById('coins').textContent.startsWith(`${shown} `),
      coins,
    );
    return coins;
  }

  /** What the newest card says that its batch costs. */
  async receipt() {
    return (await this.text(`${NEWEST} .receipt`)).replace(/\s+/g, ' ');
  }

  async pictureSizes() {
    return this.page
      .locator(`${NEWEST} .pictures img`)
      .evaluateAll((images) => images.map((image) => image.naturalWidth));
  }

  /** Waits until the newest card says this. */
  async stage(words) {
    await this.page.locator(`${NEWEST} .stage`, { hasText: words }).waitFor();
  }

  /** The user's generations, newest first, from the API. */
  async generations() {
    return this.page.evaluate(async () => {
      const { token } = await (await fetch(`/_local/session?user=${document.getElementById('user').value}`)).json();
      const response = await fetch('/api/generations', { headers: { authorization: `Bearer ${token}` } });
      return (await response.json()).generations;
    });
  }

  screenshot(name) {
    return this.page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
  }

  /** The violations of the accessibility rules that axe finds. */
  async axe() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run());
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    );
  }
}
