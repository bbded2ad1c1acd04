/**
 * What is known of the station, and who wants to hear when a part of it changes. Changes are put on the screen once per frame, however many
 * events came in between.
 */

/** What is known; `null` is not read yet. */
export const store = {
  /** @type {any} */ status: null,
  /** @type {import('./api.js').Station[]|null} */ stations: null,
  /** @type {import('./api.js').Commit[]|null} newest first */ commits: null,
  /** where older commits go on */ older: /** @type {string|null} */ (null),
  total: 0,
  /** @type {import('./api.js').Transfer[]} */ transfers: [],
  /** @type {import('./api.js').Proposal[]} */ proposals: [],
  /** @type {any} */ settings: null,
  /** @type {any[]} newest first */ news: [],
  /** what could not be read, by part */ failed: /** @type {Record<string, string>} */ ({}),
};

const watchers = new Map();
let dirty = new Set();
let planned = false;

/** Calls `fn` in the next frame after one of these parts changed. */
export function watch(parts, fn) {
  for (const part of parts) {
    if (!watchers.has(part)) watchers.set(part, new Set());
    watchers.get(part).add(fn);
  }
}

/** Changes a part. */
export function put(part, value) {
  store[part] = value;
  touch(part);
}

/** Says that a part has changed. */
export function touch(part) {
  dirty.add(part);
  if (planned) return;
  planned = true;
  // A page in the background has no frames.
  if (document.hidden) setTimeout(flush, 50);
  else requestAnimationFrame(flush);
}

function flush() {
  planned = false;
  const parts = dirty;
  dirty = new Set();
  const called = new Set();
  for (const part of parts) for (const fn of watchers.get(part) ?? []) called.add(fn);
  for (const fn of called) fn();
}

/** The name by which people know a station; its id where it has none. */
export function nameOf(station) {
  if (!station) return 'somebody';
  if (station === store.status?.station) return 'this station';
  return store.stations?.find((one) => one.station === station)?.name || station.slice(0, 8);
}

/** A commit by its id, where it is known. */
export const commitOf = (file) => store.commits?.find((one) => one.file === file) ?? null;

/** The transfer of a file that is on its way in, if there is one. */
export const comingIn = (file) =>
  store.transfers.find((one) => one.file === file && one.direction === 'in' && ['waiting', 'running', 'checking'].includes(one.state));

/** Whether this page may do that: the station can, and there is a token. */
export const may = (what) => store.token === true && store.status?.can?.[what] === true;
store.token = false;
