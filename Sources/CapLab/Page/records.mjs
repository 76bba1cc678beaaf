// The records of the chosen key on all replicas, decoded and raw.

import {h, show, tag} from './dom.mjs';
import {explained} from './terms.mjs';

const idOf = name => name.split('_').pop();

export function draw(root, store, veiled) {
  const copies = store.copies?.copies ?? {};
  const hidden = group => store.services.some(service => service.group === group && veiled.has(service.name));
  const open = root.querySelector('details')?.open;
  const past = ['cp', 'ap'].filter(group => store.copiesArePast(group) && !hidden(group));
  show(root, [store.key, copies, hidden('cp'), hidden('ap'), past],
    () => [h('div', {class: 'head'}, h('h2', {}, 'Records of ', h('code', {}, store.key)),
             h('span', {class: 'note'}, past.length ? `${past.map(group => group.toUpperCase()).join(' and ')}: read before the last write`
                                                               : 'read from each replica directly')),
      h('table', {}, ['cp', 'ap'].map(group => table(store, copies, group, hidden(group)))),
      h('details', {open}, h('summary', {}, 'Raw, as stored in Redis'),
        h('dl', {},
          Object.entries(copies)
            .filter(([name]) => !hidden(store.node(name)?.group))
            .map(([name, copy]) => [h('dt', {}, name),
                   h('dd', {}, h('pre', {}, copy.reachable ? copy.raw || '(empty)' : 'not reachable'))])))]);
}

function table(store, copies, group, hidden) {
  const replicas = store.replicas(group).map(node => ({node, copy: copies[node.name]}));
  const names = [...new Set(replicas.flatMap(({copy}) => copy?.fields?.map(([name]) => name) ?? []))].filter(
    name => name !== 'value' && name !== 'values');
  const field = (copy, name) => copy?.fields?.find(([one]) => one === name)?.[1] ?? '–';
  const row = (head, signature, cell) => {
    const usual = signature(replicas.find(({copy}) => copy?.reachable)?.copy);
    return h('tr', {}, h('th', {scope: 'row'}, head),
      replicas.map(
        ({node, copy}) => h('td',
          {
            class: !hidden && copy && !copy.reachable              ? 'away'
              : !hidden && copy && signature(copy) !== usual ? 'odd'
                                                             : null,
            'data-record': node.name
          },
          hidden             ? '?'
            : !copy          ? '…'
            : copy.reachable ? cell(copy)
                             : 'not reachable')));
  };
  const values = copy => copy?.present ? copy.values : [];
  return h('tbody', {class: group},
    h('tr', {class: 'store'}, h('th', {scope: 'col'}, group.toUpperCase()),
      replicas.map(({node}) => h('th', {scope: 'col', title: node.name}, `${idOf(node.name)} ${node.site}`))),
    row(group === 'ap' ? 'values' : 'value', copy => values(copy).join('\n'),
      copy => values(copy).length ? values(copy).map(value => tag(value, 10)) : tag(null)),
    names.map(
      name => row(explained(name, name), copy => field(copy, name), copy => String(field(copy, name)).slice(0, 160))));
}
