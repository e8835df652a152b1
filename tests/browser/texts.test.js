// The page's texts are complete, and every text is used.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, source, sources } from './pages.js';

const { TEXTS } = await load('texts.js');
const code = sources('.js').join('\n');
const html = source('index.html');

const literal = [...code.matchAll(/\btext\('(\w+)'/g), ...html.matchAll(/data-(?:text|label)="(\w+)"/g)].map(
  (match) => match[1],
);
const prefixes = [...code.matchAll(/\btext\(`(\w+)\$\{/g)].map((match) => match[1]);
// Keys in a condition or a table do not follow `text(` directly.
const quoted = new Set([...code.matchAll(/'(\w+)'/g)].map((match) => match[1]));

test('every text exists in both languages, with the same values', () => {
  const values = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  for (const [key, row] of Object.entries(TEXTS)) {
    assert.equal(row.length, 2, key);
    assert.ok(
      row.every((text) => text.trim() !== ''),
      key,
    );
    assert.deepEqual(values(row[0]), values(row[1]), key);
  }
});

test('every text that the page uses exists', () => {
  assert.deepEqual(
    literal.filter((key) => !(key in TEXTS)),
    [],
  );
  assert.ok(literal.length > 80);
});

test('every text is used', () => {
  const isUsed = (key) => literal.includes(key) || quoted.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
  assert.deepEqual(
    Object.keys(TEXTS).filter((key) => !isUsed(key)),
    [],
  );
});

test('the HTML contains no text outside the table of texts', () => {
  const body = html.slice(html.indexOf('<body>')).replace(/<noscript>.*<\/noscript>/s, '');
  const words = body
    .replace(/<[^>]*>/g, ' ')
    .split(/\s+/)
    .filter((word) => /[a-z]{3}/i.test(word));
  assert.deepEqual(words, ['Potret']);
});
