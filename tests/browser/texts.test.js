// The page's texts: none is missing, none is left over.

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
// A key that stands in a condition or a table, and so not right behind the bracket.
const quoted = new Set([...code.matchAll(/'(\w+)'/g)].map((match) => match[1]));

test('every text is in both languages, with the same values in it', () => {
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

test('every text that the page asks for is there', () => {
  assert.deepEqual(
    literal.filter((key) => !(key in TEXTS)),
    [],
  );
  assert.ok(literal.length > 80);
});

test('no text is left over', () => {
  const isUsed = (key) => literal.includes(key) || quoted.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
  assert.deepEqual(
    Object.keys(TEXTS).filter((key) => !isUsed(key)),
    [],
  );
});

test('the page has no text of its own beside the table', () => {
  const body = html.slice(html.indexOf('<body>')).replace(/<noscript>.*<\/noscript>/s, '');
  const words = body
    .replace(/<[^>]*>/g, ' ')
    .split(/\s+/)
    .filter((word) => /[a-z]{3}/i.test(word));
  assert.deepEqual(words, ['Potret']);
});
