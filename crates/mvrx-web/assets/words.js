/** Numbers and times in words. Sizes are decimal, as on the command line; times are local, with UTC in `title`. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** 1234567 → "1.2 MB". */
export function bytes(count) {
  if (count === null || count === undefined) return 'size not told';
  let unit = 0;
  let left = count;
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? left : left.toPrecision(3).replace(/\.0+$/, '')} ${UNITS[unit]}`;
}

/** Bytes a second. */
export const rate = (perSecond) => (perSecond ? `${bytes(Math.round(perSecond))}/s` : '');

/** "1 fixture", "2 fixtures". */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

/** How long, roughly: "8 s", "3 min", "2 h". */
export function span(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 90) return `${left} s`;
  if (left < 5400) return `${Math.round(left / 60)} min`;
  if (left < 172800) return `${Math.round(left / 3600)} h`;
  return `${Math.round(left / 86400)} days`;
}

let ahead = 0;
/** The station's clock, which counts where it and this browser's differ. */
export const now = () => Date.now() + ahead;
/** Learns the station's clock. */
export const learnClock = (unixMs) => {
  ahead = unixMs - Date.now();
};

/** "12 s ago". */
export function ago(unixMs) {
  if (unixMs === null || unixMs === undefined) return 'never';
  const seconds = (now() - unixMs) / 1000;
  return seconds < 5 ? 'just now' : `${span(seconds)} ago`;
}

const two = (number) => String(number).padStart(2, '0');

/** "21:14", with the day where it is not today. */
export function clock(unixMs) {
  const at = new Date(unixMs);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === new Date(now()).toDateString()) return time;
  return `${at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time}`;
}

/** "21:14:03.250". */
export function exact(unixMs) {
  const at = new Date(unixMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** "2026-11-22 20:14:03 UTC". */
export const utc = (unixMs) => `${new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** Enough of an id to name it. */
export const short = (id) => (id ?? '').slice(0, 8);

/** Eight metres and a half: "8.50 m". */
export const metres = (length) => `${length.toFixed(2)} m`;

/** "x +0.50, z −1.00": along which axes, where it is more than a millimetre. */
export function shift(by) {
  const parts = by.map((length, axis) => (Math.abs(length) < 0.001 ? '' : `${'xyz'[axis]} ${length < 0 ? '−' : '+'}${Math.abs(length).toFixed(2)}`));
  return parts.filter(Boolean).join(', ');
}

/** An address as people say it: universe.slot. */
export function address(one) {
  if (!one) return 'not patched';
  return `${Math.floor((one.absolute - 1) / 512) + 1}.${((one.absolute - 1) % 512) + 1}`;
}

const KINDS = {
  fixture: 'fixture', truss: 'truss', support: 'support', projector: 'projector', 'video-screen': 'video screen', 'scene-object': 'object',
  'group-object': 'group', 'focus-point': 'focus point',
};
/** A kind of object in words. */
export const kind = (name) => KINDS[name] ?? name;

/** What a thing is called: "101 Spot 101", or what it is. */
export function named(object) {
  const name = [object.fixture_id, object.name].filter(Boolean);
  if (name.length === 2 && object.name.includes(object.fixture_id)) name.shift();
  return name.join(' · ') || `unnamed ${kind(object.kind)}`;
}

/** How long is left of a transfer, or nothing where that cannot be told. */
export function left(transfer) {
  if (!transfer.total || !transfer.bytes_per_second) return '';
  return `${span((transfer.total - transfer.bytes) / transfer.bytes_per_second)} left`;
}

/** A sentence that begins like one. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** An address; of one that stands for all of a machine's, its port alone. */
export const place = (address) => address?.replace(/^(\[::\]|0\.0\.0\.0):/, 'port ') ?? null;
