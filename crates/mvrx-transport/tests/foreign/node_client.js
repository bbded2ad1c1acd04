// npm's ws against our server: messages, files whole and in fragments, pings, close codes.
"use strict";
const WebSocket = require("ws");
const assert = require("assert");
const url = process.argv[2];
const LEAVE = '{"Type":"MVR_LEAVE","FromStationUUID":"07070707-0707-4707-8707-070707070707"}';
const giveUp = setTimeout(() => { console.error("it takes too long"); process.exit(1); }, 120000);

function open() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 30 });
    socket.waiting = [];
    socket.arrived = [];
    socket.on("message", (data, binary) => {
      const next = socket.waiting.shift();
      if (next) next([data, binary]); else socket.arrived.push([data, binary]);
    });
    socket.ended = new Promise((end) => socket.on("close", end));
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

function next(socket) {
  if (socket.arrived.length) return Promise.resolve(socket.arrived.shift());
  return new Promise((resolve) => socket.waiting.push(resolve));
}

async function back(socket, length) {
  const pieces = [];
  for (let got = 0; got < length; ) {
    const [data, binary] = await next(socket);
    assert(binary);
    pieces.push(data);
    got += data.length;
  }
  return Buffer.concat(pieces);
}

async function main() {
  const socket = await open();
  socket.send(LEAVE);
  const [text, binary] = await next(socket);
  assert(!binary && text.toString().includes("MVR_LEAVE"));
  const pong = new Promise((resolve) => socket.on("pong", resolve));
  socket.ping("are you there");
  assert.strictEqual((await pong).toString(), "are you there");
  for (const length of [1, 70000, 16 << 20]) {
    const data = Buffer.alloc(length);
    for (let at = 0; at < length; at++) data[at] = (at * 7 + Math.floor(at / 251)) & 255;
    socket.send(data);
    assert((await back(socket, length)).equals(data), "one frame of " + length);
    for (let at = 0; at < length; at += 50000) {
      socket.send(data.subarray(at, at + 50000), { fin: at + 50000 >= length });
    }
    assert((await back(socket, length)).equals(data), "fragments of " + length);
  }
  socket.close(1000);
  assert.strictEqual(await socket.ended, 1000);
  console.log("messages and files: the echo is what was sent");
  for (const code of [1001, 3001, 4999]) {
    const socket = await open();
    socket.close(code);
    assert.strictEqual(await socket.ended, code);
  }
  const long = await open();
  long.send("x".repeat((1 << 20) + 1));
  assert.strictEqual(await long.ended, 1009);
  const last = await open();
  last.send(Buffer.alloc(0));
  assert.strictEqual((await next(last))[0].length, 0);
  last.close(1000);
  await last.ended;
  console.log("close codes: as they should be");
  clearTimeout(giveUp);
}

main().catch((error) => { console.error(error); process.exit(1); });
