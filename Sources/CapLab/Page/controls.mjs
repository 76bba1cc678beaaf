// The controls under the map: key, requests to a service, delay between the sites, load.

import {act, ask, chooseKey, compareAndSet, readOnly, readQuietly, resolve} from './actions.mjs';
import {$, h, text} from './dom.mjs';
import {open, setDelay} from './menu.mjs';
import * as readonly from './readonly.mjs';

const RATES = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

export function build(root, store) {
  const key = h('input', {id: 'key', value: store.key, maxlength: 200, spellcheck: 'false', 'aria-label': 'Key'});
  key.addEventListener('change', () => chooseKey(key.value));
  if (readOnly()) return readonly.build(root, store, key);
  const service = h('select', {id: 'ask-service', 'aria-label': 'Service'},
    store.services.map(node => h('option', {value: node.name}, node.name)));
  const value = h('input',
    {id: 'ask-value', value: 'ana', list: 'people', maxlength: 200, spellcheck: 'false', 'aria-label': 'Value'});
  const send = body => () => ask({service: service.value, ...body()}).catch(problem);
  const button = (words, name, run, title) => h('button', {'data-action': name, onclick: run, title}, words);
  const cas = button('Compare-and-set', 'ask-cas', () => {
    const run = store.node(service.value).group === 'cp' ? compareAndSet : resolve;
    run(service.value, value.value).catch(problem);
  });
  const adapt = () => {
    const cp = store.node(service.value).group === 'cp';
    cas.textContent = cp ? 'Compare-and-set' : 'Resolve';
    cas.title = cp ? 'Reads the version, then writes only if it is still the same (If-Match)'
                   : 'Reads, then writes with the version that was read (X-Context): replaces exactly what was seen';
  };
  service.addEventListener('change', adapt);
  const delay = h('input', {
    id: 'delay',
    type: 'range',
    min: 0,
    max: 500,
    step: 10,
    value: 0,
    'data-action': 'delay',
    'aria-label': 'Delay between the sites, each way, in milliseconds'
  });
  const delayShown = h('output', {id: 'delay-shown'}, '0 ms');
  delay.addEventListener('input', () => {
    delayShown.textContent = `${delay.value} ms`;
    delay.dataset.moved = 'yes';
  });
  delay.addEventListener('change', () => {
    const done = () => {
      // The event with the new delay may arrive later. Until then, do not set the slider back to the old delay.
      setTimeout(() => delete delay.dataset.moved, 500);
    };
    setDelay({target: 'west'}, Number(delay.value)).then(done, done);
  });
  const watch = h('input', {type: 'checkbox', id: 'watch', checked: true});
  root.replaceChildren(h('div', {class: 'row ask'}, h('label', {}, 'Key ', key), h('label', {}, 'Ask ', service),
                         h('label', {}, 'value ', value),
                         h('datalist', {id: 'people'}, h('option', {value: 'ana'}), h('option', {value: 'bob'})),
                         button('Read', 'ask-read', send(() => ({op: 'read'}))),
                         button('Write', 'ask-write', send(() => ({op: 'write', value: value.value}))), cas,
                         button('Delete', 'ask-delete', send(() => ({op: 'delete'})))),
    h('div', {class: 'row'},
      h('label', {title: 'Added to each message between the sites, in each direction'}, 'Delay ', delay, delayShown),
      h('button', {id: 'load', 'data-menu': 'custom', 'data-action': 'load'}, 'Load: off'),
      h('label', {title: 'Real reads of the key at all four services, sent by this page'}, watch,
        'read all every second'),
      h('span', {class: 'grow'}), h('span', {id: 'sampling'}),
      h('button',
        {'data-action': 'heal-all', id: 'heal', hidden: true, onclick: () => act('/actions/heal', {}).catch(() => {})},
        'Heal all links')));
  adapt();
  $('#load', root).addEventListener('click', event => {
    event.stopPropagation();
    open(event.currentTarget, () => loadPanel(store));
  });
  function problem(error) { $('#notice').dispatchEvent(new CustomEvent('tell', {detail: [error.message, true]})); }
}

