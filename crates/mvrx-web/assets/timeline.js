/** The commits of everybody, newest first: what came when, from whom, what it changed, and what can be done with it. */
import { del, get, post, save } from './api.js';
import { announce, ask, attr, bar, button, el, empty, facts, reconcile, say, show } from './dom.js';
import { comingIn, may, nameOf, store, watch } from './store.js';
import { lost, readOlder, refresh } from './sync.js';
import { cancel, part, standing, stoppable } from './transfers.js';
import { ago, bytes, clock, count, kind, short, utc } from './words.js';

/** Words of a roll-up with the mark that the plan has for them. */
const MARKS = [[/\bremoved\b/, 'del'], [/\badded\b/, 'add'], [/\bmoved\b/, 'mv'], [/\bre-addressed\b/, 're'], [/\bunchanged\b/, 'same']];

/** "12 moved, 3 removed; 16 of 17 members unchanged" as small labels. */
export function rollUp(text) {
  const pieces = text.split(/[,;] /).filter(Boolean);
  return pieces.map((piece) => el('span', { class: `pill ${MARKS.find(([word]) => word.test(piece))?.[1] ?? 'oth'}` }, piece));
}

function card(goTo) {
  const when = el('time', { class: 'when' });
  const since = el('span', { class: 'muted' });
  const title = el('h3', {});
  const comment = el('p', { class: 'comment' });
  const about = el('p', { class: 'muted' });
  const changed = el('p', { class: 'pills' });
  const tags = el('span', {});
  const progress = bar('Progress');
  const how = el('span', { class: 'muted' });
  const trouble = el('p', { class: 'bad-text', role: 'alert', hidden: true });
  const details = el('div', { class: 'details', hidden: true });
  const act = (label, kindOf, fn) => button(label, kindOf, () => attempt(fn, trouble));
  const buttons = {
    fetch: act('Fetch', 'main', () => fetchIt(node.item)),
    cancel: act('Cancel', 'quiet', () => cancel(comingIn(node.item.file))),
    save: act('Save as file', '', () => save(node.item.file)),
    compare: act('What changed', '', () => goTo('compare', { to: node.item.file, from: node.item.since })),
    more: act('Details', 'quiet', () => open(node.item, details, buttons.more)),
    withdraw: act('Withdraw', 'quiet', () => withdraw(node.item)),
  };
  const going = el('div', { class: 'going', hidden: true }, progress.node, how);
  const node = el('article', { class: 'commit' },
    el('div', { class: 'at' }, when, since),
    el('div', { class: 'grow' }, el('div', { class: 'line' }, title, tags), comment, about, changed, going, trouble,
      el('div', { class: 'actions' }, ...Object.values(buttons)), details));
  Object.assign(node, { parts: { when, title, comment, about, changed, tags, going, progress, how, buttons } });
  node.fresh = (commit) => fill(node, commit);
  node.tick = () => say(since, ago(node.item.seen_unix_ms));
  return node;
}

function fill(node, commit) {
  const { when, title, comment, about, changed, tags, buttons } = node.parts;
  say(when, clock(commit.seen_unix_ms));
  attr(when, 'title', utc(commit.seen_unix_ms));
  attr(when, 'datetime', new Date(commit.seen_unix_ms).toISOString());
  say(title, commit.file_name || 'a file without a name');
  say(comment, commit.comment || 'no comment');
  comment.classList.toggle('muted', !commit.comment);
  const author = commit.own ? 'this station' : commit.author_name || nameOf(commit.author);
  const to = commit.for_stations.length ? `for ${commit.for_stations.map(nameOf).join(', ')}` : '';
  const at = commit.holders.length ? `held by ${count(commit.holders.length, 'station')}` : '';
  say(about, [author, commit.own ? '' : commit.author_application, commit.size ? bytes(commit.size) : 'size not told', to, at].filter(Boolean).join(' · '));
  attr(about, 'title', `File ${commit.file}, author ${commit.author}`);
  changed.replaceChildren(...(commit.roll_up ? rollUp(commit.roll_up) : []));
  show(changed, Boolean(commit.roll_up));
  const labels = [...commit.tags.map((tag) => ['tag', tag]), commit.held ? ['ok', 'here'] : ['off', 'not here'], ...(commit.withdrawn ? [['bad', 'withdrawn']] : [])];
  tags.replaceChildren(...labels.map(([tone, text]) => el('span', { class: `state ${tone}` }, text)));
  node.classList.toggle('gone', commit.withdrawn);
  for (const one of Object.values(buttons)) attr(one, 'aria-label', `${one.textContent}: ${commit.file_name} ${short(commit.file)}`);
  progressOf(node);
  node.tick();
}

/** What changes with transfers and rights alone. */
function progressOf(node) {
  const { going, progress, how, buttons } = node.parts;
  const commit = node.item;
  const coming = comingIn(commit.file);
  show(going, Boolean(coming));
  if (coming) {
    attr(progress.node, 'aria-label', `${commit.file_name} is coming in`);
    progress.set(part(coming));
    say(how, standing(coming));
  }
  show(buttons.fetch, !commit.held && !coming && !commit.withdrawn);
  show(buttons.cancel, Boolean(coming) && stoppable(coming));
  show(buttons.save, commit.held);
  show(buttons.compare, commit.held);
  show(buttons.withdraw, commit.own && !commit.withdrawn);
  buttons.fetch.disabled = !may('fetch');
  buttons.cancel.disabled = !may('fetch');
  buttons.withdraw.disabled = !may('withdraw');
}

