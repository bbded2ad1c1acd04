/** The page: its head, its views, and what stands above all of them. */
import { takeToken } from './api.js';
import { compareView } from './compare.js';
import { attr, button, el, say, show } from './dom.js';
import { doctorView } from './doctor.js';
import { sharePanel } from './drop.js';
import { messagesView } from './messages.js';
import { mixerView } from './mixer.js';
import { movesPlace } from './moves.js';
import { settingsView, tokenForm, useTheme } from './settings.js';
import { stationsPanel } from './stations.js';
import { store, watch } from './store.js';
import { again, link, start } from './sync.js';
import { timelinePanel } from './timeline.js';
import { newsPanel, transfersPanel } from './transfers.js';
import { clock } from './words.js';

takeToken();
useTheme();

const VIEWS = { show: 'Show', compare: 'Compare', messages: 'Messages', doctor: 'Doctor', settings: 'Settings', mixer: 'Mixer' };

/** @typedef {{node: HTMLElement, open?: (query: Record<string, string>) => void, close?: () => void, forget?: () => void}} View */

/** Views, made when they are first looked at. */
const made = /** @type {Record<string, View>} */ ({});
const makers = {
  show: () => ({ node: showView() }), compare: () => compareView(goTo), messages: messagesView, doctor: doctorView, settings: settingsView, mixer: mixerView,
};
let current = '';

/** Goes to a view; what it is to show stands in the address, so that Back works. */
function goTo(view, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const hash = `#${view}${given.length ? `?${new URLSearchParams(given)}` : ''}`;
  if (location.hash === hash) route();
  else location.hash = hash;
}

function route() {
  const [name, query = ''] = location.hash.slice(1).split('?');
  const view = name in makers ? name : 'show';
  const moved = current !== '' && current !== view;
  if (current !== view) {
    made[current]?.close?.();
    made[view] ??= makers[view]();
    main.replaceChildren(made[view].node);
    current = view;
    for (const one of nav.children) attr(one, 'aria-current', one.dataset.view === view ? 'page' : null);
    scrollTo(0, 0);
  }
  if (moved || view === 'compare') made[view].open?.(Object.fromEntries(new URLSearchParams(query)));
  else if (!moved) made[view].open?.({});
}

function showView() {
  const centre = el('div', {}, sharePanel(goTo), timelinePanel(goTo));
  const transfers = transfersPanel();
  const node = el('div', { class: 'show' }, centre, el('div', {}, stationsPanel(goTo), transfers, newsPanel()));
  watch(['status'], () => {
    const bridge = store.status?.kind === 'bridge';
    node.classList.toggle('bridge', bridge);
    show(centre, !bridge);
    show(transfers, !bridge);
  });
  return node;
}

const main = document.getElementById('main');
const nav = el('nav', { 'aria-label': 'Views' }, ...Object.entries(VIEWS).map(([id, words]) => el('a', { href: `#${id}`, 'data-view': id, hidden: id === 'mixer' }, words)));

function header() {
  const name = el('h1', {}, 'mvrx');
  const place = el('span', { class: 'place muted' });
  const dot = el('span', { class: 'state wait', role: 'status' }, 'connecting');
  watch(['status', 'link'], () => {
    const one = store.status;
    say(name, one?.name || 'mvrx');
    say(place, one ? one.session ? `session ${one.session}` : one.group ? `group “${one.group}”` : '' : '');
    const [tone, words] = { online: ['ok', 'running'], offline: ['bad', 'does not answer'], locked: ['wait', 'locked'], connecting: ['wait', 'connecting'] }[link.state];
    say(dot, words);
    attr(dot, 'class', `state ${tone}`);
    show(nav.querySelector('[data-view=mixer]'), Boolean(one?.mixer));
    // A bridge carries what is others': it has nothing to compare, to look into or to set.
    for (const id of ['compare', 'messages', 'doctor']) show(nav.querySelector(`[data-view=${id}]`), one?.kind !== 'bridge');
  });
  document.getElementById('header').append(el('div', { class: 'who' }, el('img', { src: 'icon.svg', alt: '', width: 28, height: 28 }), name, place, dot), nav);
}

/** What stands above every view: the station is gone, or this page may only look. */
function notices() {
  const words = el('span');
  const gone = el('div', { class: 'notice bad', role: 'alert', hidden: true }, words, button('Try now', 'small', again));
  const look = el('div', { class: 'notice', hidden: true }, el('span', {}, 'You are only looking. To change things, open the address with the token that mvrx printed when it started.'), el('a', { href: '#settings' }, 'Or give the token here'));
  const lock = el('section', { class: 'panel lock', hidden: true, 'aria-label': 'Locked' }, el('h2', {}, 'This station wants its token'), tokenForm());
  document.getElementById('notices').append(gone, movesPlace(), look, lock);
  watch(['link', 'status'], () => {
    show(gone, link.state === 'offline');
    if (link.state === 'offline') say(words, store.status ? `The station does not answer since ${clock(link.since)}. What you see is how it was then; it is tried again until it is back.` : 'No station answers at this address. It is tried again until one does.');
    const locked = link.state === 'locked';
    show(lock, locked);
    show(main, !locked);
    show(look, !locked && Boolean(store.status) && !store.token);
    document.body.classList.toggle('offline', link.state === 'offline');
  });
}

/** Another start of the station counts its messages anew. */
function followStarts() {
  let instance = '';
  watch(['status'], () => {
    const now = store.status?.instance ?? '';
    if (instance && now !== instance) {
      made.messages?.forget?.();
      if (current === 'messages') made.messages.open?.({});
    }
    instance = now;
  });
}

header();
notices();
followStarts();
addEventListener('hashchange', route);
start();
route();
