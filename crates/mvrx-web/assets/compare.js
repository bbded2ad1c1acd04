/** Any two revisions beside each other: one sentence, a table to be filtered, and the plan. Or one of them, as a plan alone. */
import { get } from './api.js';
import { announce, attr, button, el, empty, say, show } from './dom.js';
import { KINDS, filtered, linesOf, tally } from './changes.js';
import { readPlan } from './plan.js';
import { PlanView } from './planview.js';
import { Rows } from './rows.js';
import { commitOf, store, watch } from './store.js';
import { lost } from './sync.js';
import { bytes, clock, short } from './words.js';
import { rollUp } from './timeline.js';

const MARK_OF = Object.fromEntries(KINDS.map((one) => [one.id, one.mark]));

/** The view that compares. `open({from, to})` is told which two. */
export function compareView(goTo) {
  const from = el('select', { id: 'compare-from' });
  const to = el('select', { id: 'compare-to' });
  const swap = button('⇄', 'quiet', () => goTo('compare', { from: to.value, to: from.value }), { 'aria-label': 'Swap the two', title: 'Swap the two' });
  const sentence = el('p', { class: 'sentence pills', role: 'status' });
  const note = el('div');
  const plan = new PlanView({ picked: (uuid) => table.find(uuid) });
  const table = changesTable(plan);
  const body = el('div', { class: 'compare-body', hidden: true }, el('section', { class: 'panel', 'aria-label': 'Plan' }, plan.node), table.node);
  const chosen = () => goTo('compare', { from: from.value, to: to.value });
  for (const one of [from, to]) one.addEventListener('change', chosen);
  const node = el('div', {}, el('section', { class: 'panel', 'aria-labelledby': 'compare-title' }, el('h2', { id: 'compare-title' }, 'What changed'),
    el('div', { class: 'pair' }, el('label', { for: 'compare-from' }, 'From'), from, swap, el('label', { for: 'compare-to' }, 'To'), to), sentence, note), body);
  const view = { node, from, to, sentence, note, plan, table, body, asked: '' };
  watch(['commits'], () => {
    choices(view);
    // What was opened before the list was there.
    if (view.wanted && !view.asked) open(view, view.wanted);
  });
  choices(view);
  return { node, open: (query) => open(view, query) };
}

/** What can be compared: whatever is here. */
function choices({ from, to, wanted = {} }) {
  const held = (store.commits ?? []).filter((one) => one.held);
  const known = held.map((one) => one.file).join();
  for (const [select, none] of [[from, 'nothing: show the plan alone'], [to, 'choose a revision']]) {
    if (select.known === known) continue;
    select.known = known;
    const was = select === from ? wanted.from : wanted.to;
    const option = (one) => el('option', { value: one.file }, `${clock(one.seen_unix_ms)}  ${one.file_name}${one.comment ? `: ${one.comment.slice(0, 60)}` : ''}  (${short(one.file)})`);
    select.replaceChildren(el('option', { value: '' }, none), ...held.map(option));
    select.value = was ?? '';
  }
}

/** The revision of the same name before this one, or the one before it at all. */
function before(file) {
  const held = (store.commits ?? []).filter((one) => one.held);
  const place = held.findIndex((one) => one.file === file);
  if (place < 0) return '';
  const older = held.slice(place + 1);
  return (older.find((one) => one.file_name === held[place].file_name) ?? older[0])?.file ?? '';
}

async function open(view, query) {
  const { from, to, sentence, note, plan, table, body } = view;
  view.wanted = query;
  if (!store.commits) return;
  // Without a word of what to compare with: what it came after. An empty word says: alone.
  const target = query.to || store.commits.find((one) => one.held)?.file || '';
  const base = query.from ?? before(target);
  view.wanted = { from: base, to: target };
  to.value = target;
  from.value = base;
  const asked = `${base} ${target}`;
  if (asked === view.asked) return;
  view.asked = asked;
  view.abort?.abort();
  view.abort = new AbortController();
  show(body, false);
  sentence.replaceChildren();
  if (!target) {
    view.asked = '';
    note.replaceChildren(empty('There is nothing to compare yet.', 'Two revisions that are here can be compared: share a file, or fetch what others share.'));
    return;
  }
  note.replaceChildren(el('div', { class: 'loading' }, 'Comparing…'));
  try {
    await load(view, base, target);
  } catch (error) {
    if (error.name === 'AbortError') return;
    view.asked = '';
    note.replaceChildren(empty('These cannot be compared.', error.message));
    lost(error);
  }
}

