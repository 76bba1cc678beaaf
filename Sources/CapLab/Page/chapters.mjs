// The tour as data. A chapter is a title and a list of steps. To add a chapter, add an element to `chapters`.
//
// A step has one sentence (`say`), a question (`ask`) with `choices`, and an explanation of the answer (`why`).
// `before` runs when the step begins, `reveal` after the choice. Both are lists of real actions and requests:
//   { cut: {…} }, { heal: {…} }, { process: {…} }, { key: {…} }     the bodies of POST /actions/… and /key
//   { startAll: true }                                              starts what was killed or paused
//   { send: {…}, as: 'west' }                                       the body of POST /ask; its answer is named `west`
//   { send: {…}, until: answer => …, withinMs: 15000 }              repeats a read until its answer passes
//   { resolve: {…} }                                                reads, then writes with the version of that read
//   { cas: { service, value, of: 'read' } }                         compare-and-set with the version of answer `read`
// `when` gets the named answers and decides whether its choice is right. `expected` marks the choice that the theory
// predicts. `veil` lists the services whose answers are hidden until the choice. `veilAfter` lists those whose answers
// stay hidden after it, because the next step asks about them. `store` selects the store of the space-time diagram.

const KEY = 'seat-12A';
const read = (service, as, until) => ({send: {service, op: 'read'}, as, ...(until && {until})});
const write = (service, value, as) => ({send: {service, op: 'write', value}, as});
const refused = answer => answer.status === 503;
const ok = answer => answer.status >= 200 && answer.status < 300;
const both = answer => (answer.conflicts ?? []).length > 1;
const free = [
  write('app_cp', 'free'), write('app_ap', 'free'), read('app_cp_west', null, answer => answer.value === 'free'),
  read('app_ap_west', null, answer => answer.value === 'free' && !both(answer))
];
const DOWN = ['cp_db_g2', 'ap_db_g2', 'cp_db_g1', 'ap_db_g1'];

