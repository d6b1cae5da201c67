// SPDX-License-Identifier: AGPL-3.0-only
// What a section looks like in each phase of its exam. Functions of state and of what to do; they ask nobody.

import { during, el } from "./dom.js";
import { EXAM_TYPES, dateAndTime, duration, isSupervised, isUnbegun, plural, statusOf } from "./words.js";

const LITTLE_SECONDS = 5 * 60;
const VERY_LITTLE_SECONDS = 60;

const button = (text, work, kind = "") => {
  const element = el("button", { className: `button ${kind}`, type: "button", onclick: () => during(element, work) }, text);
  return element;
};

/** Whether the learner has not begun and is not too late. */
export function isBeforeStart(exam) {
  return isUnbegun(exam.attempt) && (!exam.passed_due_date || exam.is_practice_exam);
}

export function timer(exam, attempt, { done, isPaused }) {
  const time = el("span", { className: "timer__time time", role: "timer", "aria-live": "off", "aria-label": "Time left" });
  const element = el("div", { className: "timer" },
    el("div", {}, el("span", { className: "timer__label" }, isPaused ? "Time left, standing still" : "Time left"), time),
    el("p", { className: "timer__name" }, exam.exam_name),
    attempt.attempt_status === "started" && !isPaused ? button("I'm done", done) : null);
  element.classList.toggle("timer--paused", Boolean(isPaused));
  return {
    element,
    update(seconds, text) {
      if (time.textContent !== text) time.textContent = text;
      element.classList.toggle("timer--little", seconds <= LITTLE_SECONDS);
      element.classList.toggle("timer--very-little", seconds <= VERY_LITTLE_SECONDS);
    },
  };
}

