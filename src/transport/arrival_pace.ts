/** How fast arrivals are taken, so that thousands at once do not starve those who are here. Room: pure, but for one timer.
 *
 * The runtime does 128 operations in a turn of its event loop, and what is ready waits in one line. Whoever accepts all
 * that knock puts thousands of first packets before everything else: with 5,000 at once, p99 of the others was 0.9 s and
 * more. So only a few may have arrived and not been heard of. As soon as some of them have said something, which in a storm
 * is the next turn, as many follow: the line stays short, and nobody waits while nobody else does. Who says nothing is
 * waited for no longer than the shortest timer.
 *
 * That is for storms that disturb nobody. An arrival may cost much more than its first packet (a login to be looked up, a
 * refusal, a session to be resumed), and while those who are here go on talking, they come first: then a few arrive, and all
 * others have the time of a timer. With 5,000 wrong passwords at once, p99 of the others is 20 ms so, and was 270 without.
 * @module */

/** With two or three operations each (accept, read, write), half a turn's worth at most. */
const UNHEARD_MAX = 16;
/** Then the next ones are taken. One at a time would cost a promise each. */
const UNHEARD_RESUME = 8;
/** While others talk. */
const POLITE_MAX = 4;
/** Others talk if one of them did during so many arrivals: 20 ms at the polite pace. */
const CALM_ARRIVALS = 64;

export class ArrivalPace {
  #unheard = 0;
  /** Those of earlier rounds do not count any more. */
  #round = 0;
  #goOn: (() => void) | undefined = undefined;
  /** It goes on running when nobody waits any more: in a storm, setting one for each wait would cost more than it. */
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #politeTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #wasHeard = false;
  /** Arrivals since somebody else was heard. */
  #calm = Infinity;
  /** Arrivals since the last wait. */
  #inARow = 0;

  /** What `heard` is to be called with for those that arrive now. */
  get round(): number {
    return this.#round;
  }

  /** One has arrived. */
  arrived(): void {
    this.#unheard++;
    this.#calm++;
    this.#inARow++;
  }

  /** One who has been here for a while has said something. */
  othersTalk(): void {
    this.#calm = 0;
  }

  /** One that arrived has said something, or is gone. Once for each. */
  heard(round: number): void {
    if (round !== this.#round) return;
    this.#wasHeard = true;
    if (--this.#unheard <= UNHEARD_RESUME) this.#goOn?.();
  }

  get isFull(): boolean {
    return this.#unheard >= UNHEARD_MAX || (this.#isPolite && this.#inARow >= POLITE_MAX);
  }

  /** Resolves when the next ones may be taken. */
  room(): Promise<void> {
    this.#inARow = 0;
    if (this.#isPolite) this.#setPoliteTimer();
    else this.#setTimer();
    return new Promise((resolve) => {
      this.#goOn = () => {
        this.#goOn = undefined;
        resolve();
      };
    });
  }

  /** Nobody waits any more. */
  end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#politeTimer);
    this.#goOn?.();
  }

  get #isPolite(): boolean {
    return this.#calm < CALM_ARRIVALS;
  }

  /** However soon those that arrived are heard. */
  #setPoliteTimer(): void {
    this.#round++;
    this.#unheard = 0;
    this.#politeTimer = setTimeout(() => this.#goOn?.(), 0);
  }

  #setTimer(): void {
    if (this.#timer !== undefined) return;
    this.#wasHeard = false;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#goOn === undefined || this.#isPolite) return;
      // They are at it: the ones that are left are about to be heard.
      if (this.#wasHeard) return this.#setTimer();
      this.#round++;
      this.#unheard = 0;
      this.#goOn();
    }, 0);
  }
}
