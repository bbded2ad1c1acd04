/** Every message in and out, as it went over the wire: filtered, paused, looked into, saved as JSON lines. */
import { failure, get, headers, at } from './api.js';
import { announce, attr, button, el, empty, facts, say, show } from './dom.js';
import { nameOf, touch, watch } from './store.js';
import { hear, lost, wantMessages } from './sync.js';
import { Rows } from './rows.js';
import { bytes, exact, utc } from './words.js';

/** Messages that the page keeps; the station has more. */
const KEPT = 20000;
const PAGE = 500;

/** The view of messages. */
export function messagesView() {
  const log = { /** @type {import('./api.js').Message[]} */ all: [], last: 0, paused: false, waiting: 0, reading: false };
  const filter = filters(() => redo());
  const pause = button('Pause', '', () => {
    log.paused = !log.paused;
    log.waiting = 0;
    redo();
  });
  const chosen = el('div', { class: 'chosen', role: 'region', 'aria-label': 'The chosen message', tabindex: -1 });
  const rows = new Rows({ label: 'Messages', columns: ['Time', 'Way', 'Station', 'Type', 'Size', 'Text'], draw: drawRow, open: (one) => details(chosen, one), move: (one) => details(chosen, one) });
  const note = el('div');
  const counted = el('p', { class: 'muted' });
  const node = el('section', { class: 'panel messages', 'aria-labelledby': 'messages-title' },
    el('div', { class: 'bar-line' }, el('h2', { id: 'messages-title' }, 'Messages'), el('div', { class: 'actions' }, pause, button('Save as JSON lines', '', () => exportAll(note)))),
    filter.node, counted, note, rows.node, chosen);
  const redo = () => {
    say(pause, log.paused ? `Go on${log.waiting ? ` (${log.waiting} new)` : ''}` : 'Pause');
    attr(pause, 'aria-pressed', log.paused);
    if (log.paused && log.shown === filter.key()) return;
    log.shown = filter.key();
    const shown = filter.apply(log.all);
    rows.set(shown, true);
    say(counted, shown.length === log.all.length ? `${log.all.length} messages` : `${shown.length} of ${log.all.length} messages`);
    show(rows.node, shown.length > 0);
    if (shown.length) note.replaceChildren();
    else if (!note.querySelector('.bad-text')) note.replaceChildren(log.all.length ? empty('No message is like this.', 'Take some of the filter away.') : empty('No message yet.', 'Each message to and from other stations is listed here as it goes.'));
  };
  watch(['messages'], redo);
  hear('message', (one) => add(log, one.message ?? one));
  return {
    node,
    open() {
      wantMessages(true);
      readAll(log, note);
    },
    close: () => wantMessages(false),
    /** The station was started anew: its numbers begin again. */
    forget() {
      Object.assign(log, { all: [], last: 0 });
      touch('messages');
    },
  };
}

function add(log, one) {
  if (one.number <= log.last) return;
  log.last = one.number;
  log.all.push(one);
  if (log.all.length > KEPT) log.all.splice(0, KEPT / 10);
  if (log.paused) log.waiting += 1;
  touch('messages');
}

async function readAll(log, note) {
  if (log.reading) return;
  log.reading = true;
  try {
    for (let more = true; more;) {
      const answer = await get('/messages', { after: log.last, limit: PAGE });
      answer.messages.forEach((one) => add(log, one));
      more = answer.messages.length === PAGE && log.last < answer.last;
    }
    touch('messages');
  } catch (error) {
    note.replaceChildren(el('p', { class: 'bad-text' }, error.message));
    lost(error);
  } finally {
    log.reading = false;
  }
}

