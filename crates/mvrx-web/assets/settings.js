/** The station's name and group, the look of the page, the token, and leading everybody elsewhere. */
import { keepToken, put as send } from './api.js';
import { announce, button, el, facts, say, show } from './dom.js';
import { leadForm } from './moves.js';
import { may, put, store, watch } from './store.js';
import { again, lost, refresh } from './sync.js';
import { clock, place, utc } from './words.js';

const THEMES = [['', 'As the system'], ['dark', 'Dark'], ['light', 'Light']];
const KEPT = 'mvrx-theme';

const dark = matchMedia('(prefers-color-scheme: dark)');

/** The theme that was chosen here, or the system's. */
export function useTheme() {
  document.documentElement.dataset.theme = localStorage.getItem(KEPT) || (dark.matches ? 'dark' : 'light');
}
dark.addEventListener('change', useTheme);

/** The view of settings. */
export function settingsView() {
  return { node: el('div', { class: 'two' },
    el('div', {}, panel('Name and group', stationForm()), panel('Look', themeChoice()), panel('Token', tokenForm())),
    el('div', {}, panel('Move everybody elsewhere', el('p', { class: 'muted' }, 'Asks each station to go with this one to another group or session. Each operator, or the rule of each station, decides. Who does not answer stays.'), leadForm()), panel('About', about()))) };
}

let made = 0;
function panel(title, ...children) {
  made += 1;
  return el('section', { class: 'panel', 'aria-labelledby': `settings-${made}` }, el('h2', { id: `settings-${made}` }, title), ...children);
}

function stationForm() {
  const name = el('input', { type: 'text', id: 'set-name', autocomplete: 'off', maxlength: 63, required: true });
  const group = el('input', { type: 'text', id: 'set-group', autocomplete: 'off', maxlength: 63, required: true });
  const trouble = el('p', { class: 'bad-text', role: 'alert', hidden: true });
  const done = el('p', { role: 'status', class: 'ok-text' });
  const save = el('button', { type: 'submit', class: 'main' }, 'Save');
  const form = el('form', { novalidate: true }, el('label', { for: 'set-name' }, 'Name of this station'), name, el('label', { for: 'set-group' }, 'Group'), group,
    el('p', { class: 'muted' }, 'Upper and lower case count. In another group the commits of this one are not seen, and what was shared stays with the old one; to take everybody along, move instead.'),
    trouble, el('div', { class: 'actions' }, save, done));
  const draw = () => {
    const now = store.settings;
    save.disabled = !may('settings') || !now;
    for (const [input, value] of [[name, now?.name], [group, now?.group]]) {
      // What is being written is not written over.
      if (value !== undefined && input.value === (input.was ?? '')) input.value = value ?? '';
      input.was = value ?? '';
    }
    group.disabled = Boolean(now?.session);
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    show(trouble, false);
    say(done, '');
    const wanted = {};
    if (name.value.trim() !== store.settings.name) wanted.name = name.value.trim();
    if (!group.disabled && group.value !== store.settings.group) wanted.group = group.value;
    try {
      if (Object.keys(wanted).length) {
        put('settings', await send('/settings', wanted));
        refresh('status', 'stations');
      }
      say(done, 'Saved.');
    } catch (error) {
      say(trouble, error.message);
      show(trouble, true);
      lost(error);
    }
  });
  watch(['settings', 'status'], draw);
  draw();
  return form;
}

function themeChoice() {
  const now = localStorage.getItem(KEPT) ?? '';
  const choices = THEMES.map(([value, words]) => el('label', { class: 'check' }, el('input', { type: 'radio', name: 'theme', value, checked: value === now, on: { change: () => {
    localStorage.setItem(KEPT, value);
    useTheme();
  } } }), words));
  return el('fieldset', { class: 'people' }, el('legend', { class: 'away' }, 'Colours'), ...choices);
}

/** The field for the token, also on the page of who may not even read. */
export function tokenForm() {
  made += 1;
  const id = `token-${made}`;
  const field = el('input', { type: 'password', id, autocomplete: 'off', spellcheck: 'false' });
  const words = el('p', { class: 'muted' });
  const draw = () => {
    const file = store.status?.data ? `${store.status.data}/web-token` : 'the file web-token of the station’s data directory';
    say(words, store.token ? 'This page has the token and may change things.' : `This page may only look. mvrx printed an address with #token=… when it started: open that one, or take the token from ${file}.`);
  };
  watch(['status'], draw);
  draw();
  const form = el('form', {}, words, el('label', { for: id }, 'Token, or the address that has it'), field,
    el('div', { class: 'actions' }, el('button', { type: 'submit' }, 'Use it'), button('Forget it', 'quiet', () => {
      keepToken(null);
      again();
    })));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const given = /(?:token=)?([0-9a-fA-F]{16,})\s*$/.exec(field.value);
    if (!given) return announce('That is no token: it is a row of 64 digits and letters a to f.', true);
    keepToken(given[1]);
    field.value = '';
    again();
    return undefined;
  });
  return form;
}

const RULES = { ask: 'asked here first', always: 'followed without asking', never: 'refused', listed: 'followed where they come from certain stations' };

function about() {
  const node = el('div');
  watch(['status', 'settings'], () => {
    const one = store.status;
    if (!one) return;
    node.replaceChildren(facts([
      ['Program', `mvrx ${one.version}`], ['Kind', one.kind], ['Station', el('span', { class: 'mono' }, one.station)], ['Group', one.group], ['Session', one.session], ['Address', place(one.address)],
      ['Reached at', one.urls.join(', ')], ['Proposals to move are', RULES[store.settings?.moves] ?? store.settings?.moves], ['Data directory', el('span', { class: 'mono' }, one.data)],
      ['Started', el('span', { title: utc(one.started_unix_ms) }, clock(one.started_unix_ms))],
    ]));
  });
  return node;
}
