// Owners select pictures in the grid. Each picture gets a checkbox, and a click on the picture ticks it.
const picked = () => [...grid.querySelectorAll(".pick:checked")].map(box => box.closest(".picture").dataset.id);
const selecting = () => grid.classList.contains("selecting");

function addBoxes() {
  for (const element of grid.querySelectorAll(".picture:not(:has(.pick))")) {
    const box = document.createElement("input");
    Object.assign(box, {type: "checkbox", className: "pick", ariaLabel: `Select ${element.querySelector("img").alt}`});
    element.append(box);
  }
}
const arrivals = new MutationObserver(addBoxes);

function select(on) {
  grid.classList.toggle("selecting", on);
  $("selection").hidden = !on;
  if (on) { addBoxes(); arrivals.observe(grid, {childList: true, subtree: true}); }
  else { arrivals.disconnect(); for (const box of grid.querySelectorAll(".pick")) box.remove(); }
  summariseSelection();
}

function summariseSelection() {
  const n = picked().length;
  $("selection-count").textContent = `${n} selected`;
  $("selection-remove").disabled = !n;
}

function toggle(element) {
  if (!selecting()) select(true);
  const box = element.querySelector(".pick");
  box.checked = !box.checked;
  summariseSelection();
  say(`${box.checked ? "Selected" : "Not selected"}, ${picked().length} in all`);
}

// The button had its place from the start, so the others do not move.
$("select").classList.remove("unready");
$("select").addEventListener("click", () => select(!selecting()));
grid.addEventListener("change", () => { summariseSelection(); say(`${picked().length} selected`); });
// Before the viewer hears of it.
grid.addEventListener("click", event => {
  const link = event.target.closest(".picture a");
  if (!link || !selecting()) return;
  event.preventDefault();
  event.stopPropagation();
  toggle(link.closest(".picture"));
}, true);
// A long press on a touch screen, where this event has a pointer type, begins to select.
grid.addEventListener("contextmenu", event => {
  const element = event.target.closest(".picture");
  if (event.pointerType !== "touch" || !element) return;
  event.preventDefault();
  toggle(element);
});
addEventListener("keydown", event => {
  // In the field for a date, these keys are for the date.
  if (viewer.open || event.target.closest("[popover]") || event.metaKey || event.ctrlKey || event.altKey) return;
  const element = document.activeElement.closest("#grid .picture");
  if (event.key === "x" && element) toggle(element);
  else if (event.key === "Escape" && selecting()) { select(false); $("select").focus(); }
  else if (event.key === "Delete" && picked().length) $("selection-remove").click();
  else return;
  event.preventDefault();
});
$("selection-cancel").addEventListener("click", () => { select(false); $("select").focus(); });
$("selection-remove").addEventListener("click", async () => {
  const ids = picked();
  select(false);
  $("select").focus();
  await remove(ids);
});
