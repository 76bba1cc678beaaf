// What a read-only page shows in place of buttons, and of what it cannot see.

import {chooseKey, command} from './actions.mjs';
import {copyable} from './commands.mjs';
import {$, attribute, h, short} from './dom.mjs';

/** Words and the command to type; null if there is no command. */
export function typed(words, path, body) {
  const text = command(path, body);
  return text && h('div', {class: 'typed'}, h('span', {}, words), copyable(text));
}

/** The row under the map. `key` is the field of the key. */
export function build(root, store, key) {
  const live = store.hello.durationMs === null, watched = store.hello.messages === false;
  root.replaceChildren(h('div', {class: 'row typed-row'}, live && h('label', {}, 'Key ', key),
                         typed('Cut west', '/actions/cut', {target: 'west'}), typed('Heal', '/actions/heal', {})),
    h('p', {class: 'muted'}, 'Read-only: click a node or a link for its commands. ',
      live && 'The lab reads this key at each service once a second. ',
      watched && 'A link is drawn as broken if its service cannot use the replica. One direction may still work: ' +
      'services cannot tell. ',
      h('span', {id: 'sampling'})));
  attribute(document.body, 'data-messages', watched ? 'no' : null);
  if (watched && !$('#lanes .unseen')) {
    $('#lanes').append(h('p', {class: 'unseen'},
      'Messages are not visible here: services and replicas are connected directly, without relays. ',
      h('code', {}, 'make run'), ' shows them.'));
  }
  if (live) propose(root, store, new URLSearchParams(location.search).get('key'));
}

/** All viewers see the same key, and any page can link to this one: `?key=NAME` adds a button that selects a key for all. */
function propose(root, store, wanted) {
  if (!wanted || wanted === store.key) return;
  const button = h('button',
    {id: 'key-proposed', title: 'The address of this page names this key. A click shows it to all viewers.'},
    'Show ', h('code', {}, short(wanted, 24)));
  button.addEventListener('click', () => {
    chooseKey(wanted);
    button.remove();
  });
  $('label', root).after(button);
}
