// The page's source files, and its modules that run without a browser.

import { readFileSync, readdirSync } from 'node:fs';

const FOLDER = new URL('../../dev/local-stack/src/playground/page/', import.meta.url);

export const source = (name) => readFileSync(new URL(name, FOLDER), 'utf8');

export const sources = (suffix) =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(suffix))
    .map(source);

/** A module's address, with the addresses of the modules that it imports in it. */
function address(name) {
  const code = source(name).replace(/ from '\.\/(\w+\.js)'/g, (_, other) => ` from '${address(other)}'`);
  return `data:text/javascript,${encodeURIComponent(code).replaceAll("'", '%27')}`;
}

/** Loads a module. Two loads of one module do not share it. */
export const load = (name) => import(address(name));
