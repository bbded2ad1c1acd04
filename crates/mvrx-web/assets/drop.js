/** Sharing a file: dropped anywhere on the page, or chosen; with a comment and, if wanted, only for some. */
import { upload } from './api.js';
import { announce, bar, button, el, say, show } from './dom.js';
import { may, store, watch } from './store.js';
import { lost, refresh } from './sync.js';
import { bytes, rate, span } from './words.js';

const drop = { /** @type {File[]} */ files: [], abort: null };

/** The button, and the form that it opens. */
export function sharePanel(goTo) {
  const chooser = el('input', { type: 'file', accept: '.mvr', multiple: true, class: 'away', tabindex: -1, 'aria-hidden': 'true' });
  const openIt = button('Share a file…', 'main', () => chooser.click());
  const hint = el('p', { class: 'muted' });
  const form = shareForm(() => take([]));
  const node = el('section', { class: 'panel share', 'aria-label': 'Share a file' }, el('div', { class: 'line' }, openIt, hint, chooser), form.node);
  const take = (files) => {
    drop.files = files;
    form.show(files);
    show(openIt, files.length === 0);
    show(hint, files.length === 0);
    if (files.length === 0) openIt.focus();
  };
  chooser.addEventListener('change', () => {
    if (chooser.files.length) take([...chooser.files]);
    chooser.value = '';
  });
  watch(['status'], () => {
    openIt.disabled = !may('commit');
    const kind = store.status?.kind;
    say(hint, may('commit') ? 'or drop an .mvr anywhere on this page' : kind === 'bridge' ? 'A bridge carries the files of others and shares none of its own.' : 'Sharing needs the token.');
  });
  catchDrops(take, goTo);
  return node;
}

/** The whole page takes files; while one is over it that is seen. */
function catchDrops(take, goTo) {
  let depth = 0;
  const veil = el('div', { class: 'veil', hidden: true, 'aria-hidden': 'true' }, el('div', {}, 'Drop to share'));
  document.body.append(veil);
  const isFile = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const over = (change) => (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    depth = Math.max(0, depth + change);
    show(veil, depth > 0 && may('commit'));
  };
  addEventListener('dragenter', over(1));
  addEventListener('dragleave', over(-1));
  addEventListener('dragover', (event) => isFile(event) && event.preventDefault());
  addEventListener('drop', (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    depth = 0;
    show(veil, false);
    if (!may('commit')) return announce('Sharing needs the token.', true);
    if (drop.abort) return announce('A file is still being shared.', true);
    const files = [...event.dataTransfer.files];
    if (files.length) {
      goTo('show');
      take(files);
    }
    return undefined;
  });
}

function shareForm(done) {
  const title = el('h2', { tabindex: -1 });
  const comment = el('input', { type: 'text', id: 'share-comment', maxlength: 2000, autocomplete: 'off', placeholder: 're-hung LX2', required: true });
  const people = el('fieldset', { class: 'people' }, el('legend', {}, 'For whom'));
  const trouble = el('p', { class: 'bad-text', role: 'alert', hidden: true });
  const anyFile = el('input', { type: 'checkbox', id: 'share-any' });
  const any = el('label', { class: 'check', hidden: true, for: 'share-any' }, anyFile, 'Share it all the same');
  const progress = bar('How much of the file is with the station');
  const how = el('p', { class: 'muted' });
  const going = el('div', { hidden: true }, progress.node, how);
  const send = el('button', { type: 'submit', class: 'main' }, 'Share');
  const stop = button('Cancel', 'quiet', () => (drop.abort ? drop.abort.abort() : done()));
  const node = el('form', { hidden: true, novalidate: true }, title,
    el('label', { for: 'share-comment' }, 'What changed, in a few words'), comment, people, any, trouble, going, el('div', { class: 'actions' }, send, stop));
  const parts = { comment, people, trouble, any, anyFile, progress, how, going, send };
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    shareAll(parts, done);
  });
  return {
    node,
    show(files) {
      show(node, files.length > 0);
      if (!files.length) return;
      const size = files.reduce((sum, one) => sum + one.size, 0);
      say(title, files.length === 1 ? `Share “${files[0].name}” (${bytes(size)})` : `Share ${files.length} files (${bytes(size)})`);
      show(any, false);
      show(trouble, false);
      show(going, false);
      anyFile.checked = false;
      recipients(people);
      comment.value = '';
      comment.focus();
    },
  };
}

/** Everybody, until somebody is chosen. */
function recipients(people) {
  const all = el('input', { type: 'radio', name: 'whom', value: 'all', checked: true });
  const some = el('input', { type: 'radio', name: 'whom', value: 'some' });
  const boxes = (store.stations ?? []).filter((one) => one.state === 'member').map((one) =>
    el('label', { class: 'check' }, el('input', { type: 'checkbox', value: one.station, on: { change: () => (some.checked = true) } }), one.name || one.station));
  people.replaceChildren(el('legend', {}, 'For whom'), el('label', { class: 'check' }, all, 'Everybody'),
    boxes.length ? el('label', { class: 'check' }, some, 'Only for') : el('span', { class: 'muted' }, 'Nobody else is here; who comes later gets to know of it.'),
    el('div', { class: 'boxes' }, ...boxes));
}

const chosen = (people) => (people.querySelector('[value=some]')?.checked ? [...people.querySelectorAll('[type=checkbox]:checked')].map((box) => box.value) : []);

async function shareAll(parts, done) {
  const { comment, people, trouble, any, anyFile, send, going } = parts;
  const wrong = !comment.value.trim() ? 'Say in a few words what changed: the others see it before they fetch.'
    : people.querySelector('[value=some]')?.checked && !chosen(people).length ? 'Choose for whom, or everybody.' : '';
  say(trouble, wrong);
  show(trouble, Boolean(wrong));
  if (wrong) return comment.value.trim() ? undefined : comment.focus();
  drop.abort = new AbortController();
  send.disabled = true;
  show(going, true);
  try {
    while (drop.files.length) {
      const answer = await shareOne(drop.files[0], { comment: comment.value.trim(), to: chosen(people), anyFile: anyFile.checked }, parts);
      announce(`${answer.commit.file_name} is shared.${answer.odd ? ` It looks odd: ${answer.odd}` : ''}`);
      if (answer.odd) store.news = [{ at_unix_ms: Date.now(), text: `${answer.commit.file_name} is shared, though it looks odd: ${answer.odd}` }, ...store.news];
      drop.files = drop.files.slice(1);
    }
    refresh('commits');
    done();
  } catch (error) {
    say(trouble, error.message);
    show(trouble, true);
    // What is no whole archive is refused; who knows better says so.
    show(any, error.status === 422);
    if (error.status === 0) lost(error);
  } finally {
    drop.abort = null;
    send.disabled = false;
    show(going, false);
  }
  return undefined;
}

function shareOne(file, how, { progress, how: words }) {
  const began = performance.now();
  progress.set(0);
  say(words, 'Beginning…');
  return upload(file, how, (sent, total) => {
    const perSecond = sent / Math.max(0.001, (performance.now() - began) / 1000);
    progress.set(total ? sent / total : null);
    say(words, sent === total ? 'The station has it and looks whether it is whole…'
      : `${file.name}: ${Math.floor((sent / total) * 100)} % · ${rate(Math.round(perSecond))} · ${span((total - sent) / perSecond)} left`);
  }, drop.abort.signal);
}
