// One section, as the learning MFE shows it: if it is an exam, it is taken here.

import { Refusal, exams, goToExams, lms, segment } from "./api.js";
import { Countdown } from "./clock.js";
import { byId, facts, notify, problem, show } from "./dom.js";
import * as views from "./section_views.js";
import { clockText, isRunning, isSupervised } from "./words.js";

const POLL_MILLISECONDS = 5000;
// A proctor's hand is to be felt soon.
const SUPERVISED_POLL_MILLISECONDS = 1500;
const FORBIDDEN = 403;

let exam = {};
let phase = null;
let timer = null;
let isPolling = false;

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
  const wasRunning = ["started", "paused", "ready_to_submit"].includes(phase);
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
  const token = attempt.attempt_status === "started" ? await accessToken() : null;
  // What refuses the content of an exam whose clock has time left is a pause.
  const isPaused = token instanceof Refusal && token.status === FORBIDDEN && attempt.time_remaining_seconds > 0;
  phase = isPaused ? "paused" : exam.id ? attempt.attempt_status ?? "none" : "open";
  if (isRunning(attempt)) {
    timer = views.timer(exam, attempt, { done: () => act("stop"), isPaused });
    show(byId("timer"), timer.element);
    if (isPaused) countdown.stand(attempt.time_remaining_seconds);
    else countdown.set(attempt.time_remaining_seconds);
  } else {
    countdown.stop();
    timer = null;
    show(byId("timer"));
  }
  const stage = byId("stage");
  if (phase === "open") await showContent(stage, views.reading(facts.title));
  else if (phase === "paused") show(stage, views.paused(exam));
  else if (phase === "started") await showContent(stage, views.paper(exam, answersOf(attempt)), token);
  else if (phase === "ready_to_submit") show(stage, views.handIn(exam, answersOf(attempt), { submit, back: () => act("start") }));
  else if (views.isBeforeStart(exam)) show(stage, views.introduction(exam, { start, setUp, ...await proctoring() }));
  else show(stage, views.result(exam, { again: () => act("reset_attempt"), look: () => showContent(stage, views.paper(exam, null)) }));
}

function focusHeading() {
  const heading = byId("stage").querySelector("h1");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus();
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
    if (token instanceof Error) throw token;
    const content = await lms(`${facts.contentUrl}${token ? `?exam_access=${segment(token)}` : ""}`);
    show(stage, view(content));
  } catch (error) {
    show(stage, problem(error, () => load()));
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

/** A supervised exam ends by way of its tool. */
async function submit() {
  return isSupervised(exam) ? goToExams(`/lti/end_assessment/${exam.attempt.attempt_id}`) : act("submit");
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
  const known = exam.attempt;
  if (isPolling || !(isRunning(known) || (isSupervised(exam) && known?.attempt_id))) return;
  isPolling = true;
  try {
    const attempt = await exams("exams/attempt/latest", { query: { content_id: facts.contentId } }).catch(() => null);
    // Nothing while we are offline, or if something was done meanwhile: the clock runs on.
    if (attempt !== null && exam.attempt === known) await compare(attempt, known);
  } finally {
    isPolling = false;
  }
}

async function compare(attempt, known) {
  if (attempt.attempt_id !== known.attempt_id || attempt.attempt_status !== known.attempt_status) {
    const since = attempt.attempt_id ? "Your exam is no longer running." : "The course team has reset your attempt.";
    await load({ since });
  } else if (await pauseHasChanged()) await load();
  else if (phase === "paused") countdown.stand(attempt.time_remaining_seconds);
  else if (isRunning(attempt)) countdown.set(attempt.time_remaining_seconds);
}

async function pauseHasChanged() {
  if (!isSupervised(exam) || !["started", "paused"].includes(phase)) return false;
  const token = await accessToken();
  const isRefused = token instanceof Refusal && token.status === FORBIDDEN;
  return phase === "paused" ? typeof token === "string" : isRefused;
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

document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
load().then(() => setInterval(poll, isSupervised(exam) ? SUPERVISED_POLL_MILLISECONDS : POLL_MILLISECONDS));
