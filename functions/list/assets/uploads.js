// Uploads: one card per file, a few files at a time. A card shows the state of its upload until the end.
const PARALLEL = 4, TRIES = 4, STALLED_MS = 30000, SLOW_MS = 20000, IDS_A_POLL = 100, SLOWEST_POLL_MS = 5000;
const tray = $("tray"), cards = $("cards"), jobs = new Set(), waiting = [], resizing = new Map();
let running = 0;

const later = ms => new Promise(resolve => setTimeout(resolve, ms));
const online = () => navigator.onLine ? Promise.resolve() : new Promise(resolve => addEventListener("online", resolve, {once: true}));
const problem = (sentence, final) => Object.assign(new Error(sentence), {sentence, final});

const WORDS = {waiting: "Waiting", uploading: "Uploading", resizing: "Resizing", ready: "Ready", rejected: "Not accepted", failed: "Not uploaded"};

function set(job, state, detail) {
  job.state = state;
  job.card.dataset.state = state;
  job.card.querySelector(".state").textContent = detail ?? WORDS[state];
  summarise();
}

function explain(job, state, sentence) {
  const why = document.createElement("p");
  why.className = "why";
  why.tabIndex = 0;
  why.textContent = sentence;
  job.card.querySelector(".frame").replaceChildren(why);
  const done = state === "rejected";
  label(job, done ? "Dismiss" : "Cancel");
  set(job, state);
  say(`${job.name}: ${sentence}`);
}

function label(job, act) {
  job.card.querySelector(".cancel").setAttribute("aria-label", `${act} ${job.name}`);
}

function add(files) {
  const fresh = [...files].map(file => {
    const card = $("card").content.firstElementChild.cloneNode(true), job = {file, card, name: file.name, sent: 0};
    card.querySelector(".name").textContent = card.title = file.name;
    card.querySelector("progress").setAttribute("aria-label", `Upload of ${file.name}`);
    card.querySelector(".retry").setAttribute("aria-label", `Retry ${file.name}`);
    label(job, "Cancel");
    card.querySelector(".cancel").addEventListener("click", () => cancel(job));
    card.querySelector(".retry").addEventListener("click", () => retry(job));
    jobs.add(job);
    return job;
  });
  if (!fresh.length) return;
  cards.append(...fresh.map(job => job.card));
  tray.hidden = false;
  if ($("empty")) $("empty").hidden = true;
  for (const job of fresh) { set(job, "waiting"); waiting.push(job); }
  say(`${fresh.length} ${fresh.length === 1 ? "file" : "files"} to upload`);
  work();
}

function work() {
  while (running < PARALLEL && waiting.length) {
    running++;
    upload(waiting.shift()).finally(() => { running--; work(); });
  }
}

async function upload(job) {
  job.stop = new AbortController();
  preview(job);
  for (let tries = 1; ; tries++) {
    try {
      if (!navigator.onLine) set(job, "waiting", "Waiting for the network");
      await online();
      job.stop.signal.throwIfAborted();
      set(job, "uploading");
      // A ticket is for one attempt: it names one key and expires after minutes.
      const ticket = await ask("uploads", {
        method: "POST", headers: {"content-type": "application/json"}, signal: job.stop.signal,
        body: JSON.stringify({name: job.name, type: job.file.type, size: job.file.size}),
      });
      job.id = ticket.id;
      keepReceipt(ticket.id, ticket.receipt);
      await send(job, ticket);
      return received(job);
    } catch (error) {
      if (job.stop.signal.aborted) return;
      if (error.final) return explain(job, "rejected", error.sentence);
      // Only the response may be lost. The gallery knows whether S3 has the file.
      if (job.id && await arrived(job.id)) return received(job);
      if (tries === TRIES) return explain(job, "failed", error.sentence ?? "The upload broke off. Try again.");
      set(job, "waiting", "Trying again");
      await later(1000 * 2 ** (tries - 1) * (.75 + Math.random() / 2));
    }
  }
}

const arrived = id => ask("images/" + id).then(found => found.status !== "pending" || found.received, () => false);

