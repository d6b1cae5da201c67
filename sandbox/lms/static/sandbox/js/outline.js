// SPDX-License-Identifier: AGPL-3.0-only
// The course outline: what each section's exam is and how it stands, and a way back into a running one.

import { exams, segment } from "./api.js";
import { Countdown } from "./clock.js";
import { byId, el, facts, notify, show } from "./dom.js";
import { EXAM_TYPES, clockText, dateAndTime, duration, isRunning, isUnbegun, statusOf } from "./words.js";

function describe({ exam_type: type, attempt, total_time: minutes, due_date: due, passed_due_date: over }) {
  const facts = [EXAM_TYPES[type] ?? type, duration(minutes)];
  if (due) facts.push(`${over ? "was due" : "due"} ${dateAndTime(due)}`);
  const status = statusOf(attempt.attempt_status);
  const badge = isUnbegun(attempt) ? null : el("span", { className: `badge badge--${status.tone}` }, status.name);
  return [badge, el("span", { className: "muted" }, facts.join(" · "))];
}

async function describeSections() {
  await Promise.all(facts.sections.map(async ({ contentId }) => {
    const { exam } = await exams(`student/exam/attempt/course_id/${segment(facts.courseId)}/content_id/${segment(contentId)}`);
    if (!exam.id) return;
    const place = document.querySelector(`[data-content-id="${CSS.escape(contentId)}"] .outline__state`);
    show(place, ...describe(exam));
  }));
}

async function leadBackToRunningExam() {
  const attempt = await exams("exams/attempt/latest");
  if (!isRunning(attempt)) return;
  const time = el("strong", { className: "time" });
  const countdown = new Countdown({
    onTick: (seconds) => { time.textContent = clockText(seconds); },
    onOver: () => { location.reload(); },
  });
  show(byId("running"), el("div", { className: "notice notice--live row" },
    el("p", {}, el("strong", {}, attempt.exam_display_name), " is running: ", time, " left."),
    el("a", { className: "button button--small", href: attempt.exam_url_path }, "Return to the exam")));
  countdown.set(attempt.time_remaining_seconds);
}

Promise.all([describeSections(), leadBackToRunningExam()]).catch((error) => notify(error.message, "error"));
