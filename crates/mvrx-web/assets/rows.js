/**
 * A list of any length of which only the rows on the screen exist. Rows have one height. One of them is the active one: arrow keys move it,
 * Enter opens it.
 */
import { attr, el } from './dom.js';

const BEYOND = 8;

/** @template T */
export class Rows {
  /**
   * @param {{label: string, columns: string[], draw: (cells: HTMLElement[], item: T, row: HTMLElement) => void, open?: (item: T) => void,
   *   move?: (item: T) => void, height?: number}} how `height` in rem; `draw` fills the cells of a row
   */
  constructor(how) {
    this.how = how;
    this.items = /** @type {T[]} */ ([]);
    this.active = -1;
    this.pool = [];
    this.id = `rows-${(Rows.made = (Rows.made ?? 0) + 1)}`;
    const head = el('div', { role: 'row', class: 'row head', 'aria-rowindex': 1 }, ...how.columns.map((name) => el('div', { role: 'columnheader' }, name)));
    this.space = el('div', { class: 'space', role: 'rowgroup' });
    this.view = el('div', { class: 'scroll', role: 'grid', tabindex: 0, 'aria-label': how.label, 'aria-colcount': how.columns.length,
      on: { scroll: () => this.plan(), keydown: (event) => this.key(event), focus: () => this.plan() } },
    el('div', { role: 'rowgroup', class: 'heads' }, head), this.space);
    this.node = this.view;
    new ResizeObserver(() => this.plan()).observe(this.view);
  }

  /** Shows these items; `stay` keeps to the end where the end is in sight. */
  set(items, stay = false) {
    const atEnd = this.view.scrollTop + this.view.clientHeight >= this.view.scrollHeight - 4;
    const was = this.items[this.active];
    this.items = items;
    this.active = was === undefined ? -1 : items.indexOf(was);
    this.stale = true;
    this.plan(() => stay && atEnd && (this.view.scrollTop = this.view.scrollHeight));
  }

  plan(after) {
    if (after) this.after = after;
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      this.draw();
      this.after?.();
      this.after = undefined;
    });
  }

  get rowHeight() {
    return (this.how.height ?? 2.25) * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  draw() {
    const height = Math.round(this.rowHeight);
    if (this.tall !== height * this.items.length) {
      this.tall = height * this.items.length;
      this.space.style.height = `${this.tall}px`;
      attr(this.view, 'aria-rowcount', this.items.length + 1);
    }
    const first = Math.max(0, Math.floor(this.view.scrollTop / height) - BEYOND);
    const last = Math.min(this.items.length, Math.ceil((this.view.scrollTop + this.view.clientHeight) / height) + BEYOND);
    const wanted = last - first;
    while (this.pool.length < wanted) this.pool.push(this.make());
    this.pool.forEach((row, place) => {
      // A row keeps its item while both are in sight: nothing is written while scrolling but what is new.
      const index = first + ((place - (first % this.pool.length) + this.pool.length) % this.pool.length);
      this.fill(row, index < last ? index : -1, height);
    });
    this.stale = false;
    // One that was scrolled out of sight has no row.
    attr(this.view, 'aria-activedescendant', this.active >= first && this.active < last ? `${this.id}-${this.active}` : null);
  }

  make() {
    const cells = this.how.columns.map(() => el('div', { role: 'gridcell' }));
    const row = el('div', { role: 'row', class: 'row' }, ...cells);
    row.addEventListener('click', () => {
      this.active = row.index;
      this.stale = true;
      this.how.open?.(this.items[row.index]);
      this.plan();
    });
    row.cells = cells;
    row.index = -2;
    this.space.append(row);
    return row;
  }

  fill(row, index, height) {
    row.classList.toggle('active', index === this.active && index >= 0);
    if (row.index === index && !this.stale) return;
    row.index = index;
    row.hidden = index < 0;
    if (index < 0) return;
    row.style.transform = `translateY(${index * height}px)`;
    row.style.height = `${height}px`;
    row.id = `${this.id}-${index}`;
    attr(row, 'aria-rowindex', index + 2);
    attr(row, 'aria-selected', index === this.active);
    this.how.draw(row.cells, this.items[index], row);
  }

  /** Makes this item the active one and brings it into sight. */
  reveal(item) {
    this.active = this.items.indexOf(item);
    if (this.active < 0) return;
    const height = Math.round(this.rowHeight);
    const top = this.active * height;
    const head = height;
    if (top < this.view.scrollTop) this.view.scrollTop = top;
    else if (top + height + head > this.view.scrollTop + this.view.clientHeight) this.view.scrollTop = top + height + head - this.view.clientHeight;
    this.stale = true;
    this.plan();
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.view.clientHeight / this.rowHeight) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps && this.items.length) {
      event.preventDefault();
      const next = Math.min(this.items.length - 1, Math.max(0, Math.max(0, this.active) + (this.active < 0 ? 0 : steps[event.key])));
      this.reveal(this.items[next]);
      this.how.move?.(this.items[next]);
    } else if (event.key === 'Enter' && this.active >= 0) {
      event.preventDefault();
      this.how.open?.(this.items[this.active]);
    }
  }
}
