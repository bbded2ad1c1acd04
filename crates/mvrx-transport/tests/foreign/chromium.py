"""Chromium's WebSocket against our server: a page of a local web server does it and reports what came of it."""

import http.server
import shutil
import subprocess
import sys
import tempfile
import threading

PAGE = """<!doctype html><title>WebSocket</title><script>
const url = "URL", leave = '{"Type":"MVR_LEAVE","FromStationUUID":"07070707-0707-4707-8707-070707070707"}';
function open() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.arrived = []; socket.waiting = [];
    socket.onmessage = ({data}) => {
      const next = socket.waiting.shift();
      if (next) next(data); else socket.arrived.push(data);
    };
    socket.ended = new Promise((end) => socket.onclose = ({code}) => end(code));
    socket.onopen = () => resolve(socket);
    socket.onerror = reject;
  });
}
function next(socket) {
  return socket.arrived.length ? Promise.resolve(socket.arrived.shift()) : new Promise((r) => socket.waiting.push(r));
}
function must(what, told) { if (!what) throw new Error(told); }
async function run() {
  const socket = await open();
  socket.send(leave);
  must((await next(socket)).includes("MVR_LEAVE"), "the message came back");
  for (const length of [1, 70000, 16 << 20]) {
    const data = new Uint8Array(length);
    for (let at = 0; at < length; at++) data[at] = (at * 7 + Math.floor(at / 251)) & 255;
    for (let round = 0; round < 2; round++) {
      socket.send(data);
      for (let got = 0; got < length; ) {
        const piece = new Uint8Array(await next(socket));
        must(piece.every((byte, at) => byte === data[got + at]), "bytes of " + length);
        got += piece.length;
      }
    }
  }
  socket.close(1000);
  must(await socket.ended === 1000, "closed with 1000");
  const other = await open();
  other.close(3001);
  must(await other.ended === 3001, "closed with 3001");
  const long = await open();
  long.send("x".repeat((1 << 20) + 1));
  must(await long.ended === 1009, "closed with 1009");
  const last = await open();
  last.send(new Uint8Array(0));
  must((await next(last)).byteLength === 0, "the empty file came back");
  last.close(1000);
  await last.ended;
}
run().then(() => "ok", String).then((text) => fetch("/came-of-it", {method: "POST", body: text}));
</script>"""

came = []
told = threading.Event()


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = PAGE.replace("URL", sys.argv[1]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_POST(self):
        came.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()
        told.set()

    def log_message(self, *_):
        pass


pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=pages.serve_forever, daemon=True).start()
browser = shutil.which("chromium") or shutil.which("chromium-browser")
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    process = subprocess.Popen(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={profile}", "--no-first-run", "--disable-background-networking",
         f"http://127.0.0.1:{pages.server_port}/"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        told.wait(120)
    finally:
        process.terminate()
        process.wait(20)
if came != ["ok"]:
    raise SystemExit(f"Chromium says {came or 'nothing'}")
print("Chromium: messages, files and close codes as they should be")