// fetch() reports no upload progress; XMLHttpRequest does.
function send(job, ticket) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(), form = new FormData();
    let watch;
    const alive = () => { clearTimeout(watch); watch = setTimeout(() => request.abort(), STALLED_MS); };
    for (const [name, value] of Object.entries(ticket.fields)) form.append(name, value);
    form.append("file", job.file);
    request.upload.addEventListener("progress", event => { alive(); progress(job, event.loaded / event.total); });
    request.addEventListener("loadend", () => {
      clearTimeout(watch);
      job.stop.signal.removeEventListener("abort", stop);
      if (request.status >= 200 && request.status < 300) return resolve();
      const code = /<Code>(\w+)/.exec(request.responseText)?.[1];
      if (code === "EntityTooLarge") reject(problem("The file is larger than the gallery takes. Save it smaller and upload it again.", true));
      else reject(problem("The upload broke off. Check your connection and try again.", false));
    });
    const stop = () => request.abort();
    job.stop.signal.addEventListener("abort", stop);
    request.open("POST", ticket.url);
    request.send(form);
    alive();
  });
}

function progress(job, part) {
  job.sent = part;
  job.card.querySelector("progress").value = part;
  job.card.querySelector(".state").textContent = `Uploading ${Math.round(part * 100)} %`;
  summarise();
}

function received(job) {
  progress(job, 1);
  job.file = null; // frees the memory of hundreds of photos
  job.since = performance.now();
  set(job, "resizing");
  resizing.set(job.id, job);
  poll.soon();
}

// Polls for all waiting uploads in one request, at growing intervals, and only while there are any.
const poll = {
  timer: 0, wait: 0, busy: false, most: IDS_A_POLL,
  soon() {
    this.wait = 300;
    this.again();
  },
  again() {
    clearTimeout(this.timer);
    if (resizing.size && !this.busy) this.timer = setTimeout(() => this.now(), this.wait);
  },
  async now() {
    this.busy = true;
    const ids = [...resizing.keys()];
    try {
      for (let i = 0, many = this.most; i < ids.length; i += many) {
        const {images} = await ask("images?ids=" + ids.slice(i, i + many).join(","));
        images.forEach(settle);
      }
    } catch (problem) { // the loop asks again
      if (problem.message === "ids-too-far-apart") this.most = Math.max(1, this.most >> 1);
    }
    this.busy = false;
    this.wait = Math.min(this.wait * 1.5, SLOWEST_POLL_MS);
    this.again();
  },
};

function settle(found) {
  const job = resizing.get(found.id);
  if (!job) return;
  if (found.status === "pending") {
    if (performance.now() - job.since > SLOW_MS) set(job, "resizing", "Safe, but taking long");
    return;
  }
  resizing.delete(found.id);
  if (found.status === "ready") become(job, found);
  else if (found.status === "rejected") explain(job, "rejected", found.sentence);
  else explain(job, "rejected", "The picture did not arrive. Choose it again to upload it.");
}

function become(job, image) {
  const picture = newPicture(image), link = picture.querySelector("a");
  job.image = image;
  job.card.querySelector(".frame").replaceChildren(link);
  fill(job.card, image);
  set(job, "ready");
}

// Makes a preview of the file, one at a time: decoding a photo takes fifty megabytes for a moment.
let previews = Promise.resolve();
function preview(job) {
  previews = previews.then(async () => {
    if (!job.file || job.card.querySelector(".frame").firstChild) return;
    const bitmap = await createImageBitmap(job.file, {resizeWidth: 320, resizeQuality: "medium"});
    const canvas = document.createElement("canvas");
    Object.assign(canvas, {width: bitmap.width, height: bitmap.height, ariaHidden: "true"});
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    if (!job.image && !job.card.querySelector(".why")) job.card.querySelector(".frame").replaceChildren(canvas);
  }).catch(() => {}); // a browser may not support the format
}