export const chapters = [
  {
    title: 'A register in a partition',
    steps: [
      {
        id: 'choice',
        store: 'cp',
        say: 'Two separate stores, CP and AP, keep one seat each, in three copies: two in the east, one in the west.',
        ask: 'If the link between the sites breaks, can a store answer everywhere and never contradict itself?',
        choices: [{text: 'Yes, with good software'}, {text: 'No, it must give up one of the two', expected: true}],
        why: 'That is the CAP theorem. CP gives up answers, AP gives up agreement. The next steps show both.'
      },
      {
        id: 'whole',
        store: 'cp',
        veil: ['app_cp_west'],
        before: [{key: {key: KEY}}, {heal: {}}, {startAll: true}, ...free, write('app_cp', 'ana', 'booking')],
        say: 'Nothing is broken. The seat was free, and ana has just booked it in the CP store, in the east.',
        ask: 'What does a read at app_cp_west return now?',
        choices: [
          {text: 'free: the news has not arrived', when: r => r.west.value === 'free'},
          {text: 'ana: the latest write', expected: true, when: r => r.west.value === 'ana'},
          {text: 'Nothing, it refuses', when: r => refused(r.west)}
        ],
        reveal: [read('app_cp_west', 'west')],
        why: 'A read asks a majority, and every majority has a copy with the latest write. This is linearizable.'
      },
      {
        id: 'cut',
        store: 'cp',
        veil: ['app_cp', 'app_cp_west'],
        veilAfter: ['app_cp_west'],
        before: [{heal: {}}, ...free, {cut: {target: 'west'}}],
        say: 'The seat is free again. Then the links break: west is cut off. ana books in the east.',
        ask: 'One copy of three cannot be reached. Does app_cp accept her write?',
        choices: [
          {text: 'Yes, two of three are enough', expected: true, when: r => ok(r.east)},
          {text: 'No, one copy would miss it', when: r => refused(r.east)}
        ],
        reveal: [write('app_cp', 'ana', 'east')],
        why: 'Two of three copies are a majority, so the write counts. The east goes on as before.'
      },
      {
        id: 'refuse',
        store: 'cp',
        veil: ['app_cp_west'],
        say: 'bob reads the seat in the west. The copy there still says free, and it is old.',
        ask: 'West is cut off. What will app_cp_west answer?',
        choices: [
          {text: 'free: its own copy says so', when: r => r.west.value === 'free'},
          {text: 'ana: it finds a way', when: r => r.west.value === 'ana'},
          {text: 'Nothing: it refuses', expected: true, when: r => refused(r.west)}
        ],
        reveal: [read('app_cp_west', 'west')],
        why: 'It reaches 1 of 3 copies, which is no majority. It refuses rather than return an old value.'
      },
      {
        id: 'available',
        store: 'ap',
        veil: ['app_ap', 'app_ap_west'],
        veilAfter: ['app_ap', 'app_ap_west'],
        say: 'Now the AP store, with the same cut. ana writes in the east and bob in the west.',
        ask: 'Which of the two writes does the AP store accept?',
        choices: [
          {text: 'Only ana’s: it came first', when: r => ok(r.east) && !ok(r.west)},
          {text: 'Both', expected: true, when: r => ok(r.east) && ok(r.west)},
          {text: 'Neither', when: r => !ok(r.east) && !ok(r.west)}
        ],
        reveal: [write('app_ap', 'ana', 'east'), write('app_ap_west', 'bob', 'west')],
        why: 'One reachable copy is enough. Neither site can see the other’s write.'
      },
      {
        id: 'differ',
        store: 'ap',
        veil: ['app_ap', 'app_ap_west'],
        say: 'Both clients were told yes. The links are still cut, and both read the seat again.',
        ask: 'Who has the seat in the AP store?',
        choices: [
          {text: 'ana, everywhere', when: r => r.east.value === 'ana' && r.west.value === 'ana'},
          {text: 'bob, everywhere: the newer one', when: r => r.east.value === 'bob' && r.west.value === 'bob'},
          {text: 'It depends on where you read', expected: true, when: r => r.east.value !== r.west.value}
        ],
        reveal: [read('app_ap', 'east'), read('app_ap_west', 'west')],
        why: 'Each site returns what it has, and says which last writes it may miss. That is the price of an answer.'
      },
    ]
  },
  {
    title: 'The heal',
    steps: [
      {
        id: 'conflict',
        store: 'ap',
        veil: ['app_ap', 'app_ap_west', 'app_cp_west'],
        veilAfter: ['app_cp_west'],
        say: 'The links will be repaired. The AP store then holds two confirmed bookings for one seat.',
        ask: 'Which one does the AP store keep?',
        choices: [
          {text: 'The newer one', when: r => !both(r.west)}, {text: 'The one with more copies'},
          {text: 'Both, as a conflict', expected: true, when: r => both(r.west)}
        ],
        reveal: [{heal: {}}, read('app_ap_west', 'west', both)],
        why: 'Neither write had seen the other, so neither replaces the other. No acknowledged write is lost.'
      },
      {
        id: 'catch-up',
        store: 'cp',
        veil: ['app_cp_west'],
        say: 'The CP store has one booking, ana’s. Its copy in the west missed it.',
        ask: 'What does app_cp_west answer after the repair?',
        choices: [
          {text: 'free, until someone copies the data', when: r => r.west.value === 'free'},
          {text: 'ana', expected: true, when: r => r.west.value === 'ana'},
          {text: 'It still refuses', when: r => refused(r.west)}
        ],
        reveal: [read('app_cp_west', 'west', ok)],
        why: 'It reaches a majority again and learns the latest write from it. No repair by hand is needed.'
      },
      {
        id: 'resolve',
        store: 'ap',
        before: [],
        say: 'A person decides: ana keeps the seat. One write that has seen both values replaces both.',
        ask: 'What happens to bob’s confirmed booking?',
        choices: [
          {text: 'The store cancels it by itself'},
          {text: 'Someone must cancel it: a confirmed booking is taken back', expected: true}
        ],
        reveal: [
          {resolve: {service: 'app_ap_west', value: 'ana'}, as: 'merged'},
          read('app_ap', 'east', answer => answer.value === 'ana' && !both(answer))
        ],
        why: 'The write carries the version that was read, so it replaces exactly these two. The apology is up to you.'
      },
    ]
  },
  {
    title: 'Compare-and-set',
    steps: [
      {
        id: 'cas',
        store: 'cp',
        before: [{heal: {}}, ...free.slice(0, 1), read('app_cp', 'read', ok)],
        say: 'ana and bob both read the same version of the seat in the CP store. Both write only if it is unchanged.',
        ask: 'How many of the two compare-and-sets succeed?',
        choices: [
          {text: 'Both: the last one wins', when: r => ok(r.ana) && ok(r.bob)},
          {text: 'Exactly one', expected: true, when: r => ok(r.ana) !== ok(r.bob)},
          {text: 'Neither', when: r => !ok(r.ana) && !ok(r.bob)}
        ],
        reveal: [
          {cas: {service: 'app_cp', value: 'ana', of: 'read'}, as: 'ana'},
          {cas: {service: 'app_cp_west', value: 'bob', of: 'read'}, as: 'bob'}
        ],
        why: 'The first raises the version, so the second is 412 precondition_failed. No double booking.'
      },
      {
        id: 'cas-cut',
        store: 'cp',
        veil: ['app_cp_west'],
        before: [read('app_cp_west', 'read', ok), {cut: {target: 'west'}}],
        say: 'West is cut off again. bob sends a compare-and-set there, with the right version.',
        ask: 'What does app_cp_west answer?',
        choices: [
          {text: '200: the version is right', when: r => ok(r.west)},
          {text: '412: the version is wrong', when: r => r.west.status === 412},
          {text: '503: it refuses', expected: true, when: r => refused(r.west)}
        ],
        reveal: [{cas: {service: 'app_cp_west', value: 'bob', of: 'read'}, as: 'west'}],
        why: 'Only a majority can know whether the version is still right. So the AP store has no compare-and-set.'
      },
    ]
  },
  {
    title: 'The price of C without a partition',
    steps: [
      {
        id: 'slow-west',
        store: 'cp',
        veil: [],
        before: [{heal: {}}, read('app_cp_west', null, ok), {cut: {target: 'west', mode: 'delay=100ms'}}],
        say: 'Nothing is cut, but each message between the sites now takes 100 ms. bob writes in the west.',
        ask: 'Which store makes him wait?',
        choices: [
          {text: 'CP only', expected: true, when: r => r.cp.tookMs > 100 && r.ap.tookMs < r.cp.tookMs / 2},
          {text: 'Both', when: r => r.cp.tookMs > 100 && r.ap.tookMs > 100},
          {text: 'Neither', when: r => r.cp.tookMs < 100 && r.ap.tookMs < 100}
        ],
        reveal: [write('app_cp_west', 'bob', 'cp'), write('app_ap_west', 'bob', 'ap')],
        why: 'His majority needs the other site; AP uses the near copy. PACELC: else, latency or consistency.'
      },
      {
        id: 'slow-east',
        store: 'cp',
        say: 'The delay is still there. ana writes at app_cp in the east.',
        ask: 'Does she wait as long as bob?',
        choices: [
          {text: 'Yes, CP is always slow', when: r => r.cp.tookMs > 100},
          {text: 'No, her majority is near', expected: true, when: r => r.cp.tookMs < 100}
        ],
        reveal: [write('app_cp', 'ana', 'cp')],
        why: 'g1 and g2 are both in the east, and two of three are a majority. Where the copies are decides who waits.'
      },
    ]
  },
  {
    title: 'Losing a replica',
    steps: [
      {
        id: 'lose-one',
        store: 'cp',
        before:
          [{heal: {}}, read('app_cp_west', null, ok), ...DOWN.slice(0, 2).map(node => ({process: {node, do: 'kill'}}))],
        say: 'The links are whole, but g2 has crashed in both stores. bob writes in the west.',
        ask: 'Which store accepts the write?',
        choices: [
          {text: 'Only AP', when: r => !ok(r.cp) && ok(r.ap)},
          {text: 'Both', expected: true, when: r => ok(r.cp) && ok(r.ap)},
          {text: 'Neither', when: r => !ok(r.cp) && !ok(r.ap)}
        ],
        reveal: [write('app_cp_west', 'bob', 'cp'), write('app_ap_west', 'bob', 'ap')],
        why: 'Two of three copies are a majority, which is all that CP needs. AP may miss a newer write that g2 holds.'
      },
      {
        id: 'lose-two',
        store: 'cp',
        veil: ['app_cp', 'app_cp_west', 'app_ap', 'app_ap_west'],
        before: DOWN.slice(2).map(node => ({process: {node, do: 'kill'}})),
        say: 'Now g1 crashes too. One copy of three is left in each store, in the west.',
        ask: 'Which store still answers a read in the east?',
        choices: [
          {text: 'Both', when: r => ok(r.cp) && ok(r.ap)},
          {text: 'Only AP', expected: true, when: r => !ok(r.cp) && ok(r.ap)},
          {text: 'Neither: both copies of the east are gone', when: r => !ok(r.cp) && !ok(r.ap)}
        ],
        reveal: [read('app_cp', 'cp'), read('app_ap', 'ap')],
        why: 'AP answers from the last copy and says what it may miss. CP has no majority and refuses everywhere.'
      },
      {
        id: 'return',
        store: 'cp',
        veil: ['app_cp', 'app_cp_west'],
        before: [],
        say: 'All crashed replicas start again with the data on their disks.',
        ask: 'What must an operator do so that CP answers again?',
        choices: [
          {text: 'Copy the missed writes by hand', when: r => !ok(r.cp)},
          {text: 'Nothing', expected: true, when: r => ok(r.cp)}
        ],
        reveal: [...DOWN.map(node => ({process: {node, do: 'start'}})), read('app_cp', 'cp', ok)],
        why: 'A majority is back, so CP answers. Which store would you sell seats with? Both can be right.'
      },
    ]
  },
];
