// SPDX-License-Identifier: AGPL-3.0-only
// What stays in this browser of an attempt, for a page that is reloaded or was offline. Marking answers is not what is tried out here.

import { facts } from "./dom.js";

const store = (kind) => {
  const key = (attempt) => `${kind}:${facts.person.username}:${attempt.attempt_id}`;
  return {
    of: (attempt) => JSON.parse(localStorage.getItem(key(attempt)) ?? "null"),
    set: (attempt, value) => value === null ? localStorage.removeItem(key(attempt)) : localStorage.setItem(key(attempt), JSON.stringify(value)),
  };
};

/** By attempt: a submission that could not be sent yet, and why the exam ended. */
export const kept = { submission: store("submission"), ending: store("ending") };

const answers = store("answers");

export function answersOf(attempt) {
  const read = () => answers.of(attempt) ?? {};
  return { read, write: (question, choice) => answers.set(attempt, { ...read(), [question]: choice }) };
}
