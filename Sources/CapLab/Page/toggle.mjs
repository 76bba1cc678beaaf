// Cuts and heals in turn. A press acts on the state that the press before it has left, not on the one that is drawn.

const REPORT_MS = 1_500;
/** A reader who presses faster than the lab acts gets no long series of cuts. */
const MAX_WAITING = 4;

/** Performs one press after the other. */
export class Toggle {
  last = Promise.resolve();
  waiting = 0;

  /**
   * @param store dispatches `state` when the lab has reported its links
   * @param isCut whether the links are cut, as last reported
   * @param perform cuts or heals: `(wasCut) => promise`
   */
  constructor(store, isCut, perform) { Object.assign(this, {store, isCut, perform}); }

  press() {
    if (this.waiting >= MAX_WAITING) return;
    this.waiting += 1;
    this.last = this.last.then(() => this.one()).catch(() => {}).finally(() => {
      this.waiting -= 1;
    });
  }

  async one() {
    const wasCut = this.isCut();
    // A failed action is reported where it was sent, and changes nothing.
    if (await this.perform(wasCut)) await this.reported(() => this.isCut() !== wasCut);
  }

  /** Waits until the lab reports the change; not for ever, because another viewer may have undone it. */
  reported(holds) {
    if (holds()) return;
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer);
        this.store.removeEventListener('state', look);
        resolve();
      };
      const look = () => holds() && done();
      const timer = setTimeout(done, REPORT_MS);
      this.store.addEventListener('state', look);
    });
  }
}
