// The page's source files, and its modules that run without a browser.

import { readFileSync, readdirSync } from 'node:fs';

const FOLDER = new URL('../../dev/local-stack/src/playground/page/', import.meta.url);

export const source = (name) => readFileSync(new URL(name, FOLDER), 'utf8');

export const sources = (suffix) =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(suffix))
    .map(source);

/** Loads a module that imports no other. */
export const load = (name) => import(`data:text/javascript,${encodeURIComponent(source(name))}`);