export function introduction(exam, { start, setUp, support, hasTool }) {
  const rows = [
    ["Kind", EXAM_TYPES[exam.exam_type] ?? exam.exam_type],
    ["Time", timeText(exam)],
    ["Due", exam.due_date ? dateAndTime(exam.due_date) : "No due date"],
  ];
  return el("article", { className: "sheet" },
    el("p", { className: "eyebrow" }, "Exam"),
    el("h1", {}, exam.exam_name),
    el("dl", { className: "facts" }, rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    isSupervised(exam) ? supervised(exam, { start, setUp, support, hasTool }) : readiness(exam, start));
}

/** What the learner would get on starting now, as the service says, and why that is less than the exam's own time. */
function timeText(exam) {
  const isCut = exam.due_date && !exam.is_practice_exam && exam.total_time < exam.time_limit_mins;
  return isCut ? `${duration(exam.total_time)} until the due date, of ${duration(exam.time_limit_mins)}` : duration(exam.total_time);
}

function supervised(exam, { start, setUp, support, hasTool }) {
  const status = exam.attempt.attempt_status;
  if (status === "ready_to_start") return [
    el("div", { className: "notice notice--good" }, el("p", {}, el("strong", {}, "Proctoring is set up. "), "You are watched from now on.")),
    ...readiness(exam, start),
  ];
  if (!hasTool) return withoutProctor(exam, support);
  const steps = [
    `${exam.backend} opens, looks at you and your ID, and brings you back here.`,
    "Only then you start the exam; until you do, no time passes.",
    "While you sit it, a proctor may pause it or give you more time.",
  ];
  return [
    el("h2", {}, "A proctor watches over this exam"),
    el("ol", { className: "prose" }, steps.map((text) => el("li", {}, text))),
    el("p", { className: "row" }, button(status === "download_software_clicked" ? "Go on with the set-up" : "Set up proctoring", setUp, "button--large")),
    questions(support),
  ];
}

function questions(support) {
  const contact = support?.provider_tech_support_email ?? support?.proctoring_escalation_email;
  return contact ? el("p", { className: "muted" }, "Questions: ", el("a", { href: `mailto:${contact}` }, contact)) : null;
}

export function paused(exam) {
  return el("article", { className: "sheet sheet--result" },
    el("span", { className: "seal seal--pause", "aria-hidden": "true" }),
    el("p", { className: "eyebrow" }, exam.exam_name),
    el("h1", {}, "The proctor has paused your exam"),
    el("p", { className: "lead-text" }, "Your time stands still, and your answers are kept. Stay where you are: the exam comes back by itself."));
}

function readiness(exam, start) {
  if (exam.due_date && !exam.is_practice_exam && exam.total_time < 1) return [
    el("div", { className: "notice notice--plain" }, el("p", {}, "Less than a minute is left until the due date: the exam can no longer be started.")),
  ];
  const mind = [
    `The clock runs for ${duration(exam.total_time)} from the moment you press start, even while this page is closed.`,
    "When it reaches zero, your exam is handed in as it is.",
    exam.is_practice_exam ? "This exam counts for nothing, and you may take it again." : "You can take this exam once.",
  ];
  return [
    el("h2", {}, "Before you begin"),
    el("ul", { className: "prose" }, mind.map((text) => el("li", {}, text))),
    el("p", { className: "row" }, button("Start the exam", start, "button--large")),
  ];
}

/** The bar above an exam that goes on without the service being heard. */
export function connectionLost({ isRunning, isTimeOver, isWaiting }) {
  const meaning = isTimeOver ? "Your time is over. The exam service hands the exam in by itself."
    : isWaiting ? "Your submission is sent as soon as the connection is back. Until then the clock runs on."
      : isRunning ? "The clock runs on. Your answers are kept in this browser; go on working." : "This page tries again by itself.";
  return el("div", { className: "notice notice--error", role: "alert" }, el("p", {}, el("strong", {}, "The connection is lost. "), meaning));
}

export function submissionWaits(exam, { back }) {
  return el("article", { className: "sheet sheet--result" },
    el("span", { className: "seal seal--warn", "aria-hidden": "true" }),
    el("p", { className: "eyebrow" }, exam.exam_name),
    el("h1", {}, "Your submission waits for the connection"),
    el("p", { className: "lead-text" }, "Leave this page open: the exam is handed in as soon as the exam service can be reached. If your time runs out before, it is handed in by itself."),
    el("div", { className: "row row--center" }, button("Back to the exam", back, "button--quiet")));
}

export function overWithoutConnection(exam) {
  return el("article", { className: "sheet sheet--result" },
    el("span", { className: "seal seal--warn", "aria-hidden": "true" }),
    el("p", { className: "eyebrow" }, exam.exam_name),
    el("h1", {}, "Your time is over"),
    el("p", { className: "lead-text" }, "The exam service cannot be reached from here. It hands the exam in by itself, and this page shows it as soon as the connection is back."));
}

function withoutProctor(exam, support) {
  return el("div", { className: "notice notice--plain" },
    el("p", {}, el("strong", {}, "Proctoring tool not attached yet")),
    el("p", {}, `This exam is supervised${exam.backend ? ` by ${exam.backend}` : ""}, and begins in its tool. None is connected to this sandbox, so the exam cannot be taken here.`),
    questions(support));
}

/** A section that is no exam. */
export const reading = (title) => ({ body, questions }) =>
  el("article", { className: "sheet prose" }, el("h1", {}, title), body.map((text) => el("p", {}, text)), questionList(questions, null));

/** The exam itself; without `answers` to look at only. */
export const paper = (exam, answers) => ({ body, questions }) =>
  el("article", { className: "sheet prose" },
    el("h1", {}, exam.exam_name), body.map((text) => el("p", {}, text)), questionList(questions, answers));

function questionList(questions, answers) {
  const given = answers?.read() ?? {};
  return questions.map((question, number) =>
    el("fieldset", { className: "question" },
      el("legend", {}, el("span", { className: "question__number" }, `Question ${number + 1}`), question.text),
      question.choices.map((choice, index) =>
        el("label", { className: "choice" },
          el("input", {
            type: "radio", name: `question-${number}`, checked: given[number] === index, disabled: !answers,
            onchange: () => answers.write(number, index),
          }),
          el("span", {}, choice)))));
}

export function handIn(exam, answers, { submit, back }) {
  const count = Object.keys(answers.read()).length;
  return el("article", { className: "sheet" },
    el("h1", {}, "Hand in your exam?"),
    el("p", {}, `You answered ${plural(count, "question")}. The clock runs on until you submit; afterwards nothing can be changed.`),
    el("div", { className: "row" },
      button("Submit the exam", submit, "button--large"),
      button("Back to the exam", back, "button--quiet button--large")));
}

export function result(exam, { why, again, look }) {
  if (isUnbegun(exam.attempt)) return missed(exam, look);
  const status = statusOf(exam.attempt.attempt_status);
  return el("article", { className: "sheet sheet--result" },
    el("span", { className: `seal seal--${status.tone}`, "aria-hidden": "true" }),
    el("p", { className: "eyebrow" }, exam.exam_name),
    el("h1", {}, status.name),
    el("p", { className: "lead-text" }, why ?? status.meaning ?? ""),
    el("div", { className: "row row--center" },
      exam.is_practice_exam ? button("Try again", again) : null,
      mayLook(exam, ["submitted", "verified"]) ? button("Look at the exam", look, "button--quiet") : null));
}

function missed(exam, look) {
  return el("article", { className: "sheet sheet--result" },
    el("span", { className: "seal seal--warn", "aria-hidden": "true" }),
    el("p", { className: "eyebrow" }, exam.exam_name),
    el("h1", {}, "The due date has passed"),
    el("p", { className: "lead-text" }, `This exam was due ${dateAndTime(exam.due_date)} and can no longer be taken.`),
    mayLook(exam, [undefined]) ? el("div", { className: "row row--center" }, button("Look at the exam", look, "button--quiet")) : null);
}

/** Whether it is worth asking for the content; whether it is given out, the exam service decides. */
function mayLook(exam, statuses) {
  return exam.passed_due_date && !exam.hide_after_due && statuses.includes(exam.attempt.attempt_status);
}
