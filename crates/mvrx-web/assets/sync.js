/**
 * Keeps `store` in line with the station: reads everything at the start, then only what events say has changed, a part at most every 400 ms.
 * Where the station is gone everything stays as it is and is read anew when it is back.
 */
import { ApiError, get, hasToken } from './api.js';
import { Events } from './events.js';
import { nameOf, put, store, touch } from './store.js';
import { announce } from './dom.js';
import { learnClock, now } from './words.js';

const SPACING_MS = 400;
const PAGE = 200;
const NEWS = 80;

/** How it stands with the station: `connecting`, `online`, `offline`, `locked` (it wants a token to read). */
export const link = { state: 'connecting', since: 0, words: '' };

const readers = {
  status: readStatus,
  stations: async () => put('stations', (await get('/stations')).stations),
  commits: readCommits,
  transfers: async () => put('transfers', (await get('/transfers')).transfers),
  proposals: async () => put('proposals', (await get('/proposals')).proposals),
  settings: async () => put('settings', await get('/settings')),
};

async function readStatus() {
  const status = await get('/status');
  learnClock(status.now_unix_ms);
  if (store.status && store.status.instance !== status.instance) announce('The station was started again.');
  put('status', status);
}

async function readCommits() {
  const page = await get('/commits', { limit: PAGE });
  const known = store.commits ?? [];
  // What was read of older pages stays behind what is new.
  const last = page.commits.at(-1);
  const from = page.next && last ? known.findIndex((one) => one.file === last.file) : -1;
  const older = from >= 0 ? known.slice(from + 1) : [];
  if (!older.length) store.older = page.next;
  store.total = page.total ?? page.commits.length;
  put('commits', merge(page.commits.concat(older), known));
}

/** The newer list with the old objects where nothing changed, so that nothing is drawn again for nothing. */
function merge(fresh, known) {
  const before = new Map(known.map((one) => [one.file, one]));
  return fresh.map((one) => {
    const old = before.get(one.file);
    return old && JSON.stringify(old) === JSON.stringify(one) ? old : one;
  });
}

let reading = false;
/** Reads the next page of older commits. */
export async function readOlder() {
  if (!store.older || reading) return;
  reading = true;
  try {
    const page = await get('/commits', { limit: PAGE, before: store.older });
    const known = new Set(store.commits.map((one) => one.file));
    store.older = page.next;
    put('commits', store.commits.concat(page.commits.filter((one) => !known.has(one.file))));
  } catch (error) {
    // The commit behind which it goes on is gone: it is begun anew.
    if (error.status === 409) put('commits', null), refresh('commits');
    else lost(error);
  } finally {
    reading = false;
  }
}

