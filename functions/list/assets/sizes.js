// Chooses the file of each picture by its place in the grid. Browsers choose from a srcset by different rules, and know no
// layout when they do. Here the smallest rendition with SHARP of the device's pixels wins, in every browser.
const SHARP = .9;

// The files of a picture, smallest first: [width in pixels, address].
const filesOf = img => img.files ??= (img.srcset || img.dataset.srcset).split(/,\s+/).map(file => {
  const [url, width] = file.split(" ");
  return [parseInt(width), url];
});

function chooseFile(img, {width, height}) {
  const [fullWidth, fullHeight] = img.closest("[data-size]").dataset.size.split(" ");
  // A picture that is cropped needs more than the width of its place.
  const needed = SHARP * Math.max(width, height * fullWidth / fullHeight) * devicePixelRatio;
  const files = filesOf(img), fitting = files.findIndex(([width]) => width >= needed);
  if (width) useFile(img, fitting < 0 ? files.length - 1 : fitting);
}

const pageLoaded = new Promise(done => addEventListener("load", done));
async function useFile(img, best) {
  const [, url] = img.files[best];
  if (img.loading !== "lazy") {
    // One of the first pictures. It shows its smallest file until the page is loaded and a sharper file is there.
    img.chosen ??= 0;
    await pageLoaded;
    if (best > img.chosen) await Object.assign(new Image(), {src: url}).decode().catch(() => {});
  }
  // A larger file stays when its place becomes smaller.
  if (best <= img.chosen) return;
  img.chosen = best;
  // In this order, or Firefox and WebKit would load the old address first.
  img.src = url;
  img.removeAttribute("srcset");
}

// The measured places come with the entries: to ask a picture for its place would make the browser lay out the page anew.
const sized = new ResizeObserver(entries => { for (const {target, contentRect} of entries) chooseFile(target, contentRect); });
for (const img of document.querySelectorAll("#grid img")) sized.observe(img);