async function load({ abort, note, sentence, plan, table, body }, base, target) {
  const alone = !base || base === target;
  const [answer, drawn] = await Promise.all([
    alone ? null : get('/diff', { from: base, to: target }, abort.signal),
    get('/plan.json', { to: target, from: alone ? '' : base }, abort.signal),
  ]);
  note.replaceChildren();
  show(body, true);
  const things = readPlan(drawn);
  plan.set(things);
  table.set(answer ? linesOf(answer.diff) : []);
  show(table.node, Boolean(answer));
  body.classList.toggle('alone', !answer);
  if (answer) {
    const words = answer.diff.sentence;
    sentence.replaceChildren(...rollUp(words));
    announce(words);
  } else {
    const commit = commitOf(target);
    sentence.replaceChildren(`${commit?.file_name ?? short(target)}, ${bytes(commit?.size)}: ${things.things.length} things on the plan.`);
  }
}

/** The table of changes with its filter, which the plan's marks follow. */
function changesTable(plan) {
  let lines = [];
  const kinds = new Set(KINDS.map((one) => one.id));
  const search = el('input', { type: 'search', placeholder: 'Filter changes', 'aria-label': 'Filter changes by name, identifier, address' });
  const counted = el('p', { class: 'muted', role: 'status' });
  const chips = KINDS.map((one) => button(one.words, `chip ${one.mark}`, () => {
    if (!kinds.delete(one.id)) kinds.add(one.id);
    redo();
  }));
  const reveal = (line) => {
    if (!line.uuid) announce('This has no place on the plan.');
    else if (!plan.reveal(line.uuid)) announce('It is not on the plan.');
  };
  const rows = new Rows({ label: 'Changes', columns: ['What', 'Change', 'Detail'], draw: drawLine, open: reveal });
  const none = el('div');
  const redo = () => {
    const counts = tally(lines);
    KINDS.forEach((one, place) => {
      say(chips[place], `${counts[one.id]} ${one.words}`);
      attr(chips[place], 'aria-pressed', kinds.has(one.id));
      show(chips[place], counts[one.id] > 0);
    });
    const shown = filtered(lines, kinds, search.value);
    rows.set(shown);
    say(counted, shown.length === lines.length ? '' : `${shown.length} of ${lines.length} are shown`);
    show(rows.node, shown.length > 0);
    none.replaceChildren(...(shown.length ? [] : [lines.length ? empty('Nothing has these words and kinds.', 'Take some of the filter away.') : empty('Nothing changed.', 'An import would change nothing.')]));
    plan.hide(new Set(KINDS.filter((one) => !kinds.has(one.id)).map((one) => MARK_OF[one.id])));
  };
  search.addEventListener('input', redo);
  const node = el('section', { class: 'panel changes', 'aria-labelledby': 'changes-title' }, el('div', { class: 'bar-line' }, el('h2', { id: 'changes-title' }, 'Changes'), search),
    el('div', { class: 'chips', role: 'group', 'aria-label': 'Kinds of changes' }, ...chips), counted, none, rows.node);
  return {
    node,
    set(fresh) {
      lines = fresh;
      redo();
    },
    find(uuid) {
      const line = uuid && rows.items.find((one) => one.uuid === uuid);
      if (line) rows.reveal(line);
    },
  };
}

function drawLine([what, change, detail], line) {
  say(what, line.name);
  attr(what, 'title', line.name);
  change.replaceChildren(...line.kinds.map((kind) => el('span', { class: `pill ${MARK_OF[kind]}` }, KINDS.find((one) => one.id === kind).words)));
  say(detail, line.detail);
  attr(detail, 'title', line.detail);
}