/** A commit beyond the first page may have changed: it is read by itself. */
async function readOne(file) {
  const place = store.commits?.findIndex((one) => one.file === file) ?? -1;
  if (place < PAGE) return;
  let fresh = [];
  try {
    fresh = [(await get(`/commits/${file}`)).commit];
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  const now = store.commits.findIndex((one) => one.file === file);
  if (now >= 0) put('commits', store.commits.toSpliced(now, 1, ...fresh));
}

const due = new Map();

/** Reads these parts again soon. */
export function refresh(...parts) {
  for (const part of parts) {
    const one = due.get(part) ?? { at: 0, timer: 0 };
    due.set(part, one);
    if (one.timer) continue;
    one.timer = setTimeout(() => {
      one.timer = 0;
      one.at = Date.now();
      read(part);
    }, Math.max(0, one.at + SPACING_MS - Date.now()));
  }
}

/** A bridge has stations and a state, and nothing else. */
const OF_BRIDGES = ['status', 'stations'];

async function read(part) {
  if (store.status?.kind === 'bridge' && !OF_BRIDGES.includes(part)) return;
  try {
    await readers[part]();
    delete store.failed[part];
  } catch (error) {
    store.failed[part] = error.message;
    touch(part);
    if (error.status === 429) setTimeout(() => refresh(part), 2000);
    else lost(error);
  }
}

/** Reads everything; first of all what it is that runs there. */
export async function refreshAll() {
  if (!store.status) await read('status');
  refresh(...Object.keys(readers));
}

/** What events with such a name change. */
const CHANGES = [
  [/^station_|^join|_group$|^session_|^bridge|^connection_|^files_attached|^up$|^host$/, ['stations', 'status']],
  [/^commit|^revision$|^rolled_up$|^history_|^request_done$|^file_|withdrawn$|^saved$|^unfinished$/, ['commits', 'stations']],
  [/^move|^moved$|^not_moved$|^kept_place$/, ['proposals', 'status', 'settings', 'stations']],
  [/^group_|^session|^elected|^gave_way|^host_ended/, ['status', 'settings', 'stations']],
  [/^mixer|^stopped$/, ['status']],
  [/^lagged$/, ['stations', 'commits', 'transfers', 'proposals']],
  [/^request_|^serv/, ['transfers']],
];

/** Told at once to who does not see the screen; everything else can be read there. */
const TOLD = /^(revision|station_joined|station_left|station_lost|request_failed|file_put_aside|commit_withdrawn|moved|not_moved)$/;

/** Listeners for single kinds of events. */
const heard = new Map();
export const hear = (name, fn) => heard.set(name, fn);

function event(name, data) {
  if (name === 'reset') return refreshAll();
  if (name === 'transfer') return takeTransfer(data);
  heard.get(name)?.(data);
  if (name === 'message') return undefined;
  for (const [pattern, parts] of CHANGES) if (pattern.test(name)) refresh(...parts);
  if (data?.file) readOne(data.file).catch(lost);
  if (data?.text) {
    store.news = [{ ...data, event: name }, ...store.news].slice(0, NEWS);
    touch('news');
    if (TOLD.test(name)) announce(data.text);
  }
  return undefined;
}

/** A transfer's document, which stands for itself: nothing is read. */
function takeTransfer(data) {
  const one = data.transfer;
  const place = store.transfers.findIndex((known) => known.id === one.id);
  const before = place < 0 ? null : store.transfers[place];
  store.transfers = place < 0 ? [one, ...store.transfers] : store.transfers.with(place, one);
  touch('transfers');
  if (one.state === 'done' && before?.state !== 'done') {
    refresh('commits');
    announce(`${one.file_name} ${one.direction === 'in' ? 'is here' : `went to ${one.name ?? nameOf(one.station)}`}.`);
  }
}

/** Takes what went wrong: where nobody answers that is said on the whole page. */
export function lost(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.gone) stand('offline', error.message);
  else if (error.status === 401 && !store.status) stand('locked', error.message);
}

function stand(state, words = '') {
  if (link.state === state) return;
  const before = link.state;
  Object.assign(link, { state, words, since: now() });
  touch('link');
  if (state === 'offline') announce('The station does not answer. What is shown may be old.', true);
  if (state === 'online' && before === 'offline') announce('The station answers again.');
}

const events = new Events({
  event,
  open() {
    stand('online');
    // Also what happened while the connection was gone, whoever is there now.
    refreshAll();
  },
  lost(error) {
    if (error.status === 401) stand('locked', error.message);
    else if (error.status === 429 || error.status === 503) stand('online');
    else stand('offline', error.message);
  },
});

/** Begins. */
export function start() {
  store.token = hasToken();
  refreshAll();
  events.start();
}

// A page that is left keeps no connection: a browser has six to one station for all its pages.
addEventListener('pagehide', () => events.stop());
addEventListener('pageshow', (event) => event.persisted && again());

/** Messages come as events, too, or no longer. */
export const wantMessages = (wanted) => events.wantMessages(wanted);

/** Tries at once, as somebody does not want to wait, or there is a token now. */
export function again() {
  store.token = hasToken();
  touch('status');
  refreshAll();
  events.start();
}

// Times of "last seen" are only as true as they are new.
setInterval(() => {
  if (!document.hidden && link.state === 'online') refresh('stations');
}, 15000);
