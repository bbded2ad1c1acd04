/**
 * The station's stream of events, by fetch: EventSource can send no token. Goes on behind the last event after a break, waits longer each
 * time that nobody answers, and says so.
 */
import { at, failure, headers } from './api.js';

const SHORTEST_MS = 400;
const LONGEST_MS = 5000;
/** The station writes a line every 15 s; twice without one is a broken connection that nobody told of. */
const SILENCE_MS = 35000;

export class Events {
  /**
   * @param {{event: (name: string, data: any) => void, open: () => void, lost: (error: {status: number, message: string}) => void}} told
   */
  constructor(told) {
    this.told = told;
    this.last = null;
    this.wait = SHORTEST_MS;
    this.messages = false;
    this.turn = 0;
  }

  /** Begins, or begins anew: with messages, for instance, or as somebody does not want to wait. */
  start() {
    this.stop();
    this.run(this.turn);
  }

  /** Ends, until it is begun again. */
  stop() {
    this.turn += 1;
    this.abort?.abort();
    clearTimeout(this.timer);
  }

  /** Whether messages come as well. */
  wantMessages(wanted) {
    if (this.messages === wanted) return;
    this.messages = wanted;
    if (this.turn) this.start();
  }

  async run(turn) {
    this.abort = new AbortController();
    let error = { status: 0, message: 'The connection ended.' };
    try {
      const resume = this.last ? { 'Last-Event-ID': this.last } : {};
      const answer = await fetch(at('/events', { messages: this.messages ? '1' : null }), {
        headers: { ...headers(), Accept: 'text/event-stream', ...resume }, cache: 'no-store', signal: this.abort.signal,
      });
      if (!answer.ok) throw await failure(answer.status, () => answer.text());
      this.wait = SHORTEST_MS;
      this.told.open();
      await this.read(answer.body.getReader());
    } catch (caught) {
      if ('status' in caught) error = caught;
    }
    clearTimeout(this.silence);
    if (turn !== this.turn) return;
    this.told.lost(error);
    this.timer = setTimeout(() => turn === this.turn && this.run(turn), this.wait);
    this.wait = Math.min(LONGEST_MS, this.wait * 1.7);
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      this.watchSilence();
      const { value, done } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      blocks.forEach((block) => this.take(block));
    }
  }

  watchSilence() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.abort.abort(), SILENCE_MS);
  }

  take(block) {
    let name = 'message';
    let data = '';
    for (const line of block.split(/\r?\n/)) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === 'id') this.last = value;
      else if (field === 'event') name = value;
      else if (field === 'data') data += (data ? '\n' : '') + value;
    }
    if (!data && name === 'message') return;
    let document = null;
    try {
      document = data ? JSON.parse(data) : null;
    } catch {
      return;
    }
    this.told.event(name, document);
  }
}
