/** Mixer's rooms (live scenes in Blender), where this station serves them. */
import { get } from './api.js';
import { el, empty, facts } from './dom.js';
import { lost } from './sync.js';
import { bytes, count } from './words.js';

const EVERY_MS = 3000;
const NUMBERS = { clients: 'Connected', rooms: 'Rooms', stored_bytes: 'Stored', bytes_relayed: 'Passed on', clients_seen: 'Connected so far' };

/** The view of rooms; read again while it is looked at. */
export function mixerView() {
  const out = el('div', {}, el('div', { class: 'loading' }, 'Reading the rooms…'));
  const node = el('section', { class: 'panel', 'aria-labelledby': 'mixer-title' }, el('h2', { id: 'mixer-title' }, 'Mixer rooms'), out);
  let timer = 0;
  let shown = '';
  const read = async () => {
    try {
      const found = await get('/mixer');
      const text = JSON.stringify(found);
      if (text !== shown) out.replaceChildren(draw(found));
      shown = text;
    } catch (error) {
      shown = '';
      out.replaceChildren(error.status === 404 ? empty('No rooms are served here.', 'mvrx up --mixer serves them beside the station.') : empty('The rooms cannot be read.', error.message));
      lost(error);
    }
  };
  return {
    node,
    open() {
      read();
      timer = setInterval(() => !document.hidden && read(), EVERY_MS);
    },
    close: () => clearInterval(timer),
  };
}

function draw({ addresses, rooms, metrics }) {
  const cards = (rooms ?? []).map((room) => el('li', { class: 'station' }, el('div', { class: 'grow' },
    el('div', { class: 'line' }, el('span', { class: 'name' }, room.name || 'a room without a name'), el('span', { class: `state ${room.joinable === false ? 'wait' : 'ok'}` }, room.joinable === false ? 'not open yet' : 'open'), room.keep_open && el('span', { class: 'state off' }, 'kept when empty')),
    el('div', { class: 'muted' }, [count(room.command_count ?? 0, 'command'), bytes(room.byte_size ?? 0), room.blender_version && `Blender ${room.blender_version}`, room.mixer_version && `Mixer ${room.mixer_version}`].filter(Boolean).join(' · ')))));
  const numbers = Object.entries(NUMBERS).filter(([key]) => typeof metrics?.[key] === 'number').map(([key, name]) => [name, key.includes('bytes') ? bytes(metrics[key]) : metrics[key]]);
  const failing = metrics?.disk_failing ? el('p', { class: 'bad-text' }, 'The disk does not take what is to be kept.') : null;
  return el('div', {}, failing, el('p', { class: 'muted' }, `Blender’s Mixer connects to ${addresses.join(' or ')}.`), cards.length ? el('ul', { class: 'plain' }, ...cards) : empty('There is no room yet.', 'Who connects with Blender’s Mixer makes one.'), facts(numbers));
}
