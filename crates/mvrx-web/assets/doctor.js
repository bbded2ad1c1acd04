/** What `doctor` finds, in words: what is wrong, and what to do. */
import { get, post } from './api.js';
import { announce, button, el, empty, facts } from './dom.js';
import { store, watch } from './store.js';
import { lost } from './sync.js';
import { clock, sentence, utc } from './words.js';

/** The view of the doctor. */
export function doctorView() {
  const out = el('div', { 'aria-live': 'polite' });
  const go = button('Look now', 'main', look);
  async function look() {
    go.disabled = true;
    out.replaceChildren(el('div', { class: 'loading' }, 'Looking at interfaces, ports, multicast, groups and stations. This takes some seconds…'));
    try {
      const found = await post('/doctor');
      out.replaceChildren(report(found));
      announce(found.findings.length ? `Doctor found ${found.findings.length}.` : 'Doctor found nothing.');
    } catch (error) {
      out.replaceChildren(empty(error.status === 409 ? 'The doctor is looking already.' : 'The doctor could not look.', error.message));
      lost(error);
    } finally {
      go.disabled = !store.token;
    }
  }
  watch(['status'], () => (go.disabled = !store.token));
  const node = el('section', { class: 'panel', 'aria-labelledby': 'doctor-title' }, el('div', { class: 'bar-line' }, el('h2', { id: 'doctor-title' }, 'Doctor'), go),
    el('p', { class: 'muted' }, 'When a station does not appear, or does not answer: this looks for why, and says what to do.'), out);
  return {
    node,
    async open() {
      if (out.firstElementChild) return;
      try {
        out.replaceChildren(report(await get('/doctor')));
      } catch (error) {
        if (error.status === 404) out.replaceChildren(empty('It has not looked yet.', store.token ? 'Press “Look now”.' : 'It needs the token to look.'));
        else lost(error);
      }
    },
  };
}

function report(found) {
  const findings = found.findings.map((one) => el('li', { class: `finding ${one.severity}` },
    el('p', { class: 'finding-title' }, el('span', { class: `state ${one.severity === 'problem' ? 'bad' : 'wait'}` }, one.severity === 'problem' ? 'does not work' : 'may not work'), sentence(one.text)), el('p', {}, sentence(one.advice))));
  const more = Object.entries(found.more ?? {}).map(([id, count]) => el('li', { class: 'muted' }, `and ${count} more of “${id}”`));
  const notes = (found.notes ?? []).map((text) => el('li', {}, sentence(text)));
  return el('div', {}, el('p', { class: 'muted', title: utc(found.at_unix_ms) }, `Found at ${clock(found.at_unix_ms)}:`), findings.length ? el('ul', { class: 'plain' }, ...findings, ...more) : empty('All is well.', 'The network, the ports and the group are as they should be.'),
    notes.length > 0 && el('div', {}, el('h3', {}, 'Good to know'), el('ul', {}, ...notes)), seen(found.facts ?? {}));
}

function seen(given) {
  const interfaces = (given.interfaces ?? []).map((one) => el('li', {}, `${one.name}${one.up ? '' : ' (down)'}${one.used ? '' : ' (not used)'}: ${one.addresses.join(', ') || 'no address'}`));
  const groups = (given.groups ?? []).map((one) => el('li', {}, `${one.group}: ${one.stations.join(', ')}`));
  const multicast = (given.multicast ?? []).map((one) => el('li', {}, `${one.interface}, ${one.family}: ${one.heard ? 'works' : 'is not heard'}`));
  const announced = given.own_announcement;
  const list = (items) => (items.length ? el('ul', { class: 'plain' }, ...items) : null);
  return el('details', {}, el('summary', {}, 'What it looked at'), facts([
    ['Interfaces', list(interfaces)], ['Multicast', list(multicast)], ['Groups seen', list(groups)],
    ['Port of discovery', given.udp_port ? `UDP ${given.udp_port}${given.udp_port_holders?.length ? `, also used by ${given.udp_port_holders.join(', ')}` : ''}` : null],
    ['Our announcement', announced ? (announced.seen ? `seen after ${announced.after_ms} ms` : 'not seen') : null],
  ]));
}
