// Swipe: the picture follows the finger. A fifth of the width or a flick shows the next one, except while zoomed in.
let touch = null;
function endSwipe() {
  if (touch) view.style.translate = "";
  touch = null;
}
stage.addEventListener("pointerdown", event => {
  if (event.pointerType === "touch" && event.isPrimary && !zoomed() && (visualViewport?.scale ?? 1) < 1.05) touch = {x: event.clientX, y: event.clientY, at: event.timeStamp};
});
stage.addEventListener("pointermove", event => {
  if (touch && event.isPrimary) view.style.translate = `${event.clientX - touch.x}px`;
});
for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, event => {
  if (!touch || !event.isPrimary) return;
  const moved = event.clientX - touch.x, quick = event.timeStamp - touch.at < 250;
  const across = Math.abs(moved) > Math.abs(event.clientY - touch.y);
  endSwipe();
  if (name === "pointerup" && across && Math.abs(moved) > (quick ? 30 : innerWidth / 5)) go(moved < 0 ? 1 : -1);
});
