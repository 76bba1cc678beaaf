// Builds DOM and SVG nodes. Text is always set as text, never as markup: keys and values come from clients.

const SVG = 'http://www.w3.org/2000/svg';

export const $ = (selector, root = document) => root.querySelector(selector);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on'))
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** An HTML element. Attributes that start with `on` are event listeners. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** An SVG element. */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Replaces the children of a node, but only if `signature` has changed since the last call. Keeps the focus. */
export function show(node, signature, build) {
  const text = typeof signature === 'string' ? signature : JSON.stringify(signature);
  if (node.shown === text) return false;
  node.shown = text;
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  node.replaceChildren(...[build()].flat(Infinity).filter(Boolean));
  if (focused) node.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  return true;
}

/** These two set a text or an attribute, but only if it changes. */
export const text = (node, value) => {
  if (node.textContent !== value) node.textContent = value;
};
export const attribute = (node, name, value) => {
  if (value === null || value === undefined || value === false)
    node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value))
    node.setAttribute(name, value === true ? '' : value);
};

/** A duration as text: 0.4 s, 4.1 s, 11 s, 2 min 5 s. */
export function duration(ms) {
  const sec = ms / 1000;
  if (sec < 9.95) return `${sec.toFixed(1)} s`;
  return seconds(Math.round(sec) * 1000);
}

/** The duration of something that continues, in whole seconds, rounded down: 8 s, 2 min 5 s. */
export const seconds = ms => {
  const sec = Math.max(0, Math.floor(ms / 1000));
  return sec < 120 ? `${sec} s` : `${Math.floor(sec / 60)} min ${sec % 60} s`;
};

/** A latency as text: 0.4 ms, 12 ms, 1,240 ms. */
export function millis(ms) {
  if (ms === null || ms === undefined) return '–';
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en')} ms`;
}

/** The staleness of an AP answer in words, at least 1 s. It is a bound and not the age of the value. */
export const mayMiss = ms => `may miss the last ${(ms > 1000 ? duration(ms) : '1 s').replaceAll(' ', '\u00a0')}`;

/** Like `mayMiss`, but in whole seconds, as in the texts beside it. Rounded up, because it is a bound. */
export const mayStillMiss = ms => `may miss the last ${bound(ms).replaceAll(' ', '\u00a0')}`;
export const bound = ms => seconds(Math.max(1, Math.ceil(ms / 1000)) * 1000);

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

/** The kind of an answer: `ok` current, `old` may be old, `no` refused, `failed` precondition failed, `error`. */
export function kindOf(answer) {
  if (answer.status === 503 || answer.status === 429) return 'no';
  const unknownAge = answer.stalenessMs === null && answer.service.startsWith('app_ap');
  const old = answer.op === 'read' && (answer.stale || unknownAge || answer.stalenessMs > 1000);
  if ((answer.status >= 200 && answer.status < 300) || answer.status === 404) return old ? 'old' : 'ok';
  return answer.status === 412 || answer.status === 409 ? 'failed' : 'error';
}

/** The mark of an answer's kind: full disc, half disc, empty disc with a bar, disc with a ≠, cross. */
export function mark(kind, x = 7, y = 7, r = 5) {
  // The class `tiny` hides the bar of a small empty disc. With the bar, the disc would look full.
  const group = s('g', {class: `mark ${kind} ${r < 3 ? 'tiny' : ''}`});
  if (kind === 'error') {
    group.append(s('path', {d: `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`}));
    return group;
  }
  group.append(s('circle', {cx: x, cy: y, r}));
  if (kind === 'old') group.append(s('path', {class: 'half', d: `M${x - r} ${y}a${r} ${r} 0 0 0 ${2 * r} 0z`}));
  const b = r * .7;
  if (kind === 'no') group.append(s('path', {d: `M${x - b} ${y + b}L${x + b} ${y - b}`}));
  if (kind === 'failed') group.append(s('path', {d: unequal(x, y, r)}));
  return group;
}

/** The sign ≠ within a circle: two values or versions that differ. */
export const unequal = (x, y, r) => `M${x - r * .55} ${y - r * .25}h${r * 1.1}M${x - r * .55} ${y + r * .25}h${
  r * 1.1}M${x - r * .3} ${y + r * .6}L${x + r * .3} ${y - r * .6}`;

export const badge = kind => s('svg', {class: 'badge', width: 14, height: 14, 'aria-hidden': 'true'}, mark(kind));

/** How a value is drawn. `ana` and `bob` have a colour each. Other values are grey and differ in shape and name. */
export function look(value) {
  if (value === null || value === undefined) return 'none';
  if (value === 'ana' || value === 'bob') return value;
  let sum = 0;
  for (const letter of value) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return ['diamond', 'bar', 'ring'][sum % 3];
}

export const short = (value, length = 12) => value.length > length ? `${value.slice(0, length - 1)}…` : value;

/** A value as a tag with shape and name. */
export const tag = (value, length) => h('span', {class: `val ${look(value)}`, title: value ?? 'no value'}, h('i'),
  value === null ? 'none' : short(value, length));
