// SPDX-License-Identifier: AGPL-3.0-only
// One section, as the learning MFE shows it: if it is an exam, it is taken here.

import { Refusal, exams, goToExams, lms, segment } from "./api.js";
import { Countdown } from "./clock.js";
import { byId, facts, notify, problem, show } from "./dom.js";
import { answersOf, kept } from "./kept.js";
import * as views from "./section_views.js";
import { clockText, isRunning, isSupervised, standsStill } from "./words.js";

const POLL_MILLISECONDS = 5000;
// A proctor's hand is to be felt soon.
const SUPERVISED_POLL_MILLISECONDS = 1500;
const FORBIDDEN = 403;

let exam = {};
// What the service last said of the attempt.
let lastSeen = {};
let phase = null;
let timer = null;
let isPolling = false;
let isConnected = true;
let isTimeOver = false;
// The attempt whose paper is on the page.
let paperOf = null;

const countdown = new Countdown({
  onTick: (seconds) => timer?.update(seconds, clockText(seconds)),
  onMoment: (text) => { byId("announcer").textContent = text; },
  onOver: () => { isTimeOver = true; load(); },
});

/** Ask how things stand and show that. Where nobody answers, what is on the page stays, and the next poll asks again. */
async function load({ since } = {}) {
  const wasRunning = isRunning(exam.attempt);
  try {
    ({ exam } = await exams(`student/exam/attempt/course_id/${segment(facts.courseId)}/content_id/${segment(facts.contentId)}`));
    lastSeen = exam.attempt ?? {};
    connected(true);
  } catch (error) {
    if (error.isUnreachable && phase !== null) return connected(false);
    return show(byId("stage"), problem(error, () => load()));
  }
  const attempt = exam.attempt ?? {};
  if (isRunning(attempt)) isTimeOver = false;
  else if (wasRunning) sayWhy(attempt, since);
  if (isRunning(attempt) && kept.submission.of(attempt)) return sendSubmission();
  const before = phase;
  await present();
  // Where one page took another's place, whoever uses a keyboard or listens goes on at its heading.
  if (before !== null && before !== phase) focusHeading();
  return undefined;
}

/** Say once that the exam is over, and keep why for whoever comes back to the page. */
function sayWhy(attempt, since) {
  const why = isTimeOver ? "Your time is over. The exam has been handed in." : since;
  if (!why) return;
  if (attempt.attempt_id) kept.ending.set(attempt, why);
  notify(why, "plain");
}

async function present() {
  const attempt = exam.attempt ?? {};
  const isPaused = await pausedNow(attempt);
  const token = attempt.attempt_status === "started" && !isPaused && paperOf !== attempt.attempt_id ? await accessToken() : null;
  if (token?.isUnreachable) return connected(false);
  phase = isPaused ? "paused" : exam.id ? attempt.attempt_status ?? "none" : "open";
  if (isRunning(attempt)) {
    timer = views.timer(exam, attempt, { done: () => act("stop"), isPaused });
    show(byId("timer"), timer.element);
    if (isPaused) countdown.stand(lastSeen.time_remaining_seconds);
    else countdown.set(lastSeen.time_remaining_seconds);
  } else {
    countdown.stop();
    timer = null;
    show(byId("timer"));
  }
  if (phase === "started" && paperOf === attempt.attempt_id) return undefined;
  paperOf = null;
  const stage = byId("stage");
  if (phase === "open") await showContent(stage, views.reading(facts.title));
  else if (phase === "paused") show(stage, views.paused(exam));
  else if (phase === "started") {
    await showContent(stage, views.paper(exam, answersOf(attempt)), token);
    paperOf = attempt.attempt_id;
  } else if (phase === "ready_to_submit") showHandIn();
  else if (views.isBeforeStart(exam)) show(stage, views.introduction(exam, { start, setUp, ...await proctoring() }));
  else show(stage, views.result(exam, {
    why: attempt.attempt_status === "submitted" ? kept.ending.of(attempt) : null, again: () => act("reset_attempt"), look: () => showContent(stage, views.paper(exam, null)),
  }));
  return undefined;
}

function showHandIn() {
  show(byId("stage"), views.handIn(exam, answersOf(exam.attempt), { submit, back: () => act("start") }));
}

function focusHeading() {
  const heading = byId("stage").querySelector("h1");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus();
}

/** Tell the learner when the connection is lost, what that means for the exam, and when it is back. */
function connected(now) {
  const place = byId("connection");
  if (now) {
    if (!isConnected) notify("The connection is back.", "good");
    show(place);
  } else {
    const isWaiting = exam.attempt && kept.submission.of(exam.attempt);
    show(place, views.connectionLost({ isRunning: isRunning(exam.attempt), isTimeOver, isWaiting }));
    if (isTimeOver && phase !== "over") {
      phase = "over";
      paperOf = null;
      show(byId("stage"), views.overWithoutConnection(exam));
    }
  }
  isConnected = now;
}

const latest = () => exams("exams/attempt/latest", { query: { content_id: facts.contentId } });

/** Whether a proctor has paused the attempt: then the service says the same of its clock twice. */
async function pausedNow(attempt) {
  if (!isSupervised(exam) || attempt.attempt_status !== "started") return false;
  const before = lastSeen;
  try {
    lastSeen = await latest();
  } catch {
    return phase === "paused";
  }
  return standsStill(before, lastSeen);
}

