// What a read-only page shows in place of buttons, and in place of messages that it cannot see.

import {chooseKey, command} from './actions.mjs';
import {copyable} from './commands.mjs';
import {$, attribute, h, short} from './dom.mjs';

/** Some words and the command to type; null if there is no command for the action. */
export function typed(words, path, body) {
  const text = command(path, body);
  return text && h('div', {class: 'typed'}, h('span', {}, words), copyable(text));
}

/** Builds the row below the map. `key` is the input field of the key. */
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

/**
 * For the address `?key=NAME`, adds a button that selects this key for all viewers. Without a click the key stays,
 * because any website can link to such an address.
 */
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
