// A button that cuts and heals alternately. Each press waits for the report on the one before it.

const REPORT_MS = 1_500;
/** Further presses are ignored while this many wait, so that fast presses do not cause a long series of cuts. */
const MAX_WAITING = 4;

/** Performs one press after the other. */
export class Toggle {
  last = Promise.resolve();
  waiting = 0;

  /**
   * @param store dispatches `state` when the lab has reported the states of its links
   * @param isCut returns true if the links are cut according to the last report
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
    // `perform` itself shows the error of a failed action. Do not wait then, because nothing has changed.
    if (await this.perform(wasCut)) await this.reported(() => this.isCut() !== wasCut);
  }

  /** Waits until the lab reports the change, but at most `REPORT_MS`, because another viewer may have undone it. */
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