/** Permission to see the exam's content, or the refusal; nothing where the content is not the exam service's to guard. */
async function accessToken() {
  if (!exam.id || facts.legacyUrl) return "";
  try {
    return (await exams(`access_tokens/exam_id/${exam.id}`)).exam_access_token;
  } catch (error) {
    return error;
  }
}

/** Fetch the section's content, with an access token if it is an exam's, and let `view` turn it into nodes. */
async function showContent(stage, view, permission) {
  try {
    const token = permission ?? await accessToken();
    if (token instanceof Refusal) throw token;
    const content = await lms(`${facts.contentUrl}${token ? `?exam_access=${segment(token)}` : ""}`);
    show(stage, view(content));
  } catch (error) {
    // A proctor was faster: the next poll finds the pause.
    show(stage, error.status === FORBIDDEN && isSupervised(exam) && isRunning(exam.attempt) ? views.paused(exam) : problem(error, () => load()));
  }
}

/** Whom to ask for help, and whether the exam's provider has a tool: one that has none is named by no number. */
async function proctoring() {
  if (!isSupervised(exam)) return {};
  const [support, providers] = await Promise.all([
    exams(`exam/provider_settings/course_id/${segment(facts.courseId)}/exam_id/${exam.id}`).catch(() => ({})),
    exams("providers").catch(() => []),
  ]);
  const hasTool = providers.some((provider) => provider.verbose_name === exam.backend && /^\d+$/.test(provider.lti_configuration_id));
  return { support, hasTool };
}

/** Change something about attempts, where they are kept: in the exam service, or for a routed course in the older system. */
function change(path, options) {
  return facts.legacyUrl ? lms(`${facts.legacyUrl}${path}`, options) : exams(`exams/${path}`, options);
}

async function create(startClock) {
  return (await change("attempt", { method: "POST", body: { exam_id: exam.id, start_clock: String(startClock), attempt_proctored: "false" } })).exam_attempt_id;
}

async function start() {
  if (exam.attempt.attempt_id) return act("start");
  await create(true);
  return load();
}

/** To the proctoring tool, and from there back here. */
async function setUp() {
  const id = exam.attempt.attempt_id ?? await create(false);
  return goToExams(`/lti/start_proctoring/${id}`);
}

/** Hand in what the learner has decided to hand in; without a connection the decision is kept and carried out when there is one. */
async function submit() {
  kept.submission.set(exam.attempt, true);
  return sendSubmission();
}

async function sendSubmission() {
  const { attempt } = exam;
  try {
    // A supervised exam ends by way of its tool.
    if (isSupervised(exam)) {
      await goToExams(`/lti/end_assessment/${attempt.attempt_id}`);
      return kept.submission.set(attempt, null);
    }
    await change(`attempt/${attempt.attempt_id}`, { method: "PUT", body: { action: "submit" } });
  } catch (error) {
    if (!error.isUnreachable) {
      kept.submission.set(attempt, null);
      notify(error.message, "error");
      return load();
    }
    if (phase !== "waiting") {
      phase = "waiting";
      paperOf = null;
      show(byId("stage"), views.submissionWaits(exam, { back: keepWorking }));
      focusHeading();
    }
    return connected(false);
  }
  kept.submission.set(attempt, null);
  return load();
}

/** Take a submission back that has not been sent. */
function keepWorking() {
  kept.submission.set(exam.attempt, null);
  phase = "ready_to_submit";
  showHandIn();
  focusHeading();
}

async function act(action) {
  try {
    await change(`attempt/${exam.attempt.attempt_id}`, { method: "PUT", body: { action } });
  } finally {
    // Refused or not, the attempt may stand elsewhere now: a second tab, the sweep or the course team was faster.
    await load();
  }
}

async function poll() {
  if (isPolling) return;
  isPolling = true;
  try {
    if (!isConnected || phase === null) await load();
    else if (isRunning(exam.attempt) || (isSupervised(exam) && exam.attempt?.attempt_id)) await look();
  } finally {
    isPolling = false;
  }
}

async function look() {
  const known = exam.attempt;
  const attempt = await latest().catch((error) => error);
  if (attempt instanceof Refusal) {
    if (attempt.isUnreachable) connected(false);
    return;
  }
  // Something was done meanwhile: that says more.
  if (exam.attempt !== known) return;
  const isPaused = standsStill(lastSeen, attempt);
  lastSeen = attempt;
  if (attempt.attempt_id !== known.attempt_id || attempt.attempt_status !== known.attempt_status) {
    await load({ since: attempt.attempt_id ? "Your exam is no longer running." : "The course team has reset your attempt." });
  } else if (isSupervised(exam) && known.attempt_status === "started" && isPaused !== (phase === "paused")) await load();
  else if (phase === "paused") countdown.stand(attempt.time_remaining_seconds);
  else if (isRunning(attempt)) countdown.set(attempt.time_remaining_seconds);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
addEventListener("online", poll);
addEventListener("offline", poll);
load().then(() => setInterval(poll, isSupervised(exam) ? SUPERVISED_POLL_MILLISECONDS : POLL_MILLISECONDS));
