/**
 * Elements, made by hand. Text of other people only ever becomes a text node, never markup: there is no way in here to pass markup.
 * Nothing sets a style attribute, which the page's Content-Security-Policy forbids.
 */

/** @typedef {Record<string, unknown>} Props */

/**
 * Makes an element. `on` holds listeners, `class` and other keys are attributes; false, null and undefined leave an attribute out.
 * @param {string} tag
 * @param {Props} [props]
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === 'on') {
      for (const [name, fn] of Object.entries(/** @type {Record<string, EventListener>} */ (value))) node.addEventListener(name, fn);
    } else {
      attr(node, key, value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return node;
}

const asNode = (child) => (child instanceof Node ? child : String(child));

/** Sets an attribute, or takes it away; nothing is written where nothing changes. */
export function attr(node, key, value) {
  // What is not so is absent, but said of states that a screen reader tells.
  if (value === null || value === undefined || (value === false && !key.startsWith('aria-'))) {
    if (node.hasAttribute(key)) node.removeAttribute(key);
  } else {
    const text = value === true && !key.startsWith('aria-') ? '' : String(value);
    if (node.getAttribute(key) !== text) node.setAttribute(key, text);
  }
}

/** Sets the text of an element; nothing is written where nothing changes, so that live regions stay quiet. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows or hides. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** A button; `kind` is a class: `main`, `quiet`, `danger` or nothing. */
export function button(label, kind, press, props = {}) {
  return el('button', { type: 'button', class: kind, on: { click: press }, ...props }, label);
}

/** A relation of words to what they name, as in a list of facts. */
export function facts(pairs) {
  const list = el('dl', { class: 'facts' });
  for (const [name, value] of pairs) {
    if (value === null || value === undefined || value === '') continue;
    list.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)));
  }
  return list;
}

/** What is shown where there is nothing: a sentence, and what to do about it. */
export function empty(title, ...advice) {
  return el('div', { class: 'empty' }, el('p', { class: 'empty-title' }, title), ...advice.map((text) => el('p', {}, text)));
}

/**
 * Brings the children of `parent` into line with `items`: kept where the key is known, made where it is new, taken away where it is gone.
 * Whatever has the focus keeps it, since nothing is moved that stands right.
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement & {fresh?: (item: T) => void}} make an element with a function `fresh` that shows a newer item
 */
export function reconcile(parent, items, key, make) {
  const known = /** @type {any} */ (parent).known ??= new Map();
  const keys = new Set(items.map(key));
  for (const [id, node] of known) {
    if (!keys.has(id)) {
      node.remove();
      known.delete(id);
    }
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    let node = known.get(id);
    if (!node) known.set(id, (node = make(item)));
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    if (node.item !== item) {
      node.item = item;
      node.fresh?.(item);
    }
  }
}

let polite, urgent;

/** Tells a screen reader; `now` interrupts it. */
export function announce(text, now = false) {
  polite ??= document.getElementById('polite');
  urgent ??= document.getElementById('urgent');
  const region = now ? urgent : polite;
  // The same words again are only heard when they are other words to the browser.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** Asks before something that cannot be taken back; gives whether it was wanted. The safe answer has the focus. */
export function ask(title, text, yes, no) {
  return new Promise((resolve) => {
    const keep = button(no, 'quiet', () => dialog.close('no'));
    const dialog = el('dialog', { 'aria-labelledby': 'ask-title', class: 'ask' },
      el('h2', { id: 'ask-title' }, title), el('p', {}, text),
      el('div', { class: 'actions' }, keep, button(yes, 'danger', () => dialog.close('yes'))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
    keep.focus();
  });
}

/** A bar from 0 to 1; `null` is of unknown length. */
export function bar(label) {
  const fill = el('div', { class: 'fill' });
  const node = el('div', { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 }, fill);
  return {
    node,
    set(part) {
      node.classList.toggle('unknown', part === null);
      attr(node, 'aria-valuenow', part === null ? null : Math.floor(part * 100));
      fill.style.transform = part === null ? '' : `scaleX(${Math.min(1, Math.max(0, part))})`;
    },
  };
}
