"""How the page looks in each state: pictures at three widths in both themes, and what can be judged without eyes: names, headings, contrast, and the
way that the focus takes."""

import json
import os

WIDTHS = ((400, 860), (1280, 900), (3840, 2160))
with open(os.path.join(os.path.dirname(__file__), "looks.js")) as script:
    JUDGE = script.read()

# The focus goes on; what has it, whether that is seen, and whether it lies in sight.
FOCUS = """(() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    globalThis.visits ??= new Map();
    if (!visits.has(one)) visits.set(one, visits.size);
    return {
        place: visits.get(one), name: `${one.tagName} ${(one.getAttribute('aria-label') ?? one.textContent).slice(0, 40)}`,
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0, inSight: box.bottom > 0 && box.top < innerHeight && box.width > 0,
        order: [...document.querySelectorAll('*')].indexOf(one),
    };
})()"""


class Looks:
    def __init__(self, page, folder):
        self.page, self.folder, self.least, self.count = page, folder, 99, 0
        os.makedirs(folder, exist_ok=True)

    async def at(self, state, widths=WIDTHS, scroll=0):
        """Judges and pictures a state."""
        for width, height in widths:
            for theme in ("dark", "light"):
                await self.page.looks(width, height, theme)
                await self.page.run(f"new Promise((done) => requestAnimationFrame(() => {{ scrollTo(0, {scroll}); requestAnimationFrame(() => requestAnimationFrame(done)); }}))")
                judged = await self.page.run(JUDGE)
                assert not judged["faults"], f"{state} at {width} px, {theme}: {json.dumps(judged['faults'], indent=1)}"
                self.least = min(self.least, judged["least"])
                await self.page.picture(os.path.join(self.folder, f"{state}-{width}-{theme}.png"))
                self.count += 1
        await self.page.looks(1280, 900)

    async def by_keyboard(self, most=400):
        """The tabulator goes through all that can be used, in its order, is seen everywhere, and comes out again."""
        await self.page.run("document.activeElement?.blur(), scrollTo(0, 0), globalThis.visits = new Map(), 0")
        order, names = -1, []
        for _ in range(most):
            await self.page.press("Tab")
            here = await self.page.run(FOCUS)
            if here is None or here["place"] < len(names):
                break
            assert here["ring"], f"the focus is not seen on {here['name']}"
            assert here["inSight"], f"the focus is out of sight on {here['name']}"
            assert here["order"] > order, f"the focus jumps back to {here['name']}"
            order = here["order"]
            names.append(here["name"])
        else:
            raise AssertionError(f"the focus does not come out: {names[-5:]}")
        return names
