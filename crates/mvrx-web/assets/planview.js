/** The plan that is looked at: zoom, pan, hover and keys, and the words for what is under the pointer. */
import { announce, attr, button, el, say, show } from './dom.js';
import { Camera, EYES, Scene, colours, draw } from './plan.js';

const MARKS = [['mv', 'moved, from the dot'], ['re', 're-addressed'], ['add', 'added'], ['del', 'removed'], ['oth', 'changed otherwise']];
/** How near a thing must be to the pointer, in pixels. */
const NEAR = 14;

export class PlanView {
  /** @param {{picked: (uuid: string|null) => void}} told */
  constructor(told) {
    this.told = told;
    this.camera = new Camera();
    this.eye = 'above';
    this.picked = -1;
    this.hidden = new Set();
    this.canvas = el('canvas', { tabindex: 0, role: 'application', 'aria-roledescription': 'plan', 'aria-describedby': 'plan-keys' });
    this.words = el('div', { class: 'plan-words' });
    this.eyes = Object.entries(EYES).map(([id, { words }]) => button(words, 'segment', () => this.look(id), { 'data-eye': id }));
    const zoom = [['−', 'Zoom out', () => this.zoomBy(1 / 1.4)], ['+', 'Zoom in', () => this.zoomBy(1.4)], ['Fit', 'Show everything', () => this.fit()]];
    const tools = zoom.map(([label, what, fn]) => button(label, 'segment', fn, { 'aria-label': what, title: what }));
    this.legend = el('ul', { class: 'legend', 'aria-label': 'Marks on the plan' }, ...MARKS.map(([mark, words]) => el('li', {}, el('span', { class: `sign ${mark}`, 'aria-hidden': 'true' }), words)));
    this.node = el('div', { class: 'planview' },
      el('div', { class: 'bar-line' }, el('div', { class: 'segments', role: 'group', 'aria-label': 'Seen from' }, ...this.eyes), el('div', { class: 'segments', role: 'group', 'aria-label': 'Zoom' }, ...tools)),
      el('div', { class: 'canvas' }, this.canvas, this.words), this.legend,
      el('p', { class: 'muted', id: 'plan-keys' }, 'Wheel or + and − zoom, drag or arrow keys pan, 0 shows everything; N and P go through what changed.'));
    this.listen();
    show(this.words, false);
  }