function cancel(job) {
  const final = ["ready", "rejected"].includes(job.state);
  job.stop?.abort();
  resizing.delete(job.id);
  const place = waiting.indexOf(job);
  if (place >= 0) waiting.splice(place, 1);
  const next = job.card.nextElementSibling ?? job.card.previousElementSibling;
  jobs.delete(job);
  job.card.remove();
  (next?.querySelector(".cancel") ?? $("choose")).focus();
  if (final) say(`${job.name} dismissed`);
  else takeBack(job);
  summarise();
}

// What was sent may have arrived, or may just be arriving: it is removed, or the user is told that it stays.
async function takeBack(job) {
  const cancelled = `${job.name} cancelled`;
  if (!job.id) return say(cancelled);
  for (const wait of [0, 3000]) {
    await later(wait);
    try {
      await withdraw(job.id);
      return say(cancelled);
    } catch (problem) {
      if (problem.message !== "unknown-image") return say(`${job.name} could not be cancelled and may still appear. ${problem.sentence}`);
    }
  }
  say(cancelled);
}

function retry(job) {
  job.card.querySelector(".frame").replaceChildren();
  set(job, "waiting");
  waiting.push(job);
  work();
}

function summarise() {
  const all = [...jobs], count = state => all.filter(job => job.state === state).length;
  const ready = count("ready"), refused = count("rejected"), failed = count("failed"), left = all.length - ready - refused - failed;
  const parts = left ? [`Uploading ${all.length - left} of ${all.length}`] : [`${ready} ${ready === 1 ? "picture" : "pictures"} added`];
  if (refused) parts.push(`${refused} not accepted`);
  if (failed) parts.push(`${failed} not uploaded`);
  $("tray-title").textContent = parts.join(" · ");
  $("tray-progress").value = all.length ? all.reduce((sum, job) => sum + (job.state === "rejected" ? 1 : job.sent * .9 + (job.image ? .1 : 0)), 0) / all.length : 0;
  $("tray-progress").hidden = $("tray-stop").hidden = !left;
  $("tray-done").hidden = left > 0;
  $("tray-retry").hidden = failed < 2;
  tray.hidden = !all.length;
  if ($("empty")) $("empty").hidden = all.length > 0 || grid.childElementCount > 0;
  if (!left && all.length && summarise.left) say(parts.join(", "));
  summarise.left = left;
}

// Pictures move from the tray to the head of the grid only when the user closes it, so nothing jumps.
$("tray-done").addEventListener("click", () => {
  const ready = [...jobs].filter(job => job.image).sort((a, b) => a.image.id < b.image.id ? -1 : 1);
  jobs.clear();
  cards.replaceChildren();
  grid.prepend(...ready.map(job => newPicture(job.image)));
  summarise();
  (grid.querySelector("a") ?? $("choose")).focus();
});
$("tray-stop").addEventListener("click", () => [...jobs].filter(job => !["ready", "rejected"].includes(job.state)).forEach(cancel));
$("tray-retry").addEventListener("click", () => [...jobs].filter(job => job.state === "failed").forEach(retry));

for (const input of [$("choose"), $("camera")]) input.addEventListener("change", () => { add(input.files); input.value = ""; });
addEventListener("paste", event => add(event.clipboardData.files));
addEventListener("online", () => { [...jobs].filter(job => job.state === "failed").forEach(retry); poll.soon(); });
addEventListener("beforeunload", event => { if (running || waiting.length) event.preventDefault(); });

// Files and folders can be dropped anywhere on the page.
let over = 0;
const hasFiles = event => event.dataTransfer?.types.includes("Files");
const drag = inside => { over = Math.max(0, over + inside); document.body.classList.toggle("dragging", over > 0); };
addEventListener("dragenter", event => { if (hasFiles(event)) drag(1); });
addEventListener("dragleave", event => { if (hasFiles(event)) drag(-1); });
addEventListener("dragover", event => { if (hasFiles(event)) event.preventDefault(); });
addEventListener("drop", async event => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  drag(-over);
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.());
  if (entries.some(entry => entry?.isDirectory)) add((await Promise.all(entries.map(within))).flat());
  else add(event.dataTransfer.files);
});

async function within(entry) {
  if (!entry) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) found.push(...some);
  return (await Promise.all(found.map(within))).flat();
}
