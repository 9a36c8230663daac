// Asks now and then for pictures by others, and offers them behind a button: nothing moves by itself.
// A hidden tab does not ask, and a tab that nobody touches asks less and less often.
const FIRST_ASK_MS = 30000, LAST_ASK_MS = 600000, SLOWER = 1.5, FRESH_ITEMS = 60;
const news = $("fresh").querySelector("button");
let pause = FIRST_ASK_MS, asking = 0, asked = performance.now(), latest = null;

// The newest picture that the page knows, or "~", which sorts behind every id.
const newestId = () => grid.firstElementChild.ids?.[0] ?? grid.querySelector(".picture")?.dataset.id ?? "~";
const unknown = image => image.id < newestId() && !known(image.id) && ![...jobs].some(job => job.id === image.id);

async function findNew() {
  asked = performance.now();
  const {images: [first]} = await ask("images?limit=1");
  if (!first || first.id === latest) return;
  latest = first.id;
  if (first.id >= newestId()) return;
  const n = (await ask(`images?limit=${FRESH_ITEMS}`)).images.filter(unknown).length;
  news.textContent = `${n}${n < FRESH_ITEMS ? "" : " or more"} new picture${n === 1 ? "" : "s"}`;
  news.hidden = !n;
}

async function askOnce() {
  try {
    await findNew();
  } catch (problem) {
    // The visitor is signed out.
    if (problem.final) return;
  }
  pause = Math.min(pause * SLOWER, LAST_ASK_MS);
  askLater();
}

function askLater() {
  clearTimeout(asking);
  // A page of older pictures has the link "Newest" instead.
  if (!document.hidden && !$("newer")) asking = setTimeout(askOnce, Math.max(asked + pause - performance.now(), 0));
}

function touched() {
  if (pause === FIRST_ASK_MS) return;
  pause = FIRST_ASK_MS;
  askLater();
}
for (const name of ["pointerdown", "keydown", "scroll"]) addEventListener(name, touched, {passive: true});
document.addEventListener("visibilitychange", () => { pause = FIRST_ASK_MS; askLater(); });
askLater();

news.addEventListener("click", async () => {
  try {
    const images = (await ask(`images?limit=${FRESH_ITEMS}`)).images.filter(unknown);
    if (images.length === FRESH_ITEMS) return location.assign("./");
    prepend(images);
  } catch (problem) {
    return say(problem.sentence);
  }
  news.hidden = true;
  if ($("empty")) $("empty").hidden = true;
  scrollTo({top: 0});
  grid.querySelector("a").focus({preventScroll: true});
});
