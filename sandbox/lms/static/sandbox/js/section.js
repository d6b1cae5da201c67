// One section, as the learning MFE shows it: if it is an exam, it is taken here.

import { exams, lms, segment } from "./api.js";
import { Countdown } from "./clock.js";
import { byId, facts, notify, problem, show } from "./dom.js";
import * as views from "./section_views.js";
import { clockText, isRunning } from "./words.js";

const POLL_MILLISECONDS = 5000;

let exam = {};
let phase = null;
let timer = null;

const announce = (text) => { byId("announcer").textContent = text; };

const countdown = new Countdown({
  onTick: (seconds) => timer?.update(seconds, clockText(seconds)),
  onMoment: announce,
  onOver: () => load({ since: "Your time is over. The exam has been handed in." }),
});

/** Ask how things stand and show that. `since` is said when the exam turns out not to run any more. */
async function load({ since } = {}) {
  try {
    ({ exam } = await exams(`student/exam/attempt/course_id/${segment(facts.courseId)}/content_id/${segment(facts.contentId)}`));
  } catch (error) {
    show(byId("stage"), problem(error, () => load()));
    return;
  }
  const wasRunning = phase === "started" || phase === "ready_to_submit";
  if (since && wasRunning && !isRunning(exam.attempt)) {
    announce(since);
    notify(since, "plain");
  }
  const before = phase;
  await present();
  // Where one page took another's place, whoever uses a keyboard or listens goes on at its heading.
  if (before !== null && before !== phase) focusHeading();
}

async function present() {
  const attempt = exam.attempt ?? {};
  phase = exam.id ? attempt.attempt_status ?? "none" : "open";
  if (isRunning(attempt)) {
    timer = views.timer(exam, attempt, { done: () => act("stop") });
    show(byId("timer"), timer.element);
    countdown.set(attempt.time_remaining_seconds);
  } else {
    countdown.stop();
    timer = null;
    show(byId("timer"));
  }
  const stage = byId("stage");
  if (phase === "open") await showContent(stage, views.reading(facts.title));
  else if (phase === "started") await showContent(stage, views.paper(exam, answersOf(attempt)));
  else if (phase === "ready_to_submit") show(stage, views.handIn(exam, answersOf(attempt), { submit: () => act("submit"), back: () => act("start") }));
  else if (views.isBeforeStart(exam)) show(stage, views.introduction(exam, { start, support: await supportContacts() }));
  else show(stage, views.result(exam, { again: () => act("reset_attempt"), look: () => showContent(stage, views.paper(exam, null)) }));
}

function focusHeading() {
  const heading = byId("stage").querySelector("h1");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus();
}

/** Fetch the section's content, with an access token if it is an exam's, and let `view` turn it into nodes. */
async function showContent(stage, view) {
  try {
    const token = exam.id ? (await exams(`access_tokens/exam_id/${exam.id}`)).exam_access_token : "";
    const content = await lms(`${facts.contentUrl}${token ? `?exam_access=${segment(token)}` : ""}`);
    show(stage, view(content));
  } catch (error) {
    show(stage, problem(error, () => load()));
  }
}

async function supportContacts() {
  if (!exam.is_proctored) return {};
  return exams(`exam/provider_settings/course_id/${segment(facts.courseId)}/exam_id/${exam.id}`).catch(() => ({}));
}

async function start() {
  if (exam.attempt.attempt_id) return act("start");
  await exams("exams/attempt", { method: "POST", body: { exam_id: exam.id, start_clock: "true", attempt_proctored: "false" } });
  return load();
}

async function act(action) {
  try {
    await exams(`exams/attempt/${exam.attempt.attempt_id}`, { method: "PUT", body: { action } });
  } finally {
    // Refused or not, the attempt may stand elsewhere now: a second tab, the sweep or the course team was faster.
    await load();
  }
}

async function poll() {
  if (!isRunning(exam.attempt)) return;
  const attempt = await exams("exams/attempt/latest", { query: { content_id: facts.contentId } }).catch(() => null);
  if (attempt === null || !isRunning(exam.attempt)) return; // offline for a while, or over meanwhile: the clock runs on
  if (attempt.attempt_id === exam.attempt.attempt_id && attempt.attempt_status === phase) countdown.set(attempt.time_remaining_seconds);
  else await load({ since: attempt.attempt_id ? "Your exam is no longer running." : "The course team has reset your attempt." });
}

/** The learner's answers stay in this browser: marking them is not what is being tried out here. */
function answersOf(attempt) {
  const key = `answers:${facts.person.username}:${attempt.attempt_id}`;
  const read = () => JSON.parse(localStorage.getItem(key) ?? "{}");
  return {
    read,
    write: (question, choice) => localStorage.setItem(key, JSON.stringify({ ...read(), [question]: choice })),
  };
}

setInterval(poll, POLL_MILLISECONDS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
load();