  listen() {
    const { canvas } = this;
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.zoomBy(Math.exp(-event.deltaY * lines * 0.0018), event.offsetX, event.offsetY);
    }, { passive: false });
    this.fingers = new Map();
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.far = 0;
    });
    canvas.addEventListener('pointermove', (event) => this.move(event));
    const up = (event) => {
      if (this.fingers.delete(event.pointerId) && this.far < 5) this.pick(this.under(event.offsetX, event.offsetY), true);
    };
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', (event) => this.fingers.delete(event.pointerId));
    canvas.addEventListener('pointerleave', () => !this.pinned && this.pick(-1));
    canvas.addEventListener('keydown', (event) => this.key(event));
    new MutationObserver(() => this.recolour()).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  /** Shows another plan; `null` shows nothing. The same place stays in sight where `keep` says so. */
  set(plan, keep = false) {
    this.plan = plan;
    this.scenes = {};
    this.pick(-1);
    if (!plan) return this.later();
    show(this.legend, plan.things.some((one) => one.marks.length));
    return this.look(this.eye, keep);
  }

  look(eye, keep = false) {
    this.eye = eye;
    for (const one of this.eyes) attr(one, 'aria-pressed', one.dataset.eye === eye);
    if (!this.plan) return;
    this.scene = this.scenes[eye] ??= new Scene(this.plan, eye);
    const changed = this.plan.things.filter((one) => one.marks.length).length;
    attr(this.canvas, 'aria-label', `Plan, ${EYES[eye].words.toLowerCase()} view: ${this.plan.things.length} things, ${changed} of them changed`);
    if (keep) this.later();
    else this.fit();
  }

  /** Marks of hidden kinds are left out. */
  hide(marks) {
    this.hidden = marks;
    this.later();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width || !box.height) return;
    this.ratio = Math.min(3, devicePixelRatio || 1);
    const before = this.width;
    Object.assign(this, { width: box.width, height: box.height, unit: parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 });
    this.canvas.width = Math.round(box.width * this.ratio);
    this.canvas.height = Math.round(box.height * this.ratio);
    // What nobody has zoomed or panned stays whole in another window, too.
    if (this.fitted !== false || !before) this.fit();
    this.draw();
  }

  fit() {
    if (!this.scene || !this.width) return;
    this.camera.fit(this.scene, this.width, this.height);
    this.fitted = true;
    this.later();
  }

  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    if (!this.scene) return;
    this.camera.zoom(factor, x, y);
    this.fitted = false;
    this.later();
  }

  recolour() {
    this.colour = null;
    this.later();
  }

  /** Draws once, in the next frame. */
  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    const pen = this.canvas.getContext('2d', { alpha: false });
    this.colour ??= colours();
    if (!this.plan) {
      pen.fillStyle = this.colour.ground;
      return pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    }
    const { scene, camera, width, height, ratio, unit, colour, picked } = this;
    if (width) draw(pen, { scene, camera, width, height, ratio, unit, colour, picked, dimmed: (marks) => marks.every((mark) => this.hidden.has(mark)) });
    return undefined;
  }

  move(event) {
    const { fingers } = this;
    const place = [event.offsetX, event.offsetY];
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (!this.pinned) this.pick(this.under(...place));
      return;
    }
    const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (others.length) {
      const far = (at) => Math.hypot(at[0] - others[0][0], at[1] - others[0][1]);
      this.camera.zoom(far(place) / Math.max(1, far(before)), ...others[0]);
    } else {
      this.camera.pan(place[0] - before[0], place[1] - before[1]);
    }
    this.far += Math.hypot(place[0] - before[0], place[1] - before[1]);
    fingers.set(event.pointerId, place);
    this.fitted = false;
    this.later();
  }

  /** The thing next to a place on the canvas; what changed goes before what did not. */
  under(x, y) {
    if (!this.scene) return -1;
    let best = -1;
    let least = NEAR * this.unit;
    this.scene.things.forEach((one, index) => {
      const [a, b] = this.camera.toScreen(this.scene.spots[index]);
      const far = Math.hypot(a - x, b - y) - (one.marks.length ? 3 : 0) + (one.kind === 'scene-object' ? 6 : 0);
      if (far < least) [best, least] = [index, far];
    });
    return best;
  }

  /** Shows the words of a thing; `pinned` until another is chosen. */
  pick(index, pinned = false) {
    this.pinned = pinned && index >= 0;
    if (index === this.picked) return this.pinned && this.tell(index);
    this.picked = index;
    this.later();
    show(this.words, index >= 0);
    if (index < 0) return undefined;
    const one = this.plan.things[index];
    const [x, y, z] = one.at.map((metre) => metre.toFixed(2));
    this.words.replaceChildren(el('strong', {}, one.name), el('span', {}, one.gdtf), el('span', {}, one.addresses.length ? `address ${one.addresses.join(', ')}` : ''),
      el('span', { class: 'mono' }, `x ${x}  y ${y}  z ${z} m`), ...one.changes.map((text) => el('span', { class: 'changed' }, text)));
    if (pinned) this.tell(index);
    return undefined;
  }

  tell(index) {
    const one = this.plan.things[index];
    announce([one.name, one.addresses.join(', '), ...one.changes].filter(Boolean).join('. '));
    this.told.picked(one.uuid);
  }

  /** Brings the thing with this UUID into the middle. */
  reveal(uuid) {
    const index = this.plan?.things.findIndex((one) => one.uuid === uuid) ?? -1;
    if (index >= 0 && this.width) this.centre(index, 60);
    return index >= 0;
  }

  centre(index, scale) {
    const { camera } = this;
    this.fitted = false;
    camera.scale = Math.max(camera.scale, scale * this.unit);
    const [x, y] = this.scene.spots[index];
    camera.x = x - this.width / 2 / camera.scale;
    camera.y = y - this.height / 2 / camera.scale;
    this.pick(index, true);
    this.later();
  }

  /** The next thing that changed, or the one before. */
  step(by) {
    const changed = this.plan.things.map((one, index) => (one.marks.length ? index : -1)).filter((index) => index >= 0);
    if (!changed.length) return announce('Nothing changed on this plan.');
    const place = changed.indexOf(this.picked);
    return this.centre(changed[(place + by + changed.length + (place < 0 && by < 0 ? 1 : 0)) % changed.length], 0);
  }

  key(event) {
    if (!this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      '+': () => this.zoomBy(1.25), '=': () => this.zoomBy(1.25), '-': () => this.zoomBy(0.8), 0: () => this.fit(), n: () => this.step(1), p: () => this.step(-1),
      ArrowLeft: () => this.camera.pan(60, 0), ArrowRight: () => this.camera.pan(-60, 0), ArrowUp: () => this.camera.pan(0, 60), ArrowDown: () => this.camera.pan(0, -60),
      Escape: () => this.pick(-1),
    };
    const fn = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!fn) return;
    event.preventDefault();
    if (event.key.startsWith('Arrow')) this.fitted = false;
    fn();
    this.later();
  }
}
