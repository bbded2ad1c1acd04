/** Who is there: each station with its application, address, state and when it was last heard of. */
import { announce, attr, button, el, empty, reconcile, say, show } from './dom.js';
import { store, watch } from './store.js';
import { link } from './sync.js';
import { ago, count, place, utc } from './words.js';

const STATES = {
  here: ['tag', 'this station'],
  member: ['ok', 'in the group'],
  sighted: ['wait', 'seen, not joined yet'],
  refused: ['bad', 'does not let us join'],
  left: ['off', 'has left'],
};

/** A state in words, with a tone. What a bridge shows has sides in place of states. */
function stateOf(station) {
  if (station.side) return ['ok', `in the ${station.side}, shown in the ${station.shown_in}`];
  if (station.state === 'member' && !station.reachable) return ['bad', 'in the group, but does not answer'];
  return STATES[station.state] ?? ['off', station.state];
}

/** Two letters for an application, since nobody reads its whole name from across the room. */
const initials = (name) => (name.match(/[A-Z0-9]/g) ?? [...name.toUpperCase()]).slice(0, 2).join('') || '–';

function card() {
  const badge = el('span', { class: 'badge', 'aria-hidden': 'true' });
  const name = el('span', { class: 'name' });
  const app = el('span', { class: 'muted' });
  const address = el('button', { type: 'button', class: 'link mono', title: 'Copy the address' });
  const state = el('span', { class: 'state' });
  const seen = el('span', { class: 'muted' });
  const files = el('span', { class: 'muted' });
  const node = el('li', { class: 'station' }, badge,
    el('div', { class: 'grow' }, el('div', { class: 'line' }, name, app), el('div', { class: 'line' }, state, seen), el('div', { class: 'line' }, address, files)));
  address.addEventListener('click', () => copy(node.item.address));
  node.fresh = (station) => {
    say(badge, initials(station.application || station.name || ''));
    say(name, station.name || 'a station without a name');
    say(app, station.product || station.application || '');
    show(address, Boolean(station.address));
    say(address, station.address ?? '');
    attr(address, 'title', `Copy the address. All of them: ${(station.addresses ?? []).join(', ')}`);
    const [tone, words] = stateOf(station);
    say(state, words);
    attr(state, 'class', `state ${tone}`);
    node.seenAt = station.last_seen_unix_ms ?? null;
    say(files, station.files ? (station.files.length ? count(station.files.length, 'file') : 'no files') : '');
    attr(node, 'title', `Station ${station.station}`);
    node.tick();
  };
  node.tick = () => {
    // Somebody who answers is here; when, is only of interest of who does not.
    const station = node.item;
    const here = station.state === 'member' && station.reachable;
    say(seen, node.seenAt === null ? '' : `${here ? 'seen' : 'last seen'} ${ago(node.seenAt)}`);
    attr(seen, 'title', node.seenAt === null ? null : utc(node.seenAt));
  };
  return node;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce(`${text} is copied.`);
  } catch {
    announce('The browser does not let this page copy.');
  }
}

const rank = { here: -1, member: 0, sighted: 1, refused: 2, left: 3 };

/** The panel of stations. */
export function stationsPanel(goTo) {
  const list = el('ul', { class: 'plain' });
  const head = el('h2', { id: 'stations-title' }, 'Stations');
  const nobody = el('div');
  const node = el('section', { class: 'panel', 'aria-labelledby': 'stations-title' }, head, list, nobody);
  const draw = () => {
    // What we said of ourselves under another name may still be heard.
    const stations = store.stations?.filter((one) => one.station !== store.status?.station);
    if (!stations) {
      const words = store.failed.stations;
      nobody.replaceChildren(words ? empty('The stations cannot be read.', words) : el('div', { class: 'loading' }, 'Looking who is there…'));
      return;
    }
    say(head, `Stations · ${stations.length + (store.status ? 1 : 0)}`);
    const sorted = [...ours(), ...stations].sort((a, b) => (rank[a.state] ?? 9) - (rank[b.state] ?? 9) || (a.name ?? '').localeCompare(b.name ?? ''));
    reconcile(list, sorted, (one) => one.station, card);
    if (stations.length) nobody.replaceChildren();
    else if (!nobody.firstElementChild?.matches('.empty')) nobody.replaceChildren(alone(goTo));
  };
  watch(['stations', 'link'], draw);
  watch(['status'], () => {
    nobody.replaceChildren();
    draw();
  });
  setInterval(() => link.state !== 'offline' && [...list.children].forEach((one) => one.tick()), 5000);
  draw();
  return node;
}

/** The station whose page this is, as one of them. */
function ours() {
  const one = store.status;
  if (!one) return [];
  return [{ station: one.station, name: one.name, application: 'mvrx', product: `mvrx ${one.version}`, address: place(one.address), addresses: [one.address ?? one.session], state: 'here', reachable: true, last_seen_unix_ms: null }];
}

/** The commonest fault of all: nobody is to be seen. */
function alone(goTo) {
  const group = store.status?.group;
  const where = store.status?.session ? 'in this session' : group ? `in the group “${group}”` : 'here';
  return el('div', { class: 'empty' }, el('p', { class: 'empty-title' }, `Nobody else is ${where} yet.`),
    el('p', {}, 'Stations appear here by themselves. When one does not: its group must have exactly this name, upper and lower case too, and no firewall may stand between.'),
    button('Let doctor look', '', () => goTo('doctor')));
}
