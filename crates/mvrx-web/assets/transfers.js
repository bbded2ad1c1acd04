/** Files on their way, in and out: how far, how fast, how long still; and those that ended last. */
import { del } from './api.js';
import { announce, attr, bar, button, el, reconcile, say, show } from './dom.js';
import { may, nameOf, store, watch } from './store.js';
import { bytes, clock, left, rate, utc } from './words.js';

const ENDED = 8;

/** Whether it is still going on. */
export const runs = (transfer) => ['waiting', 'running', 'checking'].includes(transfer.state);

/** How far, from 0 to 1, or `null` where that is not known. */
export const part = (transfer) => {
  if (transfer.state === 'done') return 1;
  return transfer.total && transfer.bytes !== null ? transfer.bytes / transfer.total : null;
};

/** How it stands, in words. */
export function standing(transfer) {
  if (transfer.bytes === null && runs(transfer)) return transfer.state === 'waiting' ? 'waiting for a station to give it' : `on its way${transfer.total ? `, ${bytes(transfer.total)}` : ''}`;
  const many = transfer.total ? `${bytes(transfer.bytes)} of ${bytes(transfer.total)}` : bytes(transfer.bytes);
  const percent = transfer.total ? `${Math.floor((transfer.bytes / transfer.total) * 100)} %` : '';
  switch (transfer.state) {
    case 'waiting': return transfer.bytes ? `waiting to go on, ${many} are here` : 'waiting for a station to give it';
    case 'running': return [percent, many, rate(transfer.bytes_per_second), left(transfer)].filter(Boolean).join(' · ');
    case 'checking': return `${bytes(transfer.bytes)} came; looking whether it is whole`;
    case 'done': return `100 % · ${bytes(transfer.total ?? transfer.bytes)}`;
    case 'cancelled': return 'cancelled';
    default: return transfer.reason ?? 'failed';
  }
}

/** Whether it can be stopped from here: one of which nobody tells how far it is was begun by somebody else. */
export const stoppable = (transfer) => runs(transfer) && transfer.bytes !== null;

/** Stops a transfer. */
export async function cancel(transfer) {
  try {
    await del(`/transfers/${transfer.id}`);
    announce(`${transfer.file_name}: cancelled.`);
  } catch (error) {
    // It may have ended meanwhile, which is on the screen.
    announce(error.message);
  }
}

function row() {
  const title = el('span', { class: 'name' });
  const who = el('span', { class: 'muted' });
  const words = el('span', { class: 'muted' });
  const progress = bar('Progress');
  const stop = button('Cancel', 'quiet small', () => cancel(node.item));
  const node = el('li', { class: 'transfer' }, el('div', { class: 'line' }, title, who, stop), progress.node, el('div', { class: 'line' }, words));
  node.fresh = (one) => {
    say(title, one.file_name || 'a file');
    const other = one.name ?? (one.station ? nameOf(one.station) : null);
    const way = one.direction === 'in' ? 'from' : 'to';
    const done = one.ended_unix_ms ? ` · ${clock(one.ended_unix_ms)}` : '';
    say(who, `${one.direction === 'in' ? '↓' : '↑'} ${other ? `${way} ${other}` : one.direction === 'in' ? 'coming in' : 'going out'}${done}`);
    attr(who, 'title', one.ended_unix_ms ? utc(one.ended_unix_ms) : null);
    say(words, standing(one));
    attr(words, 'class', one.state === 'failed' ? 'bad-text' : 'muted');
    attr(progress.node, 'aria-label', `${one.file_name}, ${one.direction === 'in' ? 'coming in' : 'going out'}`);
    progress.set(one.state === 'failed' || one.state === 'cancelled' ? part(one) ?? 0 : part(one));
    attr(node, 'class', `transfer ${one.state}`);
    show(stop, stoppable(one));
    stop.disabled = !may('fetch');
  };
  return node;
}

/** The panel of transfers. */
export function transfersPanel() {
  const list = el('ul', { class: 'plain' });
  const none = el('p', { class: 'muted' }, 'Nothing is on its way.');
  const head = el('h2', { id: 'transfers-title' }, 'Transfers');
  const draw = () => {
    const running = store.transfers.filter(runs);
    const ended = store.transfers.filter((one) => !runs(one)).sort((a, b) => b.ended_unix_ms - a.ended_unix_ms);
    say(head, running.length ? `Transfers · ${running.length} on the way` : 'Transfers');
    reconcile(list, running.concat(ended.slice(0, ENDED)), (one) => one.id, row);
    show(none, list.childElementCount === 0);
  };
  watch(['transfers', 'status', 'stations'], draw);
  draw();
  return el('section', { class: 'panel', 'aria-labelledby': 'transfers-title' }, head, none, list);
}

/** What happened, newest first, in the words of the station. */
export function newsPanel() {
  const list = el('ol', { class: 'plain news' });
  const none = el('p', { class: 'muted' }, 'What happens from now on is told here.');
  watch(['news'], () => {
    show(none, store.news.length === 0);
    reconcile(list, store.news.slice(0, 30), (one) => one.key ??= `${one.at_unix_ms}-${Math.random()}`, (one) =>
      el('li', {}, el('time', { class: 'muted', title: utc(one.at_unix_ms) }, clock(one.at_unix_ms)), el('span', {}, one.text)));
  });
  return el('section', { class: 'panel', 'aria-labelledby': 'news-title' }, el('h2', { id: 'news-title' }, 'What happened'), none, list);
}
