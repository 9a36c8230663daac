// Sends files to S3, a few at a time, and asks the gallery about them until each has a verdict.
const PARALLEL = 4, TRIES = 4, STALLED_MS = 30000, LAST_BYTES_MS = 180000, SLOW_MS = 20000, ABANDONED_MS = 5000;
const IDS_A_POLL = 100, SLOWEST_POLL_MS = 5000, SLOWEST_ASK_MS = 30000, TAKE_MS = 5000;
const waiting = [], running = new Set(), resizing = new Map();
let slots = PARALLEL;

const named = ([job, ...others]) => others.length ? count(others.length + 1, "upload") : job.name;
const later = ms => new Promise(resolve => setTimeout(resolve, ms));
const online = () => navigator.onLine ? Promise.resolve() : new Promise(resolve => addEventListener("online", resolve, {once: true}));
const problem = (sentence, final) => Object.assign(new Error(sentence), {sentence, final});
const ABANDONED = "The page was left before this file had arrived. Choose it again to upload it.";

// Queues files. An empty or too large file gets its reason at once, and nothing of it is sent.
function add(files) {
  const most = +choose.dataset.max;
  // The tray is behind the viewer.
  if (files.length && viewer.open) leave();
  if (files.length) say(`${count(files.length, "file")} to upload`);
  for (const file of files) {
    const {name, size} = file, job = {file, name, sent: 0};
    jobs.add(job);
    if (size > most) explain(job, "rejected", `The file has ${Math.ceil(size / 1e6)} MB and the limit is ${most / 1e6} MB. Save it smaller and upload it again.`);
    else if (!size) explain(job, "rejected", "The file is empty. Choose the picture again to upload it.");
    else { waiting.push(job); set(job, "waiting"); }
  }
  sum();
  work();
}

function work() {
  while (running.size < slots && waiting.length) {
    const job = waiting.shift();
    running.add(job);
    upload(job).finally(() => { running.delete(job); work(); });
  }
}

async function upload(job) {
  const {signal} = job.stop = new AbortController();
  preview(job);
  for (let tries = 0; ; tries++) {
    try {
      if (!navigator.onLine) set(job, "waiting", "Waiting for the network");
      await online();
      signal.throwIfAborted();
      // Only the answer may be lost.
      if (job.id && await arrived(job, signal)) return received(job);
      if (tries === TRIES) return explain(job, "failed", job.problem);
      await mayBeSent(job.file);
      signal.throwIfAborted();
      set(job, "uploading");
      await send(job, await ticket(job, signal));
      return received(job);
    } catch (error) {
      if (signal.aborted) return;
      if (error.final) return explain(job, "rejected", error.sentence);
      job.problem = error.sentence ?? "The upload broke off. Try again.";
      set(job, "waiting", "Trying again");
      if (tries < TRIES - 1) await later(1000 * 2 ** tries * (.75 + Math.random() / 2));
    }
  }
}

// Throws if the file is gone, or if its picture has more pixels than the gallery takes.
async function mayBeSent(file) {
  const [width, height] = await sizeOf(file).catch(() => { throw problem("The file is gone, or has changed since you chose it. Choose it again to upload it.", true); }) ?? [0, 0];
  const pixels = width * height / 1e6, most = +choose.dataset.pixels;
  if (pixels > most) throw problem(`The picture has ${Math.ceil(pixels)} megapixels and the limit is ${most}. Save it smaller and upload it again.`, true);
}

// Returns whether S3 has the file. Without an answer this asks again: sending the file could make a second picture.
async function arrived(job, signal) {
  for (let wait = 1000; ; wait = Math.min(2 * wait, SLOWEST_ASK_MS)) {
    try {
      const {images: [found]} = await ask("images?ids=" + job.id, {signal});
      return found.status === "pending" ? found.received : found.status !== "unknown";
    } catch (error) {
      signal.throwIfAborted();
      set(job, "waiting", error.sentence);
    }
    await later(wait);
    await online();
    signal.throwIfAborted();
  }
}

// Returns a ticket with most of its life left. It names one key, so a file that is sent again makes no second picture.
async function ticket(job, signal) {
  if (Date.now() < job.ticket?.fresh) return job.ticket;
  const {name, file: {type, size}} = job, now = Date.now();
  const issued = await ask("uploads", {
    method: "POST", headers: {"content-type": "application/json"}, signal, body: JSON.stringify({name, type, size}),
  });
  const life = issued.expires_in_seconds * 1000;
  job.id = issued.id;
  keepReceipt(issued.id, issued.receipt);
  return job.ticket = {...issued, life, fresh: now + life / 4};
}

// fetch() reports no upload progress; XMLHttpRequest does.
function send(job, {url, fields, life}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(), form = new FormData(), began = Date.now(), {signal} = job.stop;
    const stop = () => request.abort();
    let watch;
    const alive = ms => { clearTimeout(watch); watch = setTimeout(stop, ms); };
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", job.file);
    request.upload.addEventListener("progress", ({loaded, total}) => {
      // The system keeps the last bytes in its buffers, on a slow line for minutes.
      alive(loaded < total ? STALLED_MS : LAST_BYTES_MS);
      progress(job, loaded / total);
      const spent = Date.now() - began;
      if (spent > Math.min(5000, life / 8) && spent * total / loaded > life) oneAtATime();
    });
    request.addEventListener("loadend", () => {
      clearTimeout(watch);
      signal.removeEventListener("abort", stop);
      if (request.status >= 200 && request.status < 300) {
        if (Date.now() - began < life / 4) slots = PARALLEL;
        return resolve();
      }
      if (request.status === 403) job.ticket = null;
      if (/EntityTooLarge/.test(request.responseText)) reject(problem("The file is larger than the gallery takes. Save it smaller and upload it again.", true));
      else reject(problem("The upload broke off. Check your connection and try again.", false));
    });
    signal.addEventListener("abort", stop);
    request.open("POST", url);
    request.send(form);
    alive(STALLED_MS);
  });
}

