/**
 * A plan as shapes on a canvas. Shapes of things are made once per view, in metres, and drawn with the zoom as a transformation; symbols keep
 * their size. Knows nothing of pointers and keys (planview.js does).
 */
import { named } from './words.js';

/** Which coordinates an eye sees: to the right and up. */
export const EYES = {
  above: { words: 'Above', axes: [0, 1] },
  front: { words: 'Front', axes: [0, 2] },
  side: { words: 'Side', axes: [1, 2] },
};

/** @typedef {{kind: string, uuid: string|null, name: string, label: string, gdtf: string, addresses: string[], at: number[], boxes: number[][][],
 *   from: number[]|null, marks: string[], changes: string[]}} Thing in metres */

const metres = (millimetres) => millimetres && millimetres.map((one) => one / 1000);

/**
 * Reads /plan.json, which has millimetres.
 * @returns {{things: Thing[], low: number[], high: number[]}}
 */
export function readPlan({ plan }) {
  const things = plan.items.map((item) => ({
    kind: item.object.kind, uuid: item.object.uuid, name: named(item.object), label: item.object.kind === 'fixture' ? item.object.fixture_id.slice(0, 6) : '', gdtf: item.gdtf, addresses: item.addresses, at: metres(item.at),
    boxes: item.boxes.map((box) => box.map(metres)), from: metres(item.mark.moved_from), marks: marksOf(item.mark), changes: item.changes,
  }));
  return { things, low: metres(plan.min), high: metres(plan.max) };
}

function marksOf(mark) {
  return [mark.removed && 'del', mark.added && 'add', mark.readdressed && 're', mark.moved_from && 'mv', mark.otherwise && 'oth'].filter(Boolean);
}

