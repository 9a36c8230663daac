// Asks now and then for pictures by others, and offers them behind a button: nothing moves by itself.
// A hidden tab does not ask, and a tab that nobody touches asks less and less often.
const FIRST_ASK_MS = 30000, LAST_ASK_MS = 600000, SLOWER = 1.5, FRESH_ITEMS = 60;
const news = $("fresh").querySelector("button");
let pause = FIRST_ASK_MS, asking = 0, asked = performance.now();

const isOlder = () => document.querySelector("#newer, [data-moved]");
const shown = id => known(id) || lists().some(({ids}) => ids?.includes(id)) || [...jobs].some(job => job.id === id);

// An id contains the time at which the upload began. A slow upload may end after later ones, so its picture may belong
// between others. Pictures beyond the page's end are not new: they come when the visitor scrolls there.
async function askForNew() {
  const {images} = await ask(`images?limit=${FRESH_ITEMS}`), older = more.querySelector("a");
  const end = older ? new URL(older.href).searchParams.get("after") : "~"; // which sorts behind every id
  return images.filter(({id}) => id < end && !shown(id));
}

async function findNew() {
  asked = performance.now();
  const {length: n} = await askForNew();
  news.textContent = `${n}${n < FRESH_ITEMS ? "" : " or more"} new picture${n === 1 ? "" : "s"}`;
  news.hidden = !n;
}

async function askOnce() {
  try {
    await findNew();
  } catch { /* the next time */ }
  pause = Math.min(pause * SLOWER, LAST_ASK_MS);
  askLater();
}

function askLater() {
  clearTimeout(asking);
  // A page of older pictures has the link "Newest" instead.
  if (!document.hidden && !isOlder()) asking = setTimeout(askOnce, Math.max(asked + pause - performance.now(), 0));
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
    const images = await askForNew();
    if (images.length === FRESH_ITEMS) return location.assign("./");
    prepend(images);
  } catch (problem) {
    return offer(problem.sentence);
  }
  news.hidden = true;
  $("empty").hidden = true;
  scrollTo({top: 0});
  grid.querySelector("a").focus({preventScroll: true});
});
