// Chooses the file of each picture by its place in the grid. Browsers choose from a srcset by different rules, and know no
// layout when they do. Here the smallest rendition with SHARP of the device's pixels wins, in every browser.
const SHARP = .9;

// The files of a picture, smallest first: [width in pixels, address].
const filesOf = img => img.files ??= (img.dataset.srcset || img.srcset).split(/,\s+/).map(file => {
  const [url, width] = file.split(" ");
  return [parseInt(width), url];
});

function chooseFile(img, {width, height}) {
  if (!width) return;
  const [fullWidth, fullHeight] = img.closest("[data-size]").dataset.size.split(" ");
  // A picture that is cropped needs more than the width of its place.
  const needed = SHARP * Math.max(width, height * fullWidth / fullHeight) * devicePixelRatio;
  const files = filesOf(img), fitting = files.findIndex(([width]) => width >= needed);
  img.best = fitting < 0 ? files.length - 1 : fitting;
  if (img.chosen !== -1) loadBest(img);
}

// The first pictures get the line and the processor for themselves until they are shown, but not if one takes long.
const FIRST_MS = 3000, firstPictures = document.querySelectorAll("#grid img[data-srcset]");
const pageLoaded = new Promise(done => addEventListener("load", done));
const firstShown = Promise.race([
  pageLoaded.then(() => Promise.allSettled([...firstPictures].map(img => img.decode()))),
  new Promise(done => setTimeout(done, FIRST_MS)),
]);
async function loadBest(img) {
  if (img.dataset.srcset) {
    // One of the first pictures. It shows its smallest file until a sharper one is there.
    img.chosen ??= 0;
    await firstShown;
    if (img.best > img.chosen) await Object.assign(new Image(), {src: img.files[img.best][1]}).decode().catch(() => {});
  }
  // Read after the wait, in which the addresses may have been renewed.
  const {best, files} = img, [, url] = files[best];
  // A larger file stays when its place becomes smaller.
  if (best <= img.chosen) return;
  img.chosen = best;
  img.src = url;
}

// Every other picture is blank until its turn: those in the window first, then those near it. A phone needs time
// for each file, so few start in a frame and few are under way. Whoever scrolls fast loads only pictures that stay near.
// Six is also how many connections a browser opens to S3.
const BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const FRAME_FILES = 2, MOST_UNDER_WAY = 6, NEAR = "100% 0px";
const queues = ["0px", NEAR].map(rootMargin => {
  const waiting = new Set();
  const observer = new IntersectionObserver(entries => {
    for (const {target: img, isIntersecting} of entries) {
      if (isIntersecting && img.chosen < 0) waiting.add(img);
      else waiting.delete(img);
      // A file that is still loading when its picture is far away again would only delay others.
      if (!isIntersecting && rootMargin === NEAR && img.chosen !== -1 && !img.complete) blank(img);
    }
    turn ||= waiting.size && firstShown.then(() => requestAnimationFrame(loadNext));
  }, {rootMargin});
  return {waiting, observer};
});

const blank = img => Object.assign(img, {src: BLANK, chosen: -1});
function loadInTurn(img) {
  filesOf(img);
  blank(img);
  // The server's ways to load it. They end after `src` has changed, or Firefox and WebKit would load the old address.
  for (const name of ["srcset", "data-srcset", "loading"]) img.removeAttribute(name);
  // An observer reports a picture that it already observes only when the place changes.
  for (const {observer} of queues) {
    observer.unobserve(img);
    observer.observe(img);
  }
}

let turn = 0, underWay = [];
function loadNext() {
  underWay = underWay.filter(img => img.isConnected && !img.complete);
  const next = [...new Set(queues.flatMap(({waiting}) => [...waiting]))].slice(0, Math.min(FRAME_FILES, MOST_UNDER_WAY - underWay.length));
  for (const img of next) {
    for (const {waiting} of queues) waiting.delete(img);
    underWay.push(img);
    loadBest(img);
  }
  turn = queues.some(({waiting}) => waiting.size) && requestAnimationFrame(loadNext);
}

// The measured places come with the entries: to ask a picture for its place would make the browser lay out the page anew.
const sized = new ResizeObserver(entries => { for (const {target, contentRect} of entries) chooseFile(target, contentRect); });
// Firefox keeps every element in memory that a ResizeObserver observes, even when the page has removed it.
const unsize = element => { for (const img of element.querySelectorAll("img")) sized.unobserve(img); };
for (const img of document.querySelectorAll("#grid img")) {
  if (img.loading === "lazy") loadInTurn(img);
  sized.observe(img);
}
