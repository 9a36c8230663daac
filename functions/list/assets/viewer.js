// One picture, large. Its address is ?image=ID; the back button closes it, the arrows replace it.
const viewer = $("viewer"), view = $("view"), stage = $("stage");
const DOUBLE_MS = 500;
let current = null, leftAt = -DOUBLE_MS;

const isPlainClick = event => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
const pictures = () => [...document.querySelectorAll(".picture")];
const viewUrl = element => filesOf(element.querySelector("img")).at(-1)[1];

function show(element) {
  const thumb = element.querySelector("img"), [width, height, viewWidth, viewHeight] = element.dataset.size.split(" ");
  const id = element.dataset.id, name = thumb.alt, all = pictures(), place = all.indexOf(element);
  current = element;
  // The element has its size from the start, and shows the thumbnail until the view is loaded.
  Object.assign(view, {width: viewWidth, height: viewHeight, alt: name});
  view.style.width = `min(100%, ${viewWidth}px, 100dvh * ${viewWidth / viewHeight})`;
  view.style.aspectRatio = viewWidth / viewHeight;
  view.style.backgroundImage = `url("${thumb.src}")`;
  view.src = viewUrl(element);
  // Until its file has come, browsers go on drawing the previous picture.
  view.classList.toggle("arriving", !view.complete);
  restZoom();
  $("viewer-name").textContent = name;
  const at = new Date(element.dataset.at).toLocaleString(undefined, {dateStyle: "long", timeStyle: "short"});
  $("viewer-facts").textContent = `${at} · ${width} × ${height}`;
  $("download").href = `images/${id}/download`;
  const [newer, older] = [all[place - 1], all[place + 1]];
  step($("previous"), newer, document.querySelector("#newer [rel=prev]"));
  step($("next"), older, more.querySelector("a"));
  for (const neighbour of [older, newer]) if (neighbour) new Image().src = viewUrl(neighbour);
  entitle({shows: `${name} · Darkroom`});
  $("viewer-status").textContent = "";
  $("viewer-copy").textContent = `Download: a copy of ${viewWidth} × ${viewHeight}. ${$("viewer-copy").dataset.originals}`;
  $("download").ariaLabel = `Download ${viewWidth} × ${viewHeight} pixels`;
  globalThis.offerRemoval?.(id); // its script loads after the page
}

// Shows or hides a button of the viewer. If it has the focus, the focus must not be lost.
function reveal(button, shown) {
  if (!shown && button.matches(":focus")) $("close").focus();
  button.hidden = !shown;
}

// Sets the target of an arrow: a picture on this page, or the page with the next picture.
function step(link, element, page) {
  reveal(link, element || page);
  if (element) link.href = "?image=" + element.dataset.id;
  else if (page) link.href = page.href;
  else link.removeAttribute("href");
}

function open(element) {
  show(element);
  if (!viewer.open) viewer.showModal();
  // A modal dialog makes everything outside of it inert, for screen readers too.
  viewer.append(announce);
  placeView(); // the picture has a size now, and perhaps a button to zoom
}

function close() {
  if (!current) return;
  viewer.close();
  document.body.append(announce);
  view.removeAttribute("src");
  entitle({shows: "Darkroom"});
  if (current?.classList.contains("held")) hold(false);
  current?.querySelector("a").focus({preventScroll: true});
  current?.scrollIntoView({block: "nearest"});
  current = null;
  globalThis.remember?.();
}

// The viewer closes when the browser has gone back. Going back twice would leave the gallery.
let closing = false;
function leave() {
  if (closing) return;
  if (history.state?.opened) {
    closing = true;
    history.back();
  } else {
    // remember() makes it exact.
    history.replaceState(null, "", "?from=" + current.dataset.id);
    close();
  }
}

async function go(way) {
  const from = current, beside = () => pictures()[pictures().indexOf(from) + way];
  await globalThis.refillBeside?.(from, way);
  // The script with loadNewer() may not have come yet.
  if (!beside() && way < 0 && !globalThis.loadNewer) return location.assign("?previous=" + from.dataset.id);
  if (!beside() && !await (way > 0 ? loadOlder() : loadNewer())) {
    if (document.querySelector(way > 0 ? "#more a" : "#newer [rel=prev]")) offer("More pictures could not be loaded: try again");
    else step($(way > 0 ? "next" : "previous"), null);
    return;
  }
  if (current !== from || !beside()) return;
  show(beside());
  current.scrollIntoView({block: "nearest"});
  history.replaceState(history.state, "", "?image=" + current.dataset.id);
  say(view.alt);
}

document.addEventListener("click", event => {
  const link = event.target.closest(".picture a");
  if (!link || !isPlainClick(event)) return;
  event.preventDefault();
  // The second click of a double click beside a picture.
  if (event.timeStamp - leftAt < DOUBLE_MS) return;
  history.pushState({opened: true}, "", link.href);
  open(link.closest(".picture"));
});
for (const [id, way] of [["previous", -1], ["next", 1]]) $(id).addEventListener("click", event => {
  if (!isPlainClick(event)) return;
  event.preventDefault();
  go(way);
});
$("close").addEventListener("click", event => { event.preventDefault(); leave(); });
viewer.addEventListener("cancel", event => { event.preventDefault(); leave(); });
// Browsers may close a dialog without a question, for example by a phone's back gesture.
viewer.addEventListener("close", () => { if (current && !viewer.open) leave(); });
// The focus may be outside of the dialog, for example after a click beside its buttons.
document.addEventListener("keydown", event => {
  if (!viewer.open || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.key === "ArrowLeft") go(-1);
  else if (event.key === "ArrowRight") go(1);
  else if (event.key === "Escape") leave();
  // These would scroll the page behind the viewer.
  else if (!/^(Arrow|Page|Home|End)/.test(event.key)) return;
  event.preventDefault();
});
view.addEventListener("load", () => view.classList.remove("arriving"));
stage.addEventListener("click", event => {
  if (event.target !== stage || !isPlainClick(event)) return;
  leftAt = event.timeStamp;
  leave();
});

$("copy").hidden = false;
$("copy").addEventListener("click", async () => {
  const address = new URL("?image=" + current.dataset.id, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    $("viewer-status").textContent = "Link copied";
    setTimeout(() => { $("viewer-status").textContent = ""; }, 2500);
  } catch {
    prompt("Copy this link", address);
  }
});

addEventListener("popstate", () => {
  closing = false;
  const id = new URLSearchParams(location.search).get("image");
  const element = id && known(id);
  if (element) open(element);
  else if (id) location.reload();
  else close();
});

// The server opened the viewer without scripts and made the page behind it inert. Now the modal dialog does that.
if (viewer.open) {
  const element = known(viewer.dataset.id);
  viewer.removeAttribute("open");
  $("page").inert = false;
  if (element) open(element);
}
