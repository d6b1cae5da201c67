// SPDX-License-Identifier: AGPL-3.0-only
// How times, statuses and kinds of exam are written for people.

export const EXAM_TYPES = { timed: "Timed", practice: "Practice", proctored: "Proctored", onboarding: "Onboarding" };

/** What each status is called, its colour, and what it means to the learner once the exam is over. */
export const STATUSES = {
  created: { name: "Not started", tone: "plain" },
  download_software_clicked: { name: "Setting up", tone: "plain" },
  ready_to_start: { name: "Ready to start", tone: "plain" },
  started: { name: "In progress", tone: "live" },
  ready_to_submit: { name: "About to submit", tone: "live" },
  timed_out: { name: "Timed out", tone: "warn", meaning: "Your time ran out." },
  submitted: { name: "Submitted", tone: "good", meaning: "Your exam has been handed in. There is nothing more to do." },
  second_review_required: { name: "Under review", tone: "warn", meaning: "Somebody is having a second look at your exam." },
  verified: { name: "Verified", tone: "good", meaning: "The course team has looked at your exam and accepted it." },
  rejected: { name: "Rejected", tone: "bad", meaning: "The course team has not accepted your exam. Write to them if you think that this is a mistake." },
  error: { name: "Error", tone: "bad", meaning: "Something went wrong during your exam. Write to the course team, who can let you begin again." },
  expired: { name: "Expired", tone: "plain", meaning: "The course is over." },
};

const RUNNING = new Set(["started", "ready_to_submit"]);
const UNBEGUN = new Set(["created", "download_software_clicked", "ready_to_start"]);

export const isRunning = (attempt) => RUNNING.has(attempt?.attempt_status);
/** Whether a proctor watches over it. */
export const isSupervised = (exam) => exam.exam_type === "proctored";
export const isUnbegun = (attempt) => !attempt?.attempt_id || UNBEGUN.has(attempt.attempt_status);
export const statusOf = (name) => STATUSES[name] ?? { name, tone: "plain" };

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** Two statements of one running attempt, between which no time has passed: a proctor has paused it. */
export const standsStill = (one, other) =>
  one.attempt_id === other.attempt_id && one.attempt_status === "started" && other.attempt_status === "started"
  && one.time_remaining_seconds > 0 && one.time_remaining_seconds === other.time_remaining_seconds;

export function duration(minutes) {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  return [hours ? plural(hours, "hour") : "", rest || !hours ? plural(rest, "minute") : ""].filter(Boolean).join(" ");
}

/** 3725 seconds: "1:02:05". */
export function clockText(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const THIS_YEAR = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** A moment in the reader's own time zone, with its year where that is not the present one. */
export function dateAndTime(iso) {
  if (!iso) return "–";
  const moment = new Date(iso);
  const year = moment.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return moment.toLocaleString("en-GB", { ...THIS_YEAR, ...year });
}
