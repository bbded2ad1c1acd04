"""How smooth the page is with 500 commits and 5,000 fixtures: the time from frame to frame while it is scrolled, zoomed and panned."""

import asyncio
import concurrent.futures
import statistics
import time

COMMITS = 500
FIXTURES = 5000
# As many as the station takes.
AT_ONCE = 4
# Headless Chromium draws without a graphics card, on a machine that does other things. A page that draws everything anew takes seconds.
MEDIAN_MS, WORST_MS = 50, 700

FRAMES = """async (turns, step) => {
    const times = [];
    const frame = () => new Promise(requestAnimationFrame);
    await frame(), await frame();
    let last = await frame();
    for (let turn = 0; turn < turns; turn += 1) {
        step(turn);
        const now = await frame();
        times.push(now - last);
        last = now;
    }
    return times;
}"""


async def frames(page, what, turns, step):
    times = await page.run(f"({FRAMES})({turns}, {step})")
    median, worst = statistics.median(times), max(times)
    print(f"{what}: median {median:.1f} ms, worst {worst:.1f} ms of {turns} frames")
    assert median < MEDIAN_MS and worst < WORST_MS, f"{what} is not smooth"


async def measure(page, node, made):
    """The other station gets 500 commits and two revisions of 5,000 fixtures, and its page is scrolled and zoomed."""
    def share(name, comment, content):
        return node.ask(f"/commits?file_name={name}&comment={comment}", "POST", content)["commit"]["file"]

    def fill():
        small = content(made("small.mvr", 1, 3, trusses=1))
        missing = range(COMMITS - 3 - node.ask("/commits")["total"])
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as hands:
            list(hands.map(lambda number: share(f"night{number % 7}.mvr", f"turn{number}", unlike(small, number)), missing))
        rigs = [made(f"rig{number}.mvr", seed, FIXTURES, second=second, trusses=60) for number, (seed, second) in enumerate(((9, False), (9, True), (10, False)))]
        return [share("stadium.mvr", "stadium", content(rig)) for rig in rigs]

    began = time.monotonic()
    old, new, other = await asyncio.to_thread(fill)
    print(f"{COMMITS} commits were shared in {time.monotonic() - began:.1f} s")
    await page.goto(node.page())
    await page.until(f"Number(/\\d+$/.exec(document.getElementById('commits-title').textContent)[0]) >= {COMMITS}", 60)
    down = "(turn) => scrollBy(0, turn % 60 < 45 ? 400 : -400)"
    await frames(page, f"{COMMITS} commits scrolled", 300, down)
    await page.until(f"(scrollTo(0, document.body.scrollHeight), document.querySelectorAll('.commit').length >= {COMMITS})", 30)
    await page.run("scrollTo(0, 0)")
    await frames(page, "all of them scrolled once more", 300, down)
    await page.run(f"location.hash = '#compare?from={old}&to={new}'")
    await page.until("/Plan.* 5[0-9]{3} things, 35 of them/.test(document.querySelector('canvas')?.getAttribute('aria-label'))", 60)
    wheel = """(turn) => document.querySelector('canvas').dispatchEvent(new WheelEvent('wheel', { deltaY: turn % 80 < 40 ? -60 : 60, clientX: 500, clientY: 500, cancelable: true }))"""
    await frames(page, f"a plan of {FIXTURES} fixtures zoomed", 160, wheel)
    pan = """(turn) => document.querySelector('canvas').dispatchEvent(new KeyboardEvent('keydown', { key: turn % 40 < 20 ? 'ArrowLeft' : 'ArrowRight', cancelable: true }))"""
    await frames(page, "the same panned", 160, pan)
    hover = """(turn) => document.querySelector('canvas').dispatchEvent(new PointerEvent('pointermove', { clientX: 100 + turn * 3, clientY: 500 }))"""
    await frames(page, "the same under the pointer", 160, hover)
    await page.run(f"location.hash = '#compare?from={other}&to={new}'")
    lines = await page.until("(() => { const rows = Number(document.querySelector('.changes [role=grid]')?.getAttribute('aria-rowcount')); return rows > 5000 && rows; })()", 60)
    await frames(page, f"a table of {lines - 1} changes scrolled", 300, "(turn) => document.querySelector('.changes [role=grid]').scrollBy(0, turn % 60 < 45 ? 900 : -900)")


def content(path):
    with open(path, "rb") as file:
        return file.read()


def unlike(archive, number):
    """The same archive with another comment at its end, so that no two are the same file."""
    words = f"{number:08}".encode()
    assert archive[-2:] == b"\0\0", "the archive has a comment already"
    return archive[:-2] + len(words).to_bytes(2, "little") + words
