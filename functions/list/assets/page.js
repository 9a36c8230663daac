// The grid: puts pictures from the server's JSON into the server's markup, and adds endless scroll to the "older" link.
const $ = id => document.getElementById(id);
const grid = $("grid"), more = $("more"), announce = $("status");

for (const hidden of document.querySelectorAll("label[hidden]")) hidden.hidden = false;

const choose = $("choose"), title = {doing: "", shows: document.title};
// Sets a part of the document's title: what uploads are doing, or what the page shows.
function entitle(part) {
  Object.assign(title, part);
  document.title = title.doing + title.shows;
}

// Calls a function after the next frame, so that the frame does not wait for it.
const afterFrame = act => requestAnimationFrame(() => setTimeout(act));

// Announces texts to screen readers. Texts that come together are read together, so none is lost.
let spoken = 0, unsaid = [];
function say(text) {
  unsaid.push(text);
  spoken ||= setTimeout(() => {
    announce.textContent = unsaid.join(". ");
    unsaid = [];
    spoken = 0;
  }, 300);
}

// Fetches JSON. Throws an error with a `sentence` for people; it is `final` if a retry cannot help.
async function ask(url, options) {
  let answer, body;
  try {
    answer = await fetch(url, options);
    body = await answer.json();
  } catch {
    throw Object.assign(new Error("network"), {sentence: "The network is gone. Check your connection.", final: false});
  }
  if (answer.ok) return body;
  const sentence = body.sentence ?? "The gallery could not answer. Try again in a moment.";
  throw Object.assign(new Error(body.code), {sentence, final: answer.status < 500 && ![401, 408, 429].includes(answer.status)});
}

// Returns what filesOf() returns, for an entry of GET images.
const filesFrom = ({thumb, medium, view}) => [thumb, medium, view].filter(Boolean).map(({url, width}) => [width, url]);

// Fills a clone of template#picture; `image` is an entry of GET images.
function fill(element, image) {
  const {thumb, view} = image, ratio = Math.min(Math.max(thumb.width / thumb.height, .5), 3);
  element.classList.add("picture");
  element.style.setProperty("--r", ratio);
  Object.assign(element.dataset, {id: image.id, at: image.uploaded_at, size: [image.width, image.height, view.width, view.height].join(" ")});
  const link = element.querySelector("a"), img = link.querySelector("img");
  link.href = "?image=" + image.id;
  // The observer tells the picture's place to sizes.js, which chooses the file.
  Object.assign(img, {width: thumb.width, height: thumb.height, alt: image.name, files: filesFrom(image)});
  loadInTurn(img);
  sized.unobserve(img);
  sized.observe(img);
  return element;
}

const newPicture = image => fill($("picture").content.firstElementChild.cloneNode(true), image);
const known = id => document.querySelector(`.picture[data-id="${CSS.escape(id)}"]`);

// The grid is a column of lists. Pictures that arrive get a list of their own, so no other row changes.
const lists = () => [...grid.children];
function newList(pictures) {
  const list = document.createElement("ul");
  list.className = "grid";
  list.append(...pictures);
  return list;
}

// Adds pictures to a list, some in each frame, one list after another: a phone would need too long for all at once.
const FRAME_ITEMS = 10;
let filling = Promise.resolve();
function fillList(list, images) {
  return filling = filling.then(async () => {
    for (let n = 0; n < images.length; n += FRAME_ITEMS) {
      await new Promise(requestAnimationFrame);
      list.append(...images.slice(n, n + FRAME_ITEMS).map(newPicture));
    }
  });
}

// While more pictures follow, the last row is incomplete and would grow visibly, so it stays hidden.
function hold(on) {
  const list = grid.lastElementChild, all = [...list.children];
  for (const picture of all) picture.classList.remove("held");
  const last = all.at(-1)?.offsetTop;
  const held = on && more.querySelector("a") && all[0]?.offsetTop < last ? all.filter(picture => picture.offsetTop === last) : [];
  for (const picture of held) picture.classList.add("held");
  list.classList.toggle("holding", held.length > 0);
}
afterFrame(() => hold(true));
addEventListener("resize", () => hold(true));
more.classList.add("silent"); // the link remains for visitors without endless scroll

