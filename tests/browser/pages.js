// The page's own modules, as far as they need no page, and its sources.

import { readFileSync, readdirSync } from 'node:fs';

const FOLDER = new URL('../../dev/local-stack/src/playground/page/', import.meta.url);

export const source = (name) => readFileSync(new URL(name, FOLDER), 'utf8');

export const sources = (suffix) =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(suffix))
    .map(source);

/** A module that imports no other. */
export const load = (name) => import(`data:text/javascript,${encodeURIComponent(source(name))}`);
