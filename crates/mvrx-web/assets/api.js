/**
 * Calls of the station's local API, /api/v1. Knows the token and how failures read; knows nothing of what is on the screen.
 *
 * @typedef {{station: string, name: string, application: string, product?: string, address: string|null, addresses: string[], state: string,
 *   reachable: boolean, last_seen_unix_ms: number|null, files: string[]}} Station
 * @typedef {{file: string, author: string, author_name: string|null, author_application: string|null, file_name: string, comment: string,
 *   size: number, mvr_version: string|null, for_stations: string[], held: boolean, own: boolean, withdrawn: boolean, seen_unix_ms: number,
 *   tags: string[], roll_up: string|null, since: string|null, holders: string[]}} Commit
 * @typedef {{id: string, direction: 'in'|'out', file: string, file_name: string, station: string|null, name: string|null,
 *   state: 'waiting'|'running'|'checking'|'done'|'failed'|'cancelled', bytes: number, total: number|null, bytes_per_second: number|null,
 *   started_unix_ms: number, ended_unix_ms: number|null, reason: string|null}} Transfer
 * @typedef {{proposal: string, station: string, name: string|null, group: string|null, session: string|null, until_unix_ms: number}} Proposal
 * @typedef {{number: number, at_unix_ms: number, connection: number, direction: 'in'|'out', peer: string|null, station: string|null, what: string,
 *   type: string|null, bytes: number|null, text: string|null, cut: boolean, quirks: string[]}} Message
 */

const BASE = 'api/v1';
const KEPT = 'mvrx-token';

/** What the station said instead of doing it, or that it does not answer (`status` 0). */
export class ApiError extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }

  /** Nobody answers there. */
  get gone() {
    return this.status === 0;
  }
}

let token = null;

/** Takes the token out of the page's address, which is printed once and looked at by others, into this tab's memory. */
export function takeToken() {
  const given = /(?:^#|&)token=([0-9a-fA-F]+)/.exec(location.hash);
  if (given) {
    keepToken(given[1]);
    history.replaceState(null, '', location.pathname + location.search);
  } else {
    token = sessionStorage.getItem(KEPT);
  }
}

/** Uses this token from now on; `null` forgets it. */
export function keepToken(value) {
  token = value;
  if (value) sessionStorage.setItem(KEPT, value);
  else sessionStorage.removeItem(KEPT);
}

/** Whether there is a token, without which nothing can be changed. */
export const hasToken = () => token !== null;

/** Headers that every call has. */
export const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

/** The address of a call. */
export function at(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return `${BASE}${path}${given.length ? `?${new URLSearchParams(given)}` : ''}`;
}

async function call(method, path, { query, body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(at(path, query), {
      method, signal, cache: 'no-store', headers: { ...headers(), ...(body ? { 'Content-Type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The station does not answer.');
  }
  if (!answer.ok) throw await failure(answer.status, () => answer.text());
  if (answer.status === 204) return null;
  return answer.json();
}

/** A failure in words: the station's own, where it has some. */
export async function failure(status, read) {
  try {
    const words = JSON.parse(await read()).error;
    if (words) return new ApiError(status, words);
  } catch {
    // No JSON: a proxy's page, or a connection that broke.
  }
  const known = { 401: 'The station wants its token for this.', 404: 'That is not there any more.', 429: 'Too many requests; it is tried again.' };
  return new ApiError(status, known[status] ?? `The station answered with error ${status}.`);
}

export const get = (path, query, signal) => call('GET', path, { query, signal });
export const post = (path, body = {}) => call('POST', path, { body });
export const put = (path, body) => call('PUT', path, { body });
export const del = (path) => call('DELETE', path);

/**
 * Sends a file, with progress. XMLHttpRequest, since fetch does not tell how much of a body has gone.
 * @param {File} file
 * @param {{comment: string, to: string[], anyFile: boolean}} how
 * @param {(sent: number, total: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<{commit: Commit, odd: string|null}>}
 */
export function upload(file, how, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = { file_name: file.name, comment: how.comment, for: how.to.join(','), any_file: how.anyFile ? 'true' : null };
    request.open('POST', at('/commits', query));
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.addEventListener('progress', (event) => progress(event.loaded, event.total));
    request.addEventListener('load', async () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText));
      else reject(await failure(request.status, () => request.responseText));
    });
    request.addEventListener('error', () => reject(new ApiError(0, 'The station went away, or stopped taking the file.')));
    request.addEventListener('abort', () => reject(new ApiError(-1, 'Stopped. Nothing was shared.')));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** Lets the browser save a file that the station has, under its own name. */
export async function save(file) {
  let url = at(`/commits/${file}/content`);
  // A download cannot carry a header; with a token it gets a ticket for once.
  if (token) url = (await post(`/commits/${file}/ticket`)).url;
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}
