// npm's ws as an echoing server for one connection; prints its port.
"use strict";
const { WebSocketServer } = require("ws");
setTimeout(() => { console.error("it takes too long"); process.exit(1); }, 120000).unref();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, maxPayload: 1 << 30 });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  socket.on("close", (code) => process.exit(code === 1000 ? 0 : 1));
});
