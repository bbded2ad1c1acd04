/** Changes of a diff as lines of a table: of each object what happened, under one of a few kinds that the plan marks alike. */
import { address, bytes, metres, named, shift } from './words.js';

/** Kinds of changes: name, mark, words for one and many. The order is that of the filter. */
export const KINDS = [
  { id: 'removed', mark: 'del', words: 'removed' },
  { id: 'added', mark: 'add', words: 'added' },
  { id: 'readdressed', mark: 're', words: 're-addressed' },
  { id: 'moved', mark: 'mv', words: 'moved' },
  { id: 'otherwise', mark: 'oth', words: 'changed otherwise' },
];

const kindOf = (change) => (change.change === 'moved' ? 'moved' : change.change === 'readdressed' || change.change === 'network' ? 'readdressed' : 'otherwise');

const ASPECTS = { 'fixture-id': 'fixture ID', 'fixture-id-numeric': 'numeric fixture ID', 'unit-number': 'unit', 'custom-id': 'custom ID', gdtf: 'GDTF' };

const parent = (change) => (change.with_parent ? ' with what it hangs on' : '');

/** One change in words. */
function words(change) {
  switch (change.change) {
    case 'moved': return `moved ${metres(change.distance)} (${shift(change.by)})${parent(change)}`;
    case 'rotated': return `turned ${change.degrees.toFixed(1)}°${parent(change)}`;
    case 'readdressed': return change.breaks.map((one) => `${change.breaks.length > 1 ? `break ${one.break + 1}: ` : ''}${address(one.from)} → ${address(one.to)}`).join(', ');
    case 'network': return `${change.interface}: ${change.from ?? 'not set'} → ${change.to ?? 'not set'}`;
    case 'identity': return 'has a new UUID: a console takes it for a new one';
    case 'mirrored': return `mirrored along ${change.along}${parent(change)}`;
    case 'scaled': return 'has another size';
    case 'device-file': return `the GDTF ${change.gdtf} has other content`;
    case 'footprint': return 'occupies another number of slots';
    case 'value': return `${ASPECTS[change.aspect] ?? change.aspect}: ${change.from || 'none'} → ${change.to || 'none'}`;
    case 'element': return `${change.element} is another`;
    default: return change.change;
  }
}

/**
 * @typedef {{kinds: string[], name: string, detail: string, uuid: string|null, key: string, text: string}} Line
 * @param {any} diff
 * @returns {Line[]}
 */
export function linesOf(diff) {
  const objects = diff.objects.map((one) => {
    const kinds = one.what === 'changed' ? [...new Set(one.changes.map(kindOf))] : [one.what];
    const detail = one.what === 'changed' ? one.changes.map(words).join('; ') : '';
    return line(kinds, named(one.object), detail, one.object.uuid);
  });
  const scene = diff.scene.map((one) => line(['otherwise'], one.what, `${one.from ?? 'none'} → ${one.to ?? 'none'}`, null));
  return objects.concat(scene, members(diff.members));
}

function members(found) {
  return [
    ...found.removed.map((name) => line(['otherwise'], name, 'member removed', null)),
    ...found.added.map((name) => line(['otherwise'], name, 'member added', null)),
    ...found.renamed.map((one) => line(['otherwise'], one.from, `member is now ${one.to}`, null)),
    ...found.changed.map((one) => line(['otherwise'], one.name, `member: ${bytes(one.old_bytes)} → ${bytes(one.new_bytes)}`, null)),
  ];
}

let made = 0;
function line(kinds, name, detail, uuid) {
  const labels = kinds.map((id) => KINDS.find((one) => one.id === id).words).join(' ');
  made += 1;
  return { kinds, name, detail, uuid, key: String(made), text: `${name} ${labels} ${detail} ${uuid ?? ''}`.toLowerCase() };
}

/** How many lines have each kind. */
export function tally(lines) {
  const counts = Object.fromEntries(KINDS.map((one) => [one.id, 0]));
  for (const one of lines) for (const kind of one.kinds) counts[kind] += 1;
  return counts;
}

/** Those of wanted kinds that have all the words. */
export function filtered(lines, kinds, text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((one) => one.kinds.some((kind) => kinds.has(kind)) && wanted.every((word) => one.text.includes(word)));
}
