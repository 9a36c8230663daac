// Zooms and pans in the viewer: wheel, pinch, double tap, drag, keys and a button. A pixel of the picture becomes at most
// two of the screen (more on phones, whose pixels are tiny). Without more pixels than are shown, the browser's own pinch works.
const zoom = {scale: 1, x: 0, y: 0}, MOST_A_PIXEL = 2, WORTH = 1.2, STEP = 1.5, PAN = .15, TAP_MS = 350, TAP_PX = 24;
const zoomStage = $("stage"), zoomButton = $("zoom"), fingers = new Map();
let lastTap = null, dragged = 0;

const mostZoom = () => Math.max(1, MOST_A_PIXEL * view.getAttribute("width") / view.offsetWidth / Math.min(devicePixelRatio, 2));
const canZoom = () => viewer.open && view.offsetWidth > 0 && mostZoom() >= WORTH;
const zoomed = () => zoom.scale > 1.01;

// Draws the picture, which never leaves an edge inside the window that it could fill.
function placeView() {
  const room = (size, window) => Math.max(0, (size * zoom.scale - window) / 2), clamp = (value, most) => Math.min(Math.max(value, -most), most);
  zoom.x = clamp(zoom.x, room(view.offsetWidth, zoomStage.clientWidth));
  zoom.y = clamp(zoom.y, room(view.offsetHeight, zoomStage.clientHeight));
  view.style.scale = zoomed() ? zoom.scale : "";
  view.style.translate = zoomed() ? `${zoom.x}px ${zoom.y}px` : "";
  zoomStage.classList.toggle("zoomed", zoomed());
  reveal(zoomButton, canZoom());
  zoomStage.classList.toggle("zooms", !zoomButton.hidden);
  zoomButton.setAttribute("aria-label", zoomed() ? "Zoom out" : "Zoom in");
  zoomButton.querySelector("use").setAttribute("href", zoomed() ? "#i-out" : "#i-in");
}

// Zooms so that the point of the picture at (x, y) of the window stays there.
function zoomTo(scale, x = innerWidth / 2, y = innerHeight / 2) {
  const before = zoom.scale, box = zoomStage.getBoundingClientRect();
  const across = x - box.left - box.width / 2, down = y - box.top - box.height / 2;
  zoom.scale = Math.min(Math.max(scale, 1), mostZoom());
  zoom.x = across - (across - zoom.x) * zoom.scale / before;
  zoom.y = down - (down - zoom.y) * zoom.scale / before;
  placeView();
}

function restZoom() {
  Object.assign(zoom, {scale: 1, x: 0, y: 0});
  fingers.clear();
  placeView();
}

// Zooms out to the whole picture, or in until it fills the window.
function toggleZoom(x, y) {
  const fill = Math.max(zoomStage.clientWidth / view.offsetWidth, zoomStage.clientHeight / view.offsetHeight);
  zoomTo(zoomed() ? 1 : Math.max(2, fill), x, y);
}

zoomButton.addEventListener("click", () => toggleZoom());
$("view").addEventListener("load", placeView); // now it has a size
addEventListener("resize", () => { if ($("viewer").open) restZoom(); });
zoomStage.addEventListener("wheel", event => {
  if (!canZoom()) return;
  event.preventDefault();
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  zoomTo(zoom.scale * Math.exp(-event.deltaY * lines * (event.ctrlKey ? .01 : .002)), event.clientX, event.clientY);
}, {passive: false});
document.addEventListener("keydown", event => {
  if (event.metaKey || event.ctrlKey || event.altKey || !canZoom()) return;
  const step = {ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
  if (event.key === "+" || event.key === "=") zoomTo(zoom.scale * STEP);
  else if (event.key === "-") zoomTo(zoom.scale / STEP);
  else if (event.key === "0") restZoom();
  else if (step && zoomed()) {
    zoom.x += step[0] * PAN * zoomStage.clientWidth;
    zoom.y += step[1] * PAN * zoomStage.clientHeight;
    placeView();
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, {capture: true});

const spread = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);

zoomStage.addEventListener("pointerdown", event => {
  if (event.isPrimary) {
    fingers.clear();
    dragged = 0;
  }
  if (event.button || !canZoom()) return;
  fingers.set(event.pointerId, {x: event.clientX, y: event.clientY});
  if (fingers.size === 2) {
    globalThis.endSwipe?.(); // two fingers do not swipe
    lastTap = null;
    dragged = Infinity;
  }
});
zoomStage.addEventListener("pointermove", event => {
  const finger = fingers.get(event.pointerId);
  if (!finger || !event.buttons) return;
  const before = [...fingers.values()].map(one => ({...one})), [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
  Object.assign(finger, {x: event.clientX, y: event.clientY});
  dragged += Math.hypot(dx, dy);
  if (fingers.size === 2) {
    const now = [...fingers.values()];
    zoom.x += dx / 2;
    zoom.y += dy / 2;
    zoomTo(zoom.scale * spread(now) / (spread(before) || 1), (now[0].x + now[1].x) / 2, (now[0].y + now[1].y) / 2);
  } else if (fingers.size === 1 && zoomed()) {
    if (dragged > TAP_PX) zoomStage.setPointerCapture(event.pointerId);
    zoom.x += dx;
    zoom.y += dy;
    placeView();
  }
});
for (const name of ["pointerup", "pointercancel"]) zoomStage.addEventListener(name, event => {
  const ended = fingers.delete(event.pointerId);
  if (!ended || fingers.size || name === "pointercancel" || dragged > TAP_PX) return;
  const tap = {x: event.clientX, y: event.clientY, at: event.timeStamp}, again = lastTap && tap.at - lastTap.at < TAP_MS && Math.hypot(tap.x - lastTap.x, tap.y - lastTap.y) < TAP_PX;
  lastTap = again ? null : tap;
  if (again && event.target !== zoomStage) toggleZoom(tap.x, tap.y);
});
// The end of a drag is not a click beside the picture, which would close the viewer.
zoomStage.addEventListener("click", event => { if (dragged > TAP_PX) event.stopImmediatePropagation(); }, {capture: true});
