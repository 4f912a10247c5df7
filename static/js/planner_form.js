// The planner's form: sliders beside numbers, scenarios to add and remove, and only the fields a question needs.

const MOST_SCENARIOS = 6;
const ask = document.getElementById("ask");
const scenarios = document.getElementById("scenarios");
const addButton = document.getElementById("add");

/** Tie a slider to the number beside it, whose range can be wider. */
function join(slider) {
  const number = document.getElementById(slider.dataset.sliderOf);
  slider.value = number.value;
  slider.oninput = () => (number.value = slider.value);
  number.addEventListener("input", () => (slider.value = number.value));
}

/** Show the fields that fit the choices so far. Hidden ones are not sent. */
function fit() {
  const given = new FormData(ask);
  for (const part of ask.querySelectorAll("[data-when]")) {
    const [name, values] = part.dataset.when.split("=");
    const fits = values.split(",").includes(given.get(name));
    part.hidden = !fits;
    const inputs = part.matches("fieldset") ? [part] : part.querySelectorAll("input, select, button");
    for (const input of inputs) input.disabled = !fits;
  }
}

/** Number the scenarios, with their names and ids, in the order of the page. */
function number() {
  const all = [...scenarios.children];
  all.forEach((scenario, index) => {
    for (const element of scenario.querySelectorAll("[name], [id], [for], [data-slider-of]")) {
      for (const attribute of ["name", "id", "for", "data-slider-of", "aria-describedby"]) {
        const value = element.getAttribute(attribute);
        if (value) element.setAttribute(attribute, value.replace(/^scenarios([.-])\w+/, `scenarios$1${index}`));
      }
    }
    scenario.querySelector("legend").textContent = all.length > 1 ? `Scenario ${index + 1}` : "Scenario";
    const remove = scenario.querySelector(".remove");
    remove.hidden = all.length === 1;
    remove.ariaLabel = `Remove scenario ${index + 1}`;
    remove.onclick = () => {
      scenario.remove();
      number();
      addButton.focus();
    };
  });
  addButton.hidden = all.length >= MOST_SCENARIOS;
}

addButton.onclick = () => {
  const scenario = document.getElementById("blank").content.firstElementChild.cloneNode(true);
  scenarios.append(scenario);
  number();
  for (const slider of scenario.querySelectorAll("[data-slider-of]")) join(slider);
  fit();
  scenario.querySelector("input").focus();
};

for (const slider of ask.querySelectorAll("[data-slider-of]")) join(slider);
ask.addEventListener("change", fit);
number();
fit();
for (const wrong of ask.querySelectorAll(".errorlist")) wrong.closest("details")?.setAttribute("open", "");
ask.querySelector("[aria-invalid]")?.focus();
