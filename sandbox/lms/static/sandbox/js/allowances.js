// Extra time for learners.

import { exams, segment } from "./api.js";
import { byId, cardTable, during, el, facts, field, notify, options, problem, show } from "./dom.js";
import { dateAndTime, isRunning, plural } from "./words.js";

const path = `exams/course_id/${segment(facts.courseId)}/allowances`;
const table = el("div");

async function load() {
  try {
    const allowances = await exams(path);
    show(table, allowances.length ? list(allowances) : nothing());
  } catch (error) {
    show(table, problem(error, load));
  }
}

function nothing() {
  return el("div", { className: "empty" },
    el("h2", {}, "Nobody has extra time"),
    el("p", {}, "Add a learner above. The minutes are added to the exam's own time limit."));
}

function list(allowances) {
  return cardTable("Extra time", ["Learner", "E-mail", "Exam", "Extra time", null], allowances.map(line));
}

function line(allowance) {
  const remove = el("button", {
    className: "button button--small button--quiet button--danger-quiet", type: "button",
    "aria-label": `Delete the extra time of ${allowance.username}`,
    onclick: () => during(remove, async () => {
      await exams(`${path}/${allowance.id}`, { method: "DELETE" });
      notify(`The extra time of ${allowance.username} is deleted.`);
      await load();
      document.querySelector("form input")?.focus();
    }),
  }, "Delete");
  return { cells: [allowance.username, allowance.email, allowance.exam_name, plural(allowance.extra_time_mins, "minute"), el("div", { className: "row row--tight" }, remove)] };
}

function form(examList) {
  const learner = el("input", { type: "text", required: true, autocomplete: "off", spellcheck: false });
  const exam = options(el("select", { required: true }), examList.map((each) => [String(each.id), each.exam_name]), null);
  const minutes = el("input", { type: "number", min: 0, step: "any", value: 10, required: true });
  const save = el("button", { className: "button" }, "Give extra time");
  const trouble = el("div");
  const submit = async (event) => {
    event.preventDefault();
    show(trouble);
    await during(save, async () => {
      const who = learner.value.trim();
      const grant = { [who.includes("@") ? "email" : "username"]: who, exam_id: Number(exam.value), extra_time_mins: minutes.valueAsNumber };
      try {
        await exams(path, { method: "POST", body: [grant] });
      } catch (error) {
        show(trouble, problem(error));
        return;
      }
      notify(await whatCameOfIt(who, examList.find((each) => String(each.id) === exam.value)));
      learner.value = "";
      await load();
    });
  };
  return el("form", { className: "panel filters", onsubmit: submit },
    field("Learner", learner, "Username or e-mail"), field("Exam", exam), field("Extra minutes", minutes),
    el("div", { className: "row filters__end" }, save), trouble);
}

/** What a grant is worth, as the service has it: extra time never moves the due date. */
async function whatCameOfIt(who, exam) {
  const query = { search: who, exam_id: exam.id };
  const { results } = await exams(`instructor_view/course_id/${segment(facts.courseId)}/attempts`, { query });
  const attempt = results.find((each) => each.username === who || results.length === 1);
  const due = exam.due_date ? ` It is due ${dateAndTime(exam.due_date)}, and extra time never moves that.` : "";
  if (attempt && isRunning(attempt)) return `The running exam of ${who} lasts ${plural(attempt.allowed_time_limit_mins, "minute")} in all now.${due}`;
  return attempt?.start_time ? `${who} has extra time, but has taken this exam already.` : `${who} has extra time for this exam.${due}`;
}

async function begin() {
  const place = byId("allowances");
  try {
    const examList = await exams(`exams/course_id/${segment(facts.courseId)}`);
    show(place, examList.length ? form(examList) : el("div", { className: "notice notice--plain" }, el("p", {}, "This course has no exams yet.")), table);
    await load();
  } catch (error) {
    show(place, problem(error, begin));
  }
}

begin();