function loadPanel(store) {
  const load = store.load ?? {rates: {}, mix: {read: .9}, keys: 10};
  const slider = (words, value, max, shown, change) => {
    const output = h('output', {}, shown(value));
    const input = h('input', {type: 'range', min: 0, max, value, 'aria-label': words});
    input.addEventListener('input', () => {
      output.textContent = shown(Number(input.value));
    });
    input.addEventListener('change', () => act('/load', change(Number(input.value))).catch(() => {}));
    input.dataset.load = words;
    return h('label', {class: 'slide'}, words, input, output);
  };
  const nearest = rate =>
    RATES.reduce((best, one, at) => Math.abs(one - rate) < Math.abs(RATES[best] - rate) ? at : best, 0);
  return [
    h('h3', {}, 'Load'), h('p', {class: 'muted'}, 'Real requests per second at each service, on keys of their own'),
    store.services.map(node => slider(node.name, nearest(load.rates[node.name] ?? 0), RATES.length - 1,
                         at => `${RATES[at].toLocaleString('en')}/s`, at => ({rates: {[node.name]: RATES[at]}}))),
    slider('share of reads', Math.round((load.mix?.read ?? .9) * 100), 100, share => `${share} %`,
      share => ({readShare: share / 100})),
    slider('keys', load.keys ?? 10, 100, keys => `${Math.max(1, keys)}`, keys => ({keys: Math.max(1, keys)})),
    load.notSent && Object.values(load.notSent).some(Boolean) &&
      h('p', {class: 'muted'},
        `Due but not sent, because 64 were in flight: ${
          Object.values(load.notSent).reduce((a, b) => a + b, 0).toLocaleString('en')}`),
    h('button', {
      'data-action': 'load-off',
      onclick: () =>
        act('/load', {rates: Object.fromEntries(store.services.map(node => [node.name, 0]))}).catch(() => {})
    },
      'Stop the load')
  ];
}

/** Shows changes by other viewers and by commands. */
export function draw(root, store) {
  const key = $('#key', root);
  if (!key) return;
  if (document.activeElement !== key && key.value !== store.key) key.value = store.key;
  if (readOnly()) return;
  const sum = Object.values(store.load?.rates ?? {}).reduce((total, rate) => total + rate, 0);
  text($('#load', root), sum ? `Load: ${sum.toLocaleString('en')}/s` : 'Load: off');
  const delay = Math.max(store.cable('cp').delayMs, store.cable('ap').delayMs), slider = $('#delay', root);
  if (!slider.dataset.moved && Number(slider.value) !== delay) {
    slider.value = delay;
    $('#delay-shown', root).textContent = `${delay} ms`;
  }
  // While the sites are cut off, the button `toggle-cut` heals all links, so this one is not needed.
  const isCut = ['cp', 'ap'].some(group => store.cable(group).cut !== 'no');
  const isFaulty = link => [link.toReplica, link.toService].some(one => one.cut || one.delayMs);
  $('#heal', root).hidden = isCut || !Object.values(store.state?.links ?? {}).some(isFaulty);
}

/**
 * Starts to read the key at each service once per second, for the map. The reads are sent in the middle of each second
 * of the lab's clock. At the end of a second, a late read would count for the next second, and the chart would show a
 * gap.
 */
export function startReading(store) {
  const busy = new Set();
  const schedule = () => setTimeout(() => {
    schedule();
    if (readOnly() || document.hidden || store.connection !== 'open' || !$('#watch')?.checked) return;
    for (const {name} of store.services) {
      if (busy.has(name)) continue;
      busy.add(name);
      readQuietly(name).catch(() => {}).finally(() => busy.delete(name));
    }
  }, untilMiddle(store.nowMs));
  schedule();
}

/** The time until the next middle of a second, at least 100 ms: a timer may fire slightly before a middle. */
const untilMiddle = nowMs => {
  const wait = 1000 - (nowMs - 500) % 1000;
  return wait < 100 ? wait + 1000 : wait;
};