/** The convex outline of points, so that a box is one shape from every side. */
function outline(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (list) => {
    const chain = [];
    for (const p of list) {
      while (chain.length > 1) {
        const [a, b] = chain.slice(-2);
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 1e-9) break;
        chain.pop();
      }
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  return half(sorted).concat(half(sorted.reverse()));
}

/** All of a plan that one eye sees. */
export class Scene {
  constructor({ things, low, high }, eye) {
    const [a, b] = EYES[eye].axes;
    this.flat = (point) => [point[a], -point[b]];
    this.things = things;
    this.spots = things.map((one) => this.flat(one.at));
    this.low = [low[a], -high[b]];
    this.high = [high[a], -low[b]];
    this.shapes = { structure: new Path2D(), scenery: new Path2D(), device: new Path2D() };
    this.groups = new Map();
    things.forEach((one, index) => this.add(one, index));
  }

  add(one, index) {
    const layer = one.kind === 'scene-object' ? 'scenery' : one.kind === 'truss' || one.kind === 'support' ? 'structure' : 'device';
    for (const box of one.boxes) {
      outline(box.map(this.flat)).forEach(([x, y], place) => this.shapes[layer][place ? 'lineTo' : 'moveTo'](x, y));
      this.shapes[layer].closePath();
    }
    if (one.boxes.length && !one.marks.length && one.kind !== 'fixture') return;
    const style = one.marks.includes('del') ? 'gone' : one.kind === 'fixture' ? 'fixture' : 'thing';
    if (!this.groups.has(style)) this.groups.set(style, []);
    this.groups.get(style).push(index);
  }
}

/** Where the eye is: what of the world (metres) is at the canvas's left upper corner, and pixels per metre. */
export class Camera {
  constructor() {
    this.x = 0;
    this.y = 0;
    this.scale = 10;
  }

  /** Everything in sight. */
  fit(scene, width, height) {
    const margin = 0.5;
    const wide = Math.max(1, scene.high[0] - scene.low[0] + 2 * margin);
    const tall = Math.max(1, scene.high[1] - scene.low[1] + 2 * margin);
    this.least = Math.min(width / wide, height / tall);
    this.scale = this.least;
    this.x = (scene.low[0] + scene.high[0]) / 2 - width / this.scale / 2;
    this.y = (scene.low[1] + scene.high[1]) / 2 - height / this.scale / 2;
  }

  /** Nearer or further, so that the point on the screen stays where it is. */
  zoom(factor, px, py) {
    const scale = Math.min(2000, Math.max(this.least / 4, this.scale * factor));
    this.x += px / this.scale - px / scale;
    this.y += py / this.scale - py / scale;
    this.scale = scale;
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }

  toScreen([x, y]) {
    return [(x - this.x) * this.scale, (y - this.y) * this.scale];
  }
}

/** Colours by the page's variables, read anew where the theme changes. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ['ground', 'grid', 'axis', 'ink', 'dim', 'truss', 'scenery', 'fixture', 'del', 'add', 're', 'mv', 'oth'];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--plan-${name}`).trim() || style.getPropertyValue(`--${name}`).trim()]));
}

const TURN = 2 * Math.PI;

/**
 * Draws a scene.
 * @param {CanvasRenderingContext2D} pen
 * @param {{scene: Scene, camera: Camera, width: number, height: number, ratio: number, unit: number, colour: Record<string, string>,
 *   picked: number, dimmed: (marks: string[]) => boolean}} how `unit` is what is 1 px at an ordinary size of text
 */
export function draw(pen, how) {
  const { scene, camera, width, height, ratio, colour } = how;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colour.ground;
  pen.fillRect(0, 0, width, height);
  grid(pen, how);
  const zoom = camera.scale * ratio;
  pen.setTransform(zoom, 0, 0, zoom, -camera.x * zoom, -camera.y * zoom);
  pen.lineWidth = how.unit / camera.scale;
  shape(pen, scene.shapes.scenery, colour.scenery, 0.1, 0.7);
  shape(pen, scene.shapes.structure, colour.truss, 0.35, 0.9);
  shape(pen, scene.shapes.device, colour.fixture, 0.1, 0.35);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  symbols(pen, how);
  marks(pen, how);
  labels(pen, how);
  if (how.picked >= 0) picked(pen, how);
}

function shape(pen, path, colour, fill, line) {
  pen.fillStyle = pen.strokeStyle = colour;
  pen.globalAlpha = fill;
  pen.fill(path);
  pen.globalAlpha = line;
  pen.stroke(path);
  pen.globalAlpha = 1;
}

/** A grid of metres that suits the zoom, with its zero lines and a rule. */
function grid(pen, { camera, width, height, colour, unit }) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 10000].find((metres) => metres * camera.scale >= 36 * unit) ?? 100000;
  const lines = (from, length, zero) => {
    pen.beginPath();
    for (let at = Math.ceil(from / step) * step; at < from + length / camera.scale; at += step) {
      if ((Math.abs(at) < step / 2) !== zero) continue;
      const place = Math.round((at - from) * camera.scale) + 0.5;
      if (from === camera.x) pen.moveTo(place, 0), pen.lineTo(place, height);
      else pen.moveTo(0, place), pen.lineTo(width, place);
    }
    pen.strokeStyle = zero ? colour.axis : colour.grid;
    pen.lineWidth = 1;
    pen.stroke();
  };
  for (const zero of [false, true]) {
    lines(camera.x, width, zero);
    lines(camera.y, height, zero);
  }
  const long = step * camera.scale;
  const [x, y] = [12 * unit, height - 14 * unit];
  pen.strokeStyle = pen.fillStyle = colour.ink;
  pen.lineWidth = 1.5 * unit;
  pen.beginPath();
  pen.moveTo(x, y - 4 * unit), pen.lineTo(x, y), pen.lineTo(x + long, y), pen.lineTo(x + long, y - 4 * unit);
  pen.stroke();
  pen.font = `${11 * unit}px system-ui, sans-serif`;
  pen.fillText(step < 1 ? `${step * 100} cm` : `${step} m`, x, y - 8 * unit);
}

const inSight = ([x, y], { width, height }) => x > -20 && y > -20 && x < width + 20 && y < height + 20;

function symbols(pen, how) {
  const { scene, camera, colour, unit } = how;
  const size = Math.min(4.5, Math.max(1.6, camera.scale * 0.14)) * unit;
  for (const [style, indices] of scene.groups) {
    pen.beginPath();
    for (const index of indices) {
      const spot = camera.toScreen(scene.spots[index]);
      if (!inSight(spot, how)) continue;
      const [x, y] = spot;
      if (style === 'thing') pen.rect(x - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6);
      else pen.moveTo(x + size, y), pen.arc(x, y, size, 0, TURN);
    }
    if (style === 'gone') {
      pen.strokeStyle = colour.del;
      pen.lineWidth = unit;
      pen.stroke();
    } else {
      pen.fillStyle = style === 'fixture' ? colour.fixture : colour.truss;
      pen.fill();
    }
  }
}

