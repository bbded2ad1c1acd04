/**
 * Proposals to move to another group or session. They come from the network, not from a person one knows: nothing here accepts by itself,
 * and the answer that has the focus first is neither.
 */
import { post } from './api.js';
import { announce, attr, button, el, reconcile, say, show } from './dom.js';
import { may, store, watch } from './store.js';
import { lost, refresh } from './sync.js';
import { now, span } from './words.js';

/** Where a proposal leads. */
export const where = (one) => (one.session ? `the session ${one.session}` : `the group “${one.group}”`);

function card(first) {
  const title = el('h2', { id: `move-${first.proposal}` });
  const place = el('p', { class: 'place mono' });
  const rest = el('p', { class: 'muted' });
  const trouble = el('p', { class: 'bad-text', role: 'alert', hidden: true });
  const answer = async (accept) => {
    attr(go, 'disabled', true);
    attr(stay, 'disabled', true);
    try {
      await post(`/proposals/${node.item.proposal}`, { accept });
      announce(accept ? 'You said yes. This station moves.' : 'You said no. This station stays.');
      refresh('proposals', 'status');
    } catch (error) {
      say(trouble, error.message);
      show(trouble, true);
      lost(error);
      attr(go, 'disabled', !may('move'));
      attr(stay, 'disabled', !may('move'));
    }
  };
  const stay = button('Stay here', '', () => answer(false));
  const go = button('Go along', 'main', () => answer(true));
  const node = el('article', { class: 'proposal', 'aria-labelledby': title.id }, title, place,
    el('p', {}, 'If you go along, this station leaves where it is now and works there; its files come along. If you stay, or say nothing, all is as it was.'),
    rest, trouble, el('div', { class: 'actions' }, go, stay));
  node.fresh = (one) => {
    say(title, `${one.name || one.station || 'Somebody without a name'} asks this station to move`);
    say(place, one.session ? one.session : `group “${one.group}”`);
    node.tick();
  };
  node.tick = () => {
    const seconds = Math.max(0, Math.ceil((node.item.until_unix_ms - now()) / 1000));
    say(rest, seconds ? `${span(seconds)} left to answer` : 'The time to answer is over; this station stays.');
    attr(go, 'disabled', !seconds || !may('move'));
    attr(stay, 'disabled', !seconds || !may('move'));
  };
  return node;
}

/** The place for proposals, above everything. */
export function movesPlace() {
  const node = el('div', { class: 'proposals' });
  const told = new Set();
  const draw = () => {
    reconcile(node, store.proposals, (one) => String(one.proposal), card);
    for (const one of store.proposals) {
      if (told.has(one.proposal)) continue;
      told.add(one.proposal);
      announce(`${one.name || 'A station'} asks this station to move to ${where(one)}. Answer at the top of the page.`, true);
    }
    document.title = store.proposals.length ? '(!) Move? · mvrx' : `${store.status?.name ?? 'mvrx'} · mvrx`;
  };
  watch(['proposals', 'status'], draw);
  setInterval(() => {
    for (const one of node.children) one.tick();
    if (store.proposals.some((one) => one.until_unix_ms < now())) refresh('proposals');
  }, 1000);
  return node;
}

/** Leading everybody somewhere else, and what each answered. */
export function leadForm() {
  const kinds = ['group', 'session'].map((value, place) => el('label', { class: 'check' }, el('input', { type: 'radio', name: 'lead', value, checked: place === 0 }), value === 'group' ? 'to a group' : 'to a session'));
  const target = el('input', { type: 'text', id: 'lead-to', autocomplete: 'off', required: true });
  const force = el('input', { type: 'checkbox' });
  const out = el('div', { role: 'status' });
  const go = el('button', { type: 'submit' }, 'Ask everybody to move');
  const form = el('form', { novalidate: true }, el('fieldset', { class: 'people' }, el('legend', {}, 'Where'), ...kinds),
    el('label', { for: 'lead-to' }, 'Name of the group, or the URL of the session (ws://… or wss://…)'), target,
    el('label', { class: 'check' }, force, 'Also ask products that are not known to understand it'), el('div', { class: 'actions' }, go), out);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const to = target.value.trim();
    if (!to) return target.focus();
    const kind = form.querySelector('[name=lead]:checked').value;
    go.disabled = true;
    out.replaceChildren(el('div', { class: 'loading' }, 'Everybody is asked. Their operators have a minute to answer…'));
    try {
      out.replaceChildren(report(await post('/moves', { [kind]: to, force: force.checked })));
      refresh('status', 'stations', 'settings');
    } catch (error) {
      out.replaceChildren(el('p', { class: 'bad-text' }, error.message));
      lost(error);
    } finally {
      go.disabled = !may('move');
    }
    return undefined;
  });
  watch(['status'], () => (go.disabled = !may('move')));
  return form;
}

const ANSWERS = { moved: ['ok', 'moved'], refused: ['bad', 'stays'], unanswered: ['wait', 'did not answer'], not_asked: ['off', 'was not asked'] };

function report(move) {
  const lines = move.answers.map((one) => {
    const [tone, words] = ANSWERS[one.answer] ?? ['off', one.answer];
    return el('li', { class: 'line' }, el('span', { class: 'name' }, one.name || one.station), el('span', { class: `state ${tone}` }, words), el('span', { class: 'muted' }, one.reason ?? ''));
  });
  return el('div', {}, el('p', {}, `${move.moved} moved, ${move.stayed} stayed behind.`), el('ul', { class: 'plain' }, ...lines));
}
