"""Headless Chromium by its DevTools protocol over two pipes: Python's standard library alone, nothing to install but Debian's package.

A `Page` collects whatever must not be: errors on the console, violations of the Content-Security-Policy, and requests to any host but the page's.
"""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import tempfile
import urllib.parse

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
    "--disable-features=Translate,MediaRouter,OptimizationHints", "--hide-scrollbars", "--force-color-profile=srgb",
    # Nothing is resolved: a name of another host is an error at once.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class Browser:
    """A Chromium of its own, with a profile that is thrown away."""

    async def start(self):
        self.profile = tempfile.mkdtemp(prefix="mvrx-chromium-")
        # Chromium reads its descriptor 3 and writes its descriptor 4.
        to_read, ours_out = os.pipe()
        ours_in, to_write = os.pipe()
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        assert program, "there is no Chromium here"
        shell = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self.process = await asyncio.create_subprocess_exec(
            "bash", "-c", shell, program, *FLAGS, f"--user-data-dir={self.profile}", "about:blank", pass_fds=(to_read, to_write),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )
        os.close(to_read), os.close(to_write)
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader(limit=1 << 30)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self.reader), os.fdopen(ours_in, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(ours_out, "wb", 0))
        self.writer = asyncio.StreamWriter(transport, protocol, None, loop)
        self.number, self.waiting, self.pages, self.listeners = 0, {}, {}, {}
        self.reading = asyncio.create_task(self.read())
        return self

    async def read(self):
        while True:
            try:
                message = json.loads((await self.reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                break
            if "id" in message:
                waiting = self.waiting.pop(message["id"], None)
                if waiting and not waiting.done():
                    waiting.set_result(message)
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].heard(message["method"], message["params"])
            elif listener := self.listeners.pop(message["method"], None):
                listener(message["params"])
        for waiting in self.waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("Chromium has ended"))

    async def send(self, method, session=None, within=60, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        answer = self.waiting[self.number] = asyncio.get_running_loop().create_future()
        self.writer.write(json.dumps(message).encode() + b"\0")
        message = await asyncio.wait_for(answer, within)
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    async def page(self):
        target = await self.send("Target.createTarget", url="about:blank")
        session = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"])
        self.pages[page.session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        await page.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        return page

    async def stop(self):
        with contextlib.suppress(Exception):
            await self.send("Browser.close", within=10)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.process.wait(), 10)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self.writer.close()
        self.reading.cancel()
        shutil.rmtree(self.profile, ignore_errors=True)


# Violations of the policy are kept in the page, whoever listens.
WATCH = """
globalThis.violations = [];
addEventListener('securitypolicyviolation', (one) => violations.push(`${one.violatedDirective} ${one.blockedURI}`));
"""


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.errors, self.requests, self.listeners = [], [], {}
        # While the station is away on purpose, that it cannot be reached is no error; nor is that something is not there which need not be.
        self.station_is_away, self.may_be_missing = False, ()

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def on(self, method, fn):
        """Calls `fn` at the next event of this name."""
        self.listeners[method] = fn

    def heard(self, method, params):
        listener = self.listeners.pop(method, None)
        if listener:
            listener(params)
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert", "warning"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            missing = "404" in entry["text"] and entry.get("url", "").endswith(self.may_be_missing)
            if not (entry["source"] == "network" and (self.station_is_away or missing)):
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def hosts(self):
        """Hosts of everything that was asked for."""
        urls = (urllib.parse.urlsplit(url) for url in self.requests)
        return {url.netloc for url in urls if url.scheme not in ("data", "blob", "about")}

    async def goto(self, url):
        await self.send("Page.navigate", url=url)

    async def run(self, script, **params):
        """What an expression, or an async one, comes to."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True, **params)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(f"{script[:200]}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    async def until(self, script, within=20):
        """What an expression comes to when it is first true; looked at in each frame."""
        found = await self.run(f"""new Promise((done) => {{
            const end = performance.now() + {within * 1000};
            const look = () => {{
                let found = null;
                try {{ found = ({script}); }} catch {{}}
                if (found) done(found instanceof Node ? true : found); else if (performance.now() > end) done(null); else setTimeout(look, 16);
            }};
            look();
        }})""")
        if not found:
            shown = await self.run("document.body.innerText.slice(0, 3000)")
            raise AssertionError(f"not within {within} s: {script}\non the page: {shown}\nerrors: {self.errors}")
        return found

    async def shows(self, text, within=20):
        """Waits until the page has this text."""
        return await self.until(f"document.body.innerText.includes({json.dumps(text)})", within)

    async def press(self, key, modifiers=0):
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "End": 35, "Home": 36}
        common = {"key": key, "modifiers": modifiers, "windowsVirtualKeyCode": codes.get(key, ord(key.upper()) if len(key) == 1 else 0)}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else None)
        await self.send("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        await self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    async def write(self, text):
        await self.send("Input.insertText", text=text)

    async def press_on(self, name, within=10, role="button, a, summary, label"):
        """Clicks what has this accessible name, as a person does: where it is on the screen, once it stays there and nothing lies on it."""
        box = await self.until(f"""(() => {{
            const one = [...document.querySelectorAll({json.dumps(role)})].find((one) => !one.disabled && one.offsetParent &&
                (one.textContent.trim() === {json.dumps(name)} || (one.getAttribute('aria-label') ?? '').startsWith({json.dumps(name)})));
            if (!one) return null;
            one.scrollIntoView({{ block: 'center' }});
            const box = one.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const was = one.wasAt;
            one.wasAt = `${{x}} ${{y}}`;
            return was === one.wasAt && one.contains(document.elementFromPoint(x, y)) && [x, y];
        }})()""", within)
        await self.click(*box)

    async def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def drop_file(self, path):
        data = {"items": [], "files": [path], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await self.send("Input.dispatchDragEvent", type=kind, x=300, y=300, data=data)

    async def downloads(self, act, within=60):
        """The content of what the page saves when this is done."""
        folder = tempfile.mkdtemp(dir=self.browser.profile)
        ended = asyncio.get_running_loop().create_future()

        def progress(params):
            if params["state"] == "inProgress":
                self.browser.listeners["Browser.downloadProgress"] = progress
            else:
                ended.set_result(params["state"])

        self.browser.listeners["Browser.downloadProgress"] = progress
        await self.browser.send("Browser.setDownloadBehavior", behavior="allowAndName", downloadPath=folder, eventsEnabled=True)
        await act()
        assert await asyncio.wait_for(ended, within) == "completed"
        with open(os.path.join(folder, os.listdir(folder)[0]), "rb") as file:
            return file.read()

    async def looks(self, width, height, theme="dark"):
        await self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    async def picture(self, path):
        shot = await self.send("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
