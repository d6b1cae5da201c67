// SPDX-License-Identifier: AGPL-3.0-only
// A countdown that the exam service corrects: it is told how many seconds are left, and again whenever somebody asked.

import { plural } from "./words.js";

const TICK_MILLISECONDS = 200;
// Seconds left at which the time is said aloud; more often would drown the exam out for people who listen to it.
const MOMENTS = [30 * 60, 10 * 60, 5 * 60, 60, 15];
// A correction of fewer seconds is the network's doing; from this on, somebody gave or took time.
const NOTICEABLE_SECONDS = 10;

export class Countdown {
  #deadline = null;
  #timer = null;
  #said = Infinity;
  #standsAt = null;

  /**
   * @param onTick gets the seconds left, a few times a second
   * @param onMoment gets a sentence to say aloud
   * @param onOver is called once when no time is left
   */
  constructor({ onTick, onMoment = () => {}, onOver }) {
    Object.assign(this, { onTick, onMoment, onOver });
  }

  get seconds() {
    if (this.#standsAt !== null) return this.#standsAt;
    return this.#deadline === null ? 0 : Math.max(0, (this.#deadline - performance.now()) / 1000);
  }

  /** Set or correct the time left. */
  set(seconds) {
    this.#standsAt = null;
    const before = this.#deadline === null ? null : this.seconds;
    // The computer's own time of day may be set or drift meanwhile: this clock only runs forward.
    this.#deadline = performance.now() + seconds * 1000;
    if (before !== null && seconds - before > NOTICEABLE_SECONDS) {
      this.#said = Infinity;
      this.onMoment(`You have been given more time. ${spoken(seconds)} left.`);
    }
    this.#said = Math.min(this.#said, ...MOMENTS.filter((moment) => moment >= seconds));
    this.#timer ??= setInterval(() => this.#tick(), TICK_MILLISECONDS);
    this.onTick(this.seconds);
  }

  /** Show a time that does not pass. */
  stand(seconds) {
    this.stop();
    this.#standsAt = seconds;
    this.onTick(seconds);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#standsAt = null;
    this.#deadline = null;
    this.#said = Infinity;
  }

  #tick() {
    const left = this.seconds;
    this.onTick(left);
    const moment = MOMENTS.findLast((seconds) => seconds >= left && seconds < this.#said);
    if (moment !== undefined) {
      this.#said = moment;
      this.onMoment(`${spoken(moment)} left.`);
    }
    if (left <= 0) {
      this.stop();
      this.onOver();
    }
  }
}

function spoken(seconds) {
  return seconds >= 60 ? plural(Math.round(seconds / 60), "minute") : plural(Math.round(seconds), "second");
}