/** Each mark differs in form, too, for those who cannot tell its colour: a ring, a square, a cross, a diamond, an arrow. */
const FORMS = {
  re: (pen, x, y, r) => (pen.moveTo(x + r, y), pen.arc(x, y, r, 0, TURN)),
  add: (pen, x, y, r) => pen.rect(x - r, y - r, 2 * r, 2 * r),
  del: (pen, x, y, r) => (pen.moveTo(x - r, y - r), pen.lineTo(x + r, y + r), pen.moveTo(x + r, y - r), pen.lineTo(x - r, y + r)),
  oth: (pen, x, y, r) => (pen.moveTo(x, y - r), pen.lineTo(x + r, y), pen.lineTo(x, y + r), pen.lineTo(x - r, y), pen.closePath()),
};

function marks(pen, how) {
  const { scene, camera, colour, unit } = how;
  const radius = Math.min(9, Math.max(4, camera.scale * 0.22)) * unit;
  for (const mark of ['oth', 're', 'mv', 'add', 'del']) {
    pen.beginPath();
    scene.things.forEach((one, index) => {
      if (!one.marks.includes(mark) || how.dimmed(one.marks)) return;
      const [x, y] = camera.toScreen(scene.spots[index]);
      if (mark !== 'mv') return inSight([x, y], how) && FORMS[mark](pen, x, y, mark === 'oth' ? radius * 1.3 : mark === 'del' ? radius * 0.8 : radius);
      return arrow(pen, camera.toScreen(scene.flat(one.from)), [x, y], unit);
    });
    pen.strokeStyle = colour[mark];
    pen.lineWidth = 2 * unit;
    pen.stroke();
  }
}

/** From where it was to where it is. Where that is along the line of sight, a small dot under it. */
function arrow(pen, [x0, y0], [x, y], unit) {
  const long = Math.hypot(x - x0, y - y0);
  pen.moveTo(x0 + 2 * unit, y0);
  pen.arc(x0, y0, 2 * unit, 0, TURN);
  if (long < 3 * unit) return;
  const [dx, dy] = [(x - x0) / long, (y - y0) / long];
  const head = Math.min(7 * unit, long * 0.6);
  pen.moveTo(x0, y0);
  pen.lineTo(x, y);
  pen.moveTo(x - head * (dx + dy * 0.5), y - head * (dy - dx * 0.5));
  pen.lineTo(x, y);
  pen.lineTo(x - head * (dx - dy * 0.5), y - head * (dy + dx * 0.5));
}

/** Identifiers, where there is room for them: what changed first. */
function labels(pen, how) {
  const { scene, camera, colour, unit } = how;
  if (camera.scale < 18 * unit) return;
  pen.font = `${10.5 * unit}px system-ui, sans-serif`;
  pen.fillStyle = colour.ink;
  pen.textAlign = 'center';
  const taken = new Set();
  const [wide, tall] = [24 * unit, 13 * unit];
  for (let index = scene.things.length - 1; index >= 0; index -= 1) {
    const one = scene.things[index];
    const spot = camera.toScreen(scene.spots[index]);
    if (!one.label || !inSight(spot, how)) continue;
    const [column, row] = [Math.round(spot[0] / wide), Math.round(spot[1] / tall)];
    const cells = [-1, 0, 1].map((by) => `${column + by} ${row}`);
    if (cells.some((cell) => taken.has(cell))) continue;
    taken.add(cells[1]);
    pen.fillText(one.label, spot[0], spot[1] + 20 * unit);
  }
  pen.textAlign = 'start';
}

function picked(pen, { scene, camera, colour, picked: index, unit }) {
  const [x, y] = camera.toScreen(scene.spots[index]);
  pen.strokeStyle = colour.ink;
  pen.lineWidth = 2 * unit;
  pen.setLineDash([3 * unit, 3 * unit]);
  pen.beginPath();
  pen.arc(x, y, 14 * unit, 0, TURN);
  pen.stroke();
  pen.setLineDash([]);
}
