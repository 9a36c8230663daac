// Chooses the rendition of each picture by its place in the grid. Browsers choose from a srcset by different rules, and
// know no layout when they do. Here the smallest rendition with SHARP of the device's pixels wins, in every browser: the
// attribute `sizes` is set so that this candidate fits exactly. The observer reports a picture's first size, and each
// later one, after the layout and before the browser loads the pictures near the window (loading="lazy").
const SHARP = .9;

function chooseSize(img, {width, height}) {
  const [fullWidth, fullHeight] = img.closest("[data-size]").dataset.size.split(" ");
  // A picture that is cropped needs more than the width of its place.
  const needed = Math.max(width, height * fullWidth / fullHeight) * devicePixelRatio;
  const widths = [...img.srcset.matchAll(/ (\d+)w/g)].map(found => +found[1]).sort((a, b) => a - b);
  const best = widths.find(candidate => candidate >= SHARP * needed) ?? widths.at(-1);
  if (width && best) img.sizes = `${Math.floor(best / devicePixelRatio)}px`;
}

// The largest picture in the window comes first, or all share the line and each is late.
function hurry(images) {
  const area = img => img.getBoundingClientRect().top < innerHeight ? img.width * img.height : 0;
  const largest = images.reduce((a, b) => area(b) > area(a) ? b : a);
  if (area(largest)) largest.fetchPriority = "high";
}

// The measured places come with the entries: to ask a picture for its place would make the browser lay out the page anew.
const sized = new ResizeObserver(entries => {
  if (!scrollY) hurry(entries.map(entry => entry.target));
  for (const {target, contentRect} of entries) chooseSize(target, contentRect);
});
for (const img of document.querySelectorAll("#grid img")) sized.observe(img);