// On a slow line, uploads that share it would outlive their tickets. The oldest goes on alone, the others begin again later.
function oneAtATime() {
  slots = 1;
  const [, ...others] = running;
  waiting.unshift(...others.filter(job => !job.stop.signal.aborted));
  for (const job of others) { job.stop.abort(); job.sent = 0; set(job, "waiting"); }
}

function progress(job, part) {
  job.sent = part;
  set(job, "uploading", `Uploading ${Math.round(part * 100)} %`);
}

function received(job) {
  // Without the file, the memory of hundreds of photos is free again.
  Object.assign(job, {sent: 1, up: true, file: null, ticket: null});
  follow(job);
}

function follow(job) {
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
      else for (const job of resizing.values()) set(job, "resizing", problem.sentence);
    }
    this.busy = false;
    this.wait = Math.min(this.wait * 1.5, SLOWEST_POLL_MS);
    this.again();
  },
};

function settle(found) {
  const job = resizing.get(found.id), waited = performance.now() - job?.since;
  if (!job) return;
  const safe = found.received || !job.left, patience = job.sent < 1 ? ABANDONED_MS : LAST_BYTES_MS;
  if (found.status === "pending" && (safe || waited < patience)) {
    return set(job, "resizing", !safe ? "On its way" : waited > SLOW_MS ? "Safe, but taking long" : WORDS.resizing);
  }
  resizing.delete(found.id);
  if (found.status === "ready") become(job, found);
  else if (found.status === "rejected") explain(job, "rejected", found.sentence);
  else explain(job, "rejected", job.left ? ABANDONED : "The picture did not arrive. Choose it again to upload it.");
}

function cancel(job) {
  const next = job.card?.nextElementSibling ?? job.card?.previousElementSibling;
  if (ended(job)) {
    jobs.delete(job);
    job.card?.remove();
    say(`${job.name} dismissed`);
    sum();
  } else stopUploads([job]);
  (next?.querySelector(next.dataset.state === "ready" ? "a" : ".cancel") ?? choose).focus();
}

// Ends uploads, and takes back what has arrived.
function stopUploads(cancelled) {
  for (const job of cancelled) {
    const place = waiting.indexOf(job);
    job.stop?.abort();
    running.delete(job);
    resizing.delete(job.id);
    if (place >= 0) waiting.splice(place, 1);
    jobs.delete(job);
    if (job.card) { unsize(job.card); job.card.remove(); }
  }
  say(`${named(cancelled)} cancelled`);
  sum();
  work();
  takeBack(cancelled.filter(job => job.id));
}

// Removes files from the gallery. One that has not arrived may do so later: the system sends what its buffers hold.
async function takeBack(cancelled) {
  const end = Date.now() + LAST_BYTES_MS;
  for (const job of cancelled) takenBack.add(job);
  for (let wait = 0; cancelled.length && Date.now() < end; wait = TAKE_MS) {
    summarise();
    await later(wait);
    await online();
    const absent = [], kept = [];
    let reason;
    await each(cancelled, job => withdraw(job.id).catch(problem => {
      if (problem.message === "unknown-image") return absent.push(job);
      reason = problem.sentence;
      kept.push(job);
    }));
    for (const job of cancelled) if (!absent.includes(job)) takenBack.delete(job);
    if (kept.length) offer(`${named(kept)} could not be cancelled and may still appear. ${reason}`, () => takeBack(kept), "Try again");
    cancelled = absent;
  }
  for (const job of cancelled) takenBack.delete(job);
  summarise();
}

function retry(job) {
  job.card?.querySelector(".frame").replaceChildren();
  job.why = "";
  // Its button for a retry disappears.
  if (job.card?.matches(":focus-within")) job.card.querySelector(".cancel").focus();
  set(job, "waiting");
  waiting.push(job);
  work();
}
function retryAll() { [...jobs].filter(job => job.state === "failed").forEach(retry); }

addEventListener("online", () => { retryAll(); poll.soon(); });
// A download begins as if the page were left.
let downloading = false;
$("download").addEventListener("click", event => { downloading = isPlainClick(event); });
addEventListener("beforeunload", event => {
  if (!downloading && (running.size || waiting.length)) event.preventDefault();
  downloading = false;
});

// Follows uploads that had not ended when the page was last left. Their files are not in this page's reach any more.
async function restore() {
  const {page, uploads, cancelled = []} = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  takeBack(cancelled.map(([name, id]) => ({name, id})));
  // A copy of a tab has a copy of its storage, but not its uploads: the first tab has the lock. After a reload, the page
  // that was left may have it for a moment.
  const elsewhere = async () => (await navigator.locks?.query())?.held.some(({name}) => name === page);
  if (!uploads || await elsewhere() && (await later(1000), await elsewhere())) return;
  for (const [name, id, sent] of uploads) {
    const job = {name, id, sent, left: true};
    jobs.add(job);
    if (id) follow(job);
    else explain(job, "rejected", ABANDONED);
  }
}
// Storage may be forbidden.
restore().catch(() => {}).finally(() => { restored = true; summarise(); });