// Loads the next page, once for all simultaneous calls; false if there is none or loading failed.
let loading = null;
function loadOlder() {
  const link = more.querySelector("a");
  if (!link) return Promise.resolve(false);
  return loading ??= (async () => {
    try {
      const page = await ask("images?after=" + new URL(link.href).searchParams.get("after"));
      const waiting = grid.lastElementChild.querySelectorAll(".held"), fresh = page.images.filter(image => !known(image.id));
      hold(false);
      const list = newList(waiting);
      grid.append(list);
      await fillList(list, fresh);
      globalThis.filed?.(list);
      link.textContent = "Older pictures";
      more.classList.add("silent");
      near.observe(more);
      if (page.next) link.href = "?after=" + page.next;
      else link.remove();
      hold(true);
      say(`${page.images.length} older pictures`);
      return page.images.length > 0;
    } catch (problem) {
      link.textContent = "Older pictures could not be loaded: try again";
      more.classList.remove("silent");
      near.unobserve(more); // from now on the user presses the link
      return false;
    } finally {
      loading = null;
    }
  })();
}


// Loads two screens ahead, so that rows are complete before they are visible.
const near = new IntersectionObserver(async seen => {
  if (!seen.at(-1).isIntersecting) return; // a busy page may hear of several changes at once
  if (await loadOlder()) { near.unobserve(more); near.observe(more); }
}, {rootMargin: "0px 0px 200%"});
near.observe(more);
more.addEventListener("click", event => {
  if (event.target.closest("a") && event.button === 0 && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    loadOlder();
  }
});

const note = $("undo"), again = note.querySelector("button");
const NOTE_MS = 10_000;
let noted = 0;
$("viewer").addEventListener("close", () => document.body.append(note));
// Tells something for some seconds, with a button if there is something to do about it.
function offer(text, act, label = "Undo") {
  // A modal dialog makes everything outside of it inert.
  ($("viewer").open ? $("viewer") : document.body).append(note);
  note.querySelector("p").textContent = text;
  again.hidden = !act;
  again.textContent = label;
  again.onclick = () => { note.hidden = true; act(); };
  note.hidden = false;
  clearTimeout(noted);
  noted = setTimeout(function hide() {
    if (note.matches(":focus-within, :hover")) noted = setTimeout(hide, NOTE_MS);
    else note.hidden = true;
  }, NOTE_MS);
}

// The browser would restore the distance from the top of a page that now begins elsewhere.
const HEADER_PX = 64, head = grid.querySelector(".picture");
history.scrollRestoration = "manual";
if (head && (history.state?.top || $("newer"))) {
  scrollBy({top: head.getBoundingClientRect().top - (history.state?.top ?? HEADER_PX + 4), behavior: "instant"});
}

// The other scripts load when the first pictures are shown. Files that are dropped or pasted until then wait for them.
const missing = [], early = [];
firstShown.then(() => afterFrame(() => [...$("later").content.children].forEach(run)));
function run(script) {
  const onerror = () => { missing.push(script); complain(); };
  // Scripts that are not async run in their order.
  document.body.append(Object.assign(script.cloneNode(), {async: false, onerror}));
}
function runMissing() { missing.splice(0).forEach(run); }
function complain() { offer("A part of this page could not be loaded.", runMissing, "Try again"); }
addEventListener("online", runMissing);
let take = (files, entries) => {
  if (!files.length) return;
  early.push([files, entries]);
  if (missing.length) complain();
  else offer("The upload begins in a moment.");
};
// Some browsers put the bytes of a picture that is dragged from the page into the drag, as a file.
// The window hears no dragend of an element that has left the page meanwhile.
let ownDrag = null;
addEventListener("dragstart", ({target}) => { ownDrag = target; });
addEventListener("dragend", () => { ownDrag = null; });
const hasFiles = event => !ownDrag?.isConnected && event.dataTransfer?.types.includes("Files");
addEventListener("paste", event => take([...event.clipboardData.files], []));
addEventListener("dragover", event => { if (hasFiles(event)) event.preventDefault(); });
addEventListener("drop", event => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  take([...event.dataTransfer.files], [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()));
});