/** Does it, and says in the card why it could not be done. */
async function attempt(fn, trouble) {
  show(trouble, false);
  try {
    await fn();
  } catch (error) {
    say(trouble, error.message);
    show(trouble, true);
    lost(error);
  }
}

async function fetchIt(commit) {
  await post('/transfers', { file: commit.file });
  announce(`${commit.file_name} is being fetched.`);
  refresh('transfers');
}

async function withdraw(commit) {
  const text = `“${commit.file_name}” goes out of everybody's list. Who has fetched it keeps it. Taken back once, it cannot be shared again as the same commit.`;
  if (!(await ask('Withdraw this commit?', text, 'Withdraw it', 'Keep it'))) return;
  await del(`/commits/${commit.file}`);
  announce(`${commit.file_name} is withdrawn.`);
  refresh('commits');
}

async function open(commit, details, more) {
  const opening = details.hidden;
  attr(more, 'aria-expanded', opening);
  show(details, opening);
  if (!opening) return;
  details.replaceChildren(el('div', { class: 'loading' }, 'Looking into it…'));
  try {
    const { summary } = await get(`/commits/${commit.file}`);
    details.replaceChildren(identity(commit), ...(summary ? [inside(summary)] : [el('p', { class: 'muted' }, 'What is in it can be seen when it is here: fetch it first.')]));
  } catch (error) {
    details.replaceChildren(el('p', { class: 'bad-text' }, error.message));
    lost(error);
  }
}

const identity = (commit) => facts([
  ['File', el('span', { class: 'mono' }, commit.file)],
  ['Author', el('span', { class: 'mono' }, commit.author)],
  ['Held by', commit.holders.map(nameOf).join(', ')],
  ['MVR', commit.mvr_version],
]);

function inside(summary) {
  const objects = summary.objects.map((one) => count(one.count, kind(one.kind))).join(', ');
  const types = summary.device_types.slice(0, 12).map((one) => el('li', {}, `${one.count} × ${one.gdtf || 'no GDTF'}${one.mode ? ` (${one.mode})` : ''}`));
  const universes = summary.universes.slice(0, 24).map((one) => el('span', { class: 'pill same', title: count(one.devices, 'device') }, `${one.number}: ${one.used}/512`));
  const more = summary.universes.length - universes.length;
  return facts([
    ['In it', objects],
    ['Written by', [summary.provider, summary.provider_version].filter(Boolean).join(' ')],
    ['Devices', types.length ? el('ul', { class: 'plain' }, ...types, summary.device_types.length > 12 && el('li', { class: 'muted' }, `and ${summary.device_types.length - 12} more types`)) : null],
    ['Universes', universes.length ? el('span', { class: 'pills' }, ...universes, more > 0 && el('span', { class: 'muted' }, `and ${more} more`)) : null],
    ['Without address', summary.unpatched ? count(summary.unpatched, 'fixture') : null],
  ]);
}

/** Whether a commit has these words in its name, comment, author or id. */
function matches(commit, words) {
  const text = `${commit.file_name} ${commit.comment} ${commit.author_name ?? ''} ${commit.tags.join(' ')} ${commit.file}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The timeline. */
export function timelinePanel(goTo) {
  const head = el('h2', { id: 'commits-title' }, 'Commits');
  const list = el('div', { class: 'commits' });
  const note = el('div');
  const filter = el('input', { type: 'search', placeholder: 'Filter commits', 'aria-label': 'Filter commits by name, comment, author or id' });
  const end = el('div', { class: 'end' });
  const draw = () => {
    const commits = store.commits;
    if (!commits) {
      const words = store.failed.commits;
      note.replaceChildren(words ? empty('The commits cannot be read.', words) : el('div', { class: 'loading' }, 'Reading the commits…'));
      return;
    }
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = words.length ? commits.filter((one) => matches(one, words)) : commits;
    say(head, commits.length ? `Commits · ${words.length ? `${shown.length} of ` : ''}${store.older ? store.total : commits.length}` : 'Commits');
    reconcile(list, shown, (one) => one.file, () => card(goTo));
    if (commits.length === 0) note.replaceChildren(empty('No file was shared yet.', 'Drop an .mvr on this page, or press “Share a file”. What others share appears here by itself; nothing is fetched unless you ask.'));
    else if (shown.length === 0) note.replaceChildren(empty('No commit has these words.', store.older ? 'Older ones are read as you scroll.' : 'Take some of them away.'));
    else note.replaceChildren();
    say(end, store.older ? 'Older commits are read…' : '');
  };
  filter.addEventListener('input', draw);
  watch(['commits', 'link'], draw);
  const again = () => [...list.children].forEach(progressOf);
  watch(['transfers', 'status'], again);
  let names = '';
  watch(['stations'], () => {
    const now = (store.stations ?? []).map((one) => one.station + one.name).join();
    if (now !== names) for (const one of list.children) one.fresh(one.item);
    names = now;
  });
  setInterval(() => [...list.children].forEach((one) => one.tick?.()), 10000);
  new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && readOlder(), { rootMargin: '800px' }).observe(end);
  draw();
  return el('section', { class: 'panel', 'aria-labelledby': 'commits-title' }, el('div', { class: 'bar-line' }, head, filter), note, list, end);
}