/** Direction, type, station and text. */
function filters(changed) {
  const way = el('select', { 'aria-label': 'Way' }, el('option', { value: '' }, 'in and out'), el('option', { value: 'in' }, 'in'), el('option', { value: 'out' }, 'out'));
  const type = el('select', { 'aria-label': 'Type' }, el('option', { value: '' }, 'every type'));
  const station = el('select', { 'aria-label': 'Station' }, el('option', { value: '' }, 'every station'));
  const text = el('input', { type: 'search', placeholder: 'Text', 'aria-label': 'Filter messages by text' });
  const known = new Set();
  const learn = (select, value, label) => {
    if (!value || known.has(`${select === type} ${value}`)) return;
    known.add(`${select === type} ${value}`);
    select.append(el('option', { value }, label));
  };
  for (const one of [way, type, station]) one.addEventListener('change', changed);
  text.addEventListener('input', changed);
  return {
    node: el('div', { class: 'filters' }, way, type, station, text),
    key: () => [way, type, station, text].map((one) => one.value).join('\n'),
    apply(all) {
      for (const one of all) {
        learn(type, typeOf(one), typeOf(one));
        learn(station, one.station, nameOf(one.station));
      }
      const words = text.value.toLowerCase();
      if (!words && !way.value && !type.value && !station.value) return all;
      return all.filter((one) => (!way.value || one.direction === way.value) && (!type.value || typeOf(one) === type.value) && (!station.value || one.station === station.value) &&
        (!words || `${one.text ?? ''} ${one.peer ?? ''} ${typeOf(one)} ${one.quirks.join(' ')}`.toLowerCase().includes(words)));
    },
  };
}

/** What passed, where it was no message. */
const WHATS = { connected: 'connected', closed: 'closed', malformed: 'cannot be read', 'file-begins': 'a file begins', 'file-moved': 'a file went over', failed: 'failed', tolerated: 'tolerated' };
const FAULTS = new Set(['malformed', 'failed']);
const typeOf = (one) => one.type ?? WHATS[one.what] ?? one.what;

function drawRow([time, way, station, type, size, text], one) {
  say(time, exact(one.at_unix_ms));
  attr(time, 'title', utc(one.at_unix_ms));
  say(way, one.direction === 'in' ? '← in' : '→ out');
  say(station, one.station ? nameOf(one.station) : one.peer ?? 'nobody');
  attr(station, 'title', one.peer);
  say(type, typeOf(one));
  attr(type, 'class', FAULTS.has(one.what) ? 'bad-text' : '');
  say(size, one.bytes === null ? '' : bytes(one.bytes));
  say(text, [one.quirks.length ? `tolerated: ${one.quirks.join(', ')}.` : '', one.text ?? ''].filter(Boolean).join(' '));
}

function details(chosen, one) {
  let text = one.text ?? '';
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Cut, or no JSON: shown as it is.
  }
  chosen.replaceChildren(facts([['Number', one.number], ['Time', `${exact(one.at_unix_ms)} (${utc(one.at_unix_ms)})`], ['Way', one.direction], ['Station', one.station ? `${nameOf(one.station)} · ${one.station}` : null],
    ['Address', one.peer], ['Connection', one.connection || null], ['Type', typeOf(one)], ['Size', one.bytes === null ? null : `${one.bytes} bytes`], ['Tolerated', one.quirks.join(', ')],
    ['Text', one.cut ? 'only its beginning is kept' : null]]), text ? el('pre', { tabindex: 0, 'aria-label': 'Text of the message' }, text) : el('p', { class: 'muted' }, 'It has no text.'));
}

async function exportAll(note) {
  try {
    const answer = await fetch(at('/messages.jsonl'), { headers: headers(), cache: 'no-store' });
    if (!answer.ok) throw await failure(answer.status, () => answer.text());
    const url = URL.createObjectURL(await answer.blob());
    const link = el('a', { href: url, download: `mvrx-messages-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.jsonl` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    announce('The messages are saved.');
  } catch (error) {
    note.replaceChildren(el('p', { class: 'bad-text' }, error.message ?? 'The station does not answer.'));
  }
}
