// Removing: owners remove any picture, one or many, and can undo it. Uploaders take back their own uploads.
const owns = document.documentElement.dataset.may.includes("owner");
const RECEIPTS = "darkroom-receipts", RECEIPT_MS = 86_400_000, REMOVALS = 4;

// The receipts of this browser's uploads by image id: the right to take each of them back for a day.
function receipts() {
  try {
    const all = Object.entries(JSON.parse(localStorage.getItem(RECEIPTS) ?? "{}"));
    return Object.fromEntries(all.filter(([, {at}]) => Date.now() - at < RECEIPT_MS));
  } catch { return {}; }
}

function keepReceipt(id, receipt) {
  try { localStorage.setItem(RECEIPTS, JSON.stringify({...receipts(), [id]: {receipt, at: Date.now()}})); }
  catch { /* storage may be full or forbidden: then only the owner can remove the picture */ }
}

const withdraw = id => ask("uploads/" + id, {method: "DELETE", headers: {"x-receipt": receipts()[id]?.receipt ?? ""}});
const removeOne = id => owns ? ask("images/" + id, {method: "DELETE"}) : withdraw(id);
const count = (n, what = "picture") => `${n} ${what}${n === 1 ? "" : "s"}`;

// Runs `work` for each id, a few at a time; returns the ids that are done and the first problem.
async function each(ids, work) {
  const waiting = [...ids], done = [];
  let problem = null;
  await Promise.all(Array.from({length: REMOVALS}, async () => {
    for (let id; (id = waiting.shift());) await work(id).then(() => done.push(id), error => { problem ??= error; });
  }));
  return {done, problem};
}

// What the note can undo. Removals that follow each other are undone together.
let removals = {at: 0};
// Takes pictures out of gallery and page, and offers to put them back.
async function remove(ids) {
  const {done, problem} = await each(ids, removeOne);
  const removed = pictures().filter(({dataset}) => done.includes(dataset.id));
  const places = removed.map(element => ({element, next: element.nextElementSibling, parent: element.parentElement}));
  const uploads = [...jobs].filter(job => done.includes(job.image?.id));
  for (const {element} of places) element.remove();
  for (const job of uploads) jobs.delete(job);
  hold(true);
  sum();
  if (Date.now() - removals.at > NOTE_MS) removals = {ids: [], places: [], uploads: []};
  removals.at = Date.now();
  removals.ids.push(...done);
  removals.places.push(...places);
  removals.uploads.push(...uploads);
  const text = `${count(removals.ids.length)} removed` + (problem ? `, ${ids.length - done.length} not: ${problem.sentence}` : "");
  offer(text, owns && removals.ids.length && undo);
}

async function undo() {
  const {ids, places, uploads} = removals;
  removals = {at: 0};
  const {done, problem} = await each(ids, id => ask(`images/${id}/restore`, {method: "POST"}));
  for (const {element, next, parent} of places.reverse()) {
    if (!done.includes(element.dataset.id)) continue;
    // A list that was emptied gets this picture back with its others.
    if (parent.ids) parent.ids = [...parent.ids, element.dataset.id].sort();
    else parent.insertBefore(element, next?.parentElement === parent ? next : null);
  }
  for (const job of uploads) if (done.includes(job.image.id)) jobs.add(job);
  hold(true);
  sum();
  offer(problem ? `${ids.length - done.length} not restored: ${problem.sentence}` : `${count(done.length)} restored`);
  places[0]?.element.querySelector("a").focus();
}

// In the viewer.
function offerRemoval(id) {
  reveal($("remove"), owns || receipts()[id]);
}
$("remove").addEventListener("click", async event => {
  // The second click of a double click would remove the next picture.
  if (event.detail > 1) return;
  const {id} = current.dataset, all = pictures(), place = all.indexOf(current);
  if (all[place + 1]) await go(1);
  else if (all[place - 1]) await go(-1);
  else leave();
  await remove([id]);
});
if (current) offerRemoval(current.dataset.id);
