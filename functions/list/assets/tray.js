// The tray: a card for each upload, and a summary of all. A card shows the state of its upload until the end.
const CARDS = 100, SUMMARY_MS = 100, KEPT = "darkroom-uploads";
const PAGE = `darkroom-${Math.random()}`, tray = $("tray"), cards = $("cards"), jobs = new Set(), takenBack = new Set();
const [stopAll, done, tryAll] = ["stop", "done", "retry"].map(name => $(`tray-${name}`));
const WORDS = {waiting: "Waiting", uploading: "Uploading", resizing: "Processing", ready: "Ready", rejected: "Not accepted", failed: "Not uploaded"};
const ended = job => ["ready", "rejected"].includes(job.state);

function set(job, state, detail) {
  Object.assign(job, {state, detail: detail ?? WORDS[state]});
  paint(job);
  summarise();
}

function explain(job, state, sentence) {
  job.why = sentence;
  set(job, state);
  say(`${job.name}: ${sentence}`);
}

function paint({card, name, state, detail, sent, why}) {
  if (!card) return;
  card.dataset.state = state;
  card.querySelector(".state").textContent = detail;
  card.querySelector("progress").value = sent;
  card.querySelector(".cancel").ariaLabel = `${state === "rejected" ? "Dismiss" : "Cancel"} ${name}`;
  if (!why) return;
  const frame = document.createElement("p");
  Object.assign(frame, {className: "why", tabIndex: 0, textContent: why});
  card.querySelector(".frame").replaceChildren(frame);
}

// Makes cards for the first uploads. Where there are more, cards of ready pictures make room for the next.
function deal() {
  const none = [...jobs].filter(job => !job.card && job.state !== "ready");
  for (const job of jobs) {
    if (cards.childElementCount < CARDS || !none.length) break;
    if (job.card && job.state === "ready" && !job.card.matches(":focus-within")) { unsize(job.card); job.card.remove(); job.card = null; }
  }
  none.sort((a, b) => !!b.why - !!a.why);
  cards.append(...none.splice(0, Math.max(0, CARDS - cards.childElementCount)).map(newCard));
  $("tray-more").textContent = none.length ? `and ${none.length} more` : "";
}

function newCard(job) {
  const card = job.card = $("card").content.firstElementChild.cloneNode(true), {name} = job;
  card.querySelector(".name").textContent = card.title = name;
  card.querySelector("progress").ariaLabel = `Upload of ${name}`;
  card.querySelector(".retry").ariaLabel = `Retry ${name}`;
  card.querySelector(".cancel").addEventListener("click", () => cancel(job));
  card.querySelector(".retry").addEventListener("click", () => retry(job));
  paint(job);
  return card;
}

let summing = 0;
const summarise = () => { summing ||= setTimeout(sum, SUMMARY_MS); };

function sum() {
  summing = clearTimeout(summing);
  deal();
  const all = [...jobs], n = (...states) => all.filter(job => states.includes(job.state)).length;
  const left = n("waiting", "uploading"), processing = n("resizing"), refused = n("rejected"), failed = n("failed");
  const up = all.filter(job => job.up).length, busy = left + processing > 0;
  const ready = n("ready"), parts = [];
  if (left) parts.push(`${up} of ${up + left} uploaded`);
  else if (processing) parts.push(`Processing ${count(processing)}`);
  else if (ready) parts.push(`${count(ready)} added`);
  if (refused) parts.push(`${refused} not accepted`);
  if (failed) parts.push(`${failed} not uploaded`);
  const sent = all.filter(job => job.up || job.state !== "rejected");
  const part = sent.reduce((sum, job) => sum + (ended(job) ? 1 : job.sent * .9), 0) / sent.length || 0;
  $("tray-title").textContent = parts.join(" · ");
  $("tray-progress").value = part;
  $("tray-progress").hidden = !busy;
  const focused = [stopAll, done, tryAll].find(button => button.matches(":focus"));
  stopAll.hidden = !busy;
  done.hidden = busy;
  tryAll.hidden = failed < 2;
  tray.hidden = !all.length;
  if (focused && (focused.hidden || tray.hidden)) (tray.hidden ? choose : busy ? stopAll : done).focus({preventScroll: true});
  $("empty").hidden = all.length > 0 || grid.querySelector(".picture") !== null;
  entitle({doing: busy ? `${Math.floor(part * 100)} % · ` : all.length ? `${parts[0]} · ` : ""});
  if (!busy && all.length && sum.busy) say(parts.join(", "));
  sum.busy = busy;
  keep(all.filter(job => !ended(job)).map(({name, id, sent}) => [name, id, sent]));
}

// The page is left before a change of the last moment is summarised.
addEventListener("pagehide", sum);

// Keeps uploads that have not ended, because the page asks about them again after a reload. A lock shows other pages that
// this one lives. Chromium puts no page with a lock into its back/forward cache, where the uploads would go on unseen.
let letGo = null, restored = false;
function keep(uploads) {
  if (!restored) return;
  try { sessionStorage.setItem(KEPT, JSON.stringify({page: PAGE, uploads, cancelled: [...takenBack].map(({name, id}) => [name, id])})); }
  catch { /* storage may be full or forbidden */ }
  if (uploads.length && !letGo) {
    const end = new Promise(resolve => { letGo = resolve; });
    navigator.locks?.request(PAGE, () => end).catch(() => {});
  } else if (!uploads.length) {
    letGo?.();
    letGo = null;
  }
}

function become(job, image) {
  const {card} = job, focused = card?.matches(":focus-within");
  job.image = image;
  if (card) {
    card.querySelector(".frame").replaceChildren(newPicture(image).querySelector("a"));
    fill(card, image);
  }
  set(job, "ready");
  // Its button to cancel has disappeared.
  if (focused) card.querySelector("a").focus({preventScroll: true});
}

// Forgets an upload whose picture is gone.
function forget(card) {
  for (const job of jobs) if (job.card === card) jobs.delete(job);
  sum();
}

// Makes a preview of the file, one at a time: decoding a photo takes fifty megabytes for a moment.
let previews = Promise.resolve();
function preview(job) {
  previews = previews.then(async () => {
    const frame = job.card?.querySelector(".frame");
    if (!job.file || !frame || frame.firstChild) return;
    const bitmap = await createImageBitmap(job.file, {resizeWidth: 320, resizeQuality: "medium"});
    const canvas = document.createElement("canvas");
    Object.assign(canvas, {width: bitmap.width, height: bitmap.height, ariaHidden: "true"});
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    if (!job.image && !job.why) frame.replaceChildren(canvas);
  }).catch(() => {}); // a browser may not support the format
}

// Pictures move from the tray to the head of the grid only when the user closes it, so nothing jumps.
done.addEventListener("click", () => {
  if (missing.length) return complain();
  const ready = [...jobs].filter(job => job.image).sort((a, b) => a.image.id < b.image.id ? -1 : 1);
  jobs.clear();
  unsize(cards);
  cards.replaceChildren();
  // A page that begins in the middle has no place for the newest pictures. After a reload the grid may have them already.
  if (ready.length && isOlder()) location.assign("./");
  else prepend(ready.map(job => job.image).filter(({id}) => !shown(id)));
  sum();
  (grid.querySelector("a") ?? choose).focus({preventScroll: !ready.length});
});
stopAll.addEventListener("click", () => stopUploads([...jobs].filter(job => !ended(job))));
tryAll.addEventListener("click", () => { retryAll(); sum(); });
