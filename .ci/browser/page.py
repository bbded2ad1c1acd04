"""The page of a running station in a browser: two stations on this machine, and what a person at one of them sees and does.

usage: page.py MVRX MAKE_MVR FOLDER PICTURES
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

from chromium import Browser
from looks import Looks
from measure import measure
from stations import Crew

mvrx, make_mvr, folder, pictures = sys.argv[1:5]
MOST_BYTES = 150_000


def made(name, seed, fixtures, second=False, trusses=4, mib=0):
    path = os.path.join(folder, name)
    subprocess.run([make_mvr, path, str(seed), str(fixtures), str(trusses), str(mib), "second" if second else ""], check=True)
    return path


async def weighs(page, desk):
    """What the page loads, all from its own host, in less than 150 kB."""
    async def load():
        await page.goto("about:blank")
        page.requests.clear()
        await page.goto(desk.page())
        await page.shows("running")

    await load()
    entries = await page.run("[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((one) => [one.name, one.decodedBodySize])")
    files = {name: size for name, size in entries if "/api/" not in name}
    total = sum(files.values())
    assert len(files) > 10 and all(files.values()), files
    assert total < MOST_BYTES, f"the page weighs {total} bytes"
    assert await page.run("location.hash + location.search") == "", "the token is still in the address"
    print(f"the page: {len(files)} files, {total / 1000:.1f} kB unpacked")


async def alone(page, desk, looks):
    """Before anybody else is there, and before anything was shared."""
    await page.shows("Nobody else is in the group")
    await page.shows("No file was shared yet")
    await looks.at("empty")


async def meets(page, desk, viz, looks):
    """The other station appears by itself."""
    await viz.start()
    await page.shows("Viz rack")
    await page.until("[...document.querySelectorAll('.station')].some((one) => one.textContent.includes('in the group') && one.textContent.includes('127.0.0.1:'))")
    assert await page.run("[...document.querySelectorAll('.station .name')].map((one) => one.textContent)") == ["FOH desk", "Viz rack"]
    print("two stations: the other one appears by itself")


async def shares(page, desk, viz, looks):
    """A file is dropped, with a comment, and is at the other station; the second by the keyboard alone, for one station."""
    await page.drop_file(made("arena.mvr", 7, 80))
    await page.shows("Share “arena.mvr”")
    assert await page.run("document.activeElement.id") == "share-comment"
    await page.press("Enter")
    await page.shows("Say in a few words what changed")
    await page.write("as planned <b>&")
    await looks.at("sharing")
    await page.press("Enter")
    await page.until("[...document.querySelectorAll('.commit')].some((one) => one.textContent.includes('as planned <b>&') && one.textContent.includes('this station'))")
    seen = await viz.until("commit_seen", file_name="arena.mvr")
    assert seen["comment"] == "as planned <b>&", seen
    os.rename(made("arena2.mvr", 7, 80, second=True), os.path.join(folder, "arena.mvr"))
    await page.run("document.querySelector('.share button').focus()")
    chosen = asyncio.get_running_loop().create_future()
    page.on("Page.fileChooserOpened", chosen.set_result)
    await page.send("Page.setInterceptFileChooserDialog", enabled=True)
    await page.press("Enter")
    chooser = await asyncio.wait_for(chosen, 20)
    await page.send("DOM.setFileInputFiles", files=[os.path.join(folder, "arena.mvr")], backendNodeId=chooser["backendNodeId"])
    await page.send("Page.setInterceptFileChooserDialog", enabled=False)
    await page.until("document.activeElement.id === 'share-comment'")
    await page.write("hang LX2")
    # Radio buttons: everybody, then only for; then the one station.
    for key in ("Tab", "ArrowDown", "Tab", " "):
        await page.press(key)
    assert await page.run("[...document.querySelectorAll('.boxes input:checked')].length") == 1
    await page.press("Enter")
    await page.shows("hang LX2")
    await page.shows("for Viz rack")
    await viz.until("commit_seen", comment="hang LX2")
    print("a dropped file and one chosen by the keyboard are at the other station")


async def compares(page, desk, looks):
    """The known differences of the two are on the screen, in words, in the table and on the plan."""
    await page.press_on("What changed")
    for words in ("20 re-addressed", "12 moved", "3 removed"):
        await page.shows(words)
    rows = await page.until("Number(document.querySelector('.changes [role=grid]').getAttribute('aria-rowcount')) - 1")
    chips = await page.run("Object.fromEntries([...document.querySelectorAll('.chip')].filter((one) => !one.hidden).map((one) => [one.className, one.textContent]))")
    assert chips["chip del"] == "3 removed" and chips["chip re"] == "20 re-addressed" and chips["chip mv"] == "12 moved", chips
    label = await page.until("document.querySelector('canvas').getAttribute('aria-label')")
    assert "35 of them changed" in label, label
    await looks.at("compare")
    # Filters: only what moved; then one of them by its text.
    for kind in ("removed", "re-addressed", "changed otherwise"):
        await page.press_on(await page.run(f"[...document.querySelectorAll('.chip')].find((one) => one.textContent.endsWith({json.dumps(kind)})).textContent"))
    await page.until("document.querySelector('.changes [role=grid]').getAttribute('aria-rowcount') === '13'")
    await page.run("document.querySelector('.changes [role=grid]').focus()")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        await page.press(key)
    words = await page.until("!document.querySelector('.plan-words').hidden && document.querySelector('.plan-words').innerText")
    assert "moved" in words, words
    # By keys alone on the plan, from every side.
    await page.run("document.querySelector('canvas').focus()")
    for key in ("+", "ArrowLeft", "n", "-", "0", "p"):
        await page.press(key)
    for side in ("Front", "Side", "Above"):
        await page.press_on(side)
    names = await looks.by_keyboard()
    print(f"two revisions: {rows} lines, 20 re-addressed, 12 moved, 3 removed on the screen; the focus goes through {len(names)} places")


async def fetches(page, desk, viz, looks):
    """A file of the other station is fetched and followed to its end; another one is cancelled under way."""
    large = made("large.mvr", 3, 40, mib=192)
    viz.ask("/commits?file_name=large.mvr&comment=with%20video", "POST", open(large, "rb").read())
    await page.goto(desk.page())
    await page.shows("with video")
    await page.press_on("Fetch: large.mvr")
    parts = await page.run("""new Promise((done) => {
        const seen = new Set();
        const look = () => {
            const one = [...document.querySelectorAll('.transfer')].find((one) => one.textContent.includes('large.mvr'));
            const at = one?.querySelector('[role=progressbar]').getAttribute('aria-valuenow');
            if (at) seen.add(Number(at));
            if (one?.classList.contains('done')) done([...seen]); else requestAnimationFrame(look);
        };
        look();
    })""")
    assert parts[-1] == 100, parts
    assert parts == sorted(parts), parts
    await page.until("[...document.querySelectorAll('.commit')].find((one) => one.textContent.includes('with video')).textContent.includes('Save as file')")
    await desk.until("file_whole", file_name="large.mvr")
    saved = await page.downloads(lambda: page.press_on("Save as file: large.mvr"))
    assert saved == open(large, "rb").read(), "what was saved is another file"
    await looks.at("show")
    print(f"a transfer of 201 MB was seen at {len(parts)} steps up to 100 %")
    # One whose giver does not answer for a while is cancelled.
    viz.ask("/commits?file_name=slow.mvr&comment=slow", "POST", open(made("slow.mvr", 4, 40, mib=1), "rb").read())
    await desk.until("commit_seen", file_name="slow.mvr")
    viz.process.send_signal(signal.SIGSTOP)
    try:
        await page.press_on("Fetch: slow.mvr")
        await page.press_on("Cancel: slow.mvr")
        await page.until("[...document.querySelectorAll('.transfer.cancelled')].some((one) => one.textContent.includes('slow.mvr'))")
        await page.until("[...document.querySelectorAll('.commit')].find((one) => one.textContent.includes('slow.mvr')).textContent.includes('not here')")
    finally:
        viz.process.send_signal(signal.SIGCONT)
    print("a transfer was cancelled under way")


async def looks_inside(page, desk, looks):
    """Details, doctor, settings."""
    await page.press_on("Details: arena.mvr")
    await page.shows("77 fixtures")
    await page.press_on("Doctor")
    await page.press_on("Look now")
    await page.until("document.querySelector('.finding') || document.body.innerText.includes('All is well')", 60)
    await looks.at("doctor")
    await page.press_on("Settings")
    await page.until("document.getElementById('set-name').value === 'FOH desk'")
    await looks.at("settings")
    await page.run("document.getElementById('set-name').select(), document.getElementById('set-name').focus()")
    await page.write("FOH")
    await page.press("Enter")
    await page.shows("Saved.")
    await page.until("document.querySelector('h1').textContent === 'FOH'")
    print("details, doctor and settings are shown; the name is another")


async def messages(page, looks):
    """What was said: all of it, by type and text, one of it in full, and all of it saved as JSON lines."""
    await page.press_on("Messages")
    await page.shows("MVR_COMMIT_RET")
    await page.run("document.querySelector('.messages [role=grid]').focus()")
    for key in ("End", "ArrowUp", "Enter"):
        await page.press(key)
    await page.until("document.querySelector('.chosen dl')")
    await looks.at("messages")
    rows = "Number(document.querySelector('.messages [role=grid]').getAttribute('aria-rowcount')) - 1"
    everything = await page.run(rows)
    choose = "(() => {{ const one = document.querySelector('select[aria-label=Type]'); one.value = '{}'; one.dispatchEvent(new Event('change')); return true; }})()"
    await page.run(choose.format("MVR_COMMIT"))
    some = await page.until(f"{rows} < {everything} && {rows}")
    assert await page.run("[...document.querySelectorAll('.messages .space .row')].filter((one) => !one.hidden).every((one) => one.textContent.includes('MVR_COMMIT'))")
    await page.run("document.querySelector('.messages input[type=search]').focus()")
    await page.write("hang LX2")
    fewer = await page.until(f"{rows} < {some} && {rows}")
    saved = await page.downloads(lambda: page.press_on("Save as JSON lines"))
    lines = [json.loads(line) for line in saved.splitlines()]
    assert len(lines) >= everything and {"number", "direction", "what"} <= set(lines[0]), lines[:2]
    print(f"{everything} messages, {some} of them COMMIT, {fewer} of these with the comment; {len(lines)} saved as JSON lines")


async def takes_back(page, desk, viz):
    """An own commit is withdrawn, after a question, whose safe answer has the focus."""
    await page.goto(desk.page())
    await page.press_on("Withdraw: arena.mvr")
    await page.shows("Withdraw this commit?")
    assert await page.run("document.activeElement.textContent") == "Keep it"
    await page.press("Escape")
    await page.until("!document.querySelector('dialog')")
    await page.press_on("Withdraw: arena.mvr")
    await page.press_on("Withdraw it")
    await viz.until("commit_withdrawn")
    print("a commit was withdrawn after a question")


async def moves(page, desk, viz, crew, looks):
    """A third station wants everybody elsewhere; the page asks, and moves when it is told to."""
    boss = await crew.run("move", "--to-group", "Elsewhere", "--name", "Boss", "--wait", "5")
    await page.shows("asks this station to move")
    await page.shows("group “Elsewhere”")
    await looks.at("move")
    assert await page.run("!document.querySelector('.proposal').contains(document.activeElement)"), "an answer has the focus by itself"
    assert desk.ask("/status")["group"] != "Elsewhere"
    await page.press_on("Go along")
    await page.until("document.querySelector('header').textContent.includes('Elsewhere')", 60)
    await page.until("!document.querySelector('.proposal')")
    out, _ = await asyncio.wait_for(boss.communicate(), 120)
    told = json.loads(out.splitlines()[-1])
    assert told["moved"] == 2, told
    await viz.until("moved")
    print("a proposal was shown and accepted; the station is in the other group")


async def loses(page, desk, looks):
    """The station ends and is started again: the page says so, keeps what it shows, and comes back by itself."""
    shown = await page.run("document.querySelectorAll('.commit').length")
    page.station_is_away = True
    await desk.stop()
    await page.shows("The station does not answer since")
    assert await page.run("document.querySelectorAll('.commit').length") == shown
    await looks.at("offline")
    await desk.start()
    await page.until("document.querySelector('.notice.bad').hidden", 30)
    page.station_is_away = False
    await page.until(f"document.querySelectorAll('.commit').length === {shown}")
    instance = desk.ask("/status")["instance"]
    assert instance
    print("the station was lost and came back; the page with it")


async def only_looks(page, desk, looks):
    """Without the token."""
    await page.run("sessionStorage.clear()")
    await page.goto("about:blank")
    await page.goto(desk.page(with_token=False))
    await page.shows("You are only looking")
    assert await page.run("[...document.querySelectorAll('.share button, .commit button')].filter((one) => /Share a|Fetch|Withdraw/.test(one.textContent) && one.offsetParent).every((one) => one.disabled)")
    await looks.at("looking")
    print("without the token it is only looked at")


async def main():
    crew = Crew(mvrx, folder)
    desk, viz = crew.node("FOH desk"), crew.node("Viz rack", "--moves", "always")
    browser = await Browser().start()
    began = time.monotonic()
    try:
        await desk.start()
        page = await browser.page()
        await page.looks(1280, 900)
        # There is no report before the doctor has looked for the first time.
        page.may_be_missing = ("/api/v1/doctor",)
        looks = Looks(page, pictures)
        await weighs(page, desk)
        await alone(page, desk, looks)
        await meets(page, desk, viz, looks)
        await shares(page, desk, viz, looks)
        await compares(page, desk, looks)
        await fetches(page, desk, viz, looks)
        await looks_inside(page, desk, looks)
        await messages(page, looks)
        await takes_back(page, desk, viz)
        await moves(page, desk, viz, crew, looks)
        await loses(page, desk, looks)
        await only_looks(page, desk, looks)
        await measure(page, viz, made)
        hosts = {host for host in page.hosts()}
        assert hosts <= {desk.address, viz.address}, f"requests to {hosts}"
        assert not page.errors, page.errors
        print(f"{len(page.requests)} requests, all to the page's own host; no error on the console, no violation of the policy")
        print(f"{looks.count} pictures in {pictures}; least contrast {looks.least:.2f}; {time.monotonic() - began:.0f} s")
    finally:
        await browser.stop()
        for node in (desk, viz):
            if hasattr(node, "process"):
                await node.stop()


asyncio.run(main())
