// Extra time for learners.

import { exams, segment } from "./api.js";
import { byId, during, el, facts, field, notify, options, problem, show } from "./dom.js";
import { plural } from "./words.js";

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
  return el("div", { className: "table-frame", tabIndex: 0, role: "region", "aria-label": "Extra time" },
    el("table", {},
      el("thead", {}, el("tr", {}, ["Learner", "E-mail", "Exam", "Extra time"].map((name) => el("th", { scope: "col" }, name)),
        el("th", {}, el("span", { className: "visually-hidden" }, "Actions")))),
      el("tbody", {}, allowances.map(line))));
}

function line(allowance) {
  const remove = el("button", {
    className: "button button--small button--quiet button--danger-quiet", type: "button",
    "aria-label": `Delete the extra time of ${allowance.username}`,
    onclick: () => during(remove, async () => {
      await exams(`${path}/${allowance.id}`, { method: "DELETE" });
      notify(`The extra time of ${allowance.username} is deleted.`);
      await load();
    }),
  }, "Delete");
  return el("tr", {},
    el("th", { scope: "row" }, allowance.username), el("td", {}, allowance.email), el("td", {}, allowance.exam_name),
    el("td", { className: "nowrap" }, plural(allowance.extra_time_mins, "minute")),
    el("td", {}, el("div", { className: "row row--tight" }, remove)));
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
      notify(`${who} has extra time now.`);
      learner.value = "";
      await load();
    });
  };
  return el("form", { className: "panel filters", onsubmit: submit },
    field("Learner", learner, "Username or e-mail"), field("Exam", exam), field("Extra minutes", minutes),
    el("div", { className: "row filters__end" }, save), trouble);
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
