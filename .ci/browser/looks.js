// What anybody can see of a page's state that a person who cannot see, or has no mouse, needs as well. Evaluates to a list of faults.
(() => {
  const faults = [];
  const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest('.away, .skip');
  const what = (one) => `<${one.tagName.toLowerCase()} ${one.id ? `#${one.id}` : ''} .${one.className}> "${(one.textContent ?? '').trim().slice(0, 40)}"`;

  // Names.
  const named = (one) => {
    const by = one.getAttribute('aria-labelledby');
    return one.getAttribute('aria-label')?.trim() || (by && document.getElementById(by)?.textContent.trim()) || one.textContent.trim() ||
      [...(one.labels ?? [])].some((label) => label.textContent.trim()) || one.getAttribute('alt');
  };
  for (const one of document.querySelectorAll('button, a[href], input, select, textarea, summary, [tabindex="0"], [role=progressbar], [role=grid], section')) {
    const name = one.matches('select') ? one.getAttribute('aria-label') || one.labels.length : named(one);
    if (seen(one) && !name) faults.push(`no name: ${what(one)}`);
  }
  for (const one of document.querySelectorAll('img:not([alt])')) faults.push(`no alt: ${what(one)}`);

  // References and ids.
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  ids.filter((id, place) => ids.indexOf(id) !== place).forEach((id) => faults.push(`twice: #${id}`));
  for (const key of ['aria-labelledby', 'aria-describedby', 'aria-activedescendant', 'for']) {
    for (const one of document.querySelectorAll(`[${key}]`)) if (!document.getElementById(one.getAttribute(key))) faults.push(`${key} leads nowhere: ${what(one)}`);
  }

  // Headings go down by one.
  let level = 0;
  for (const one of document.querySelectorAll('h1, h2, h3, h4')) {
    if (!seen(one)) continue;
    const mine = Number(one.tagName[1]);
    if (mine > level + 1) faults.push(`heading ${mine} after ${level}: ${what(one)}`);
    level = mine;
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  if (!document.documentElement.lang) faults.push('no language');

  // Contrast of every text with what is behind it.
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a)];
  const ground = (one) => {
    if (!one) return [255, 255, 255];
    const colour = rgba(getComputedStyle(one).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, ground(one.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  let least = 99;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || one.closest('noscript, option') || !seen(one) || one.closest(':disabled')) continue;
    let faint = 1;
    for (let up = one; up; up = up.parentElement) faint *= Number(getComputedStyle(up).opacity);
    const behind = ground(one);
    const [r, g, b, a] = rgba(getComputedStyle(one).color);
    const found = ratio(over([r, g, b, a * faint], behind), behind);
    least = Math.min(least, found);
    if (found < 4.5) faults.push(`contrast ${found.toFixed(2)}: ${what(one)}`);
  }

  // Nothing hangs out at the side.
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`wider than the window: ${document.documentElement.scrollWidth} of ${innerWidth}`);
  return { faults: [...new Set(faults)].slice(0, 20), least };
})()
