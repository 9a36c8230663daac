// The visitor's place: its address, the way up to newer pictures, and the emptying of lists far from the window.
const SETTLED_MS = 250, RETRY_MS = 3000, LIST_ITEMS = 60, MOST_ITEMS = 150, TALL = 1.4, MAX_LEFT_OUT = 12;

// The address names the first visible picture. Reload and back show it again at the same height.
function firstVisible() {
  for (let y = HEADER_PX + 2; y < innerHeight; y += 8) {
    const found = document.elementsFromPoint(8, y).map(element => element.closest("#grid .picture")).find(Boolean);
    if (found) return found;
  }
  return null;
}

const isNewest = picture => !$("newer") && picture.offsetTop === grid.querySelector(".picture").offsetTop;

let place = null;
function remember() {
  const picture = viewer.open ? null : firstVisible();
  if (!picture) return;
  const state = {...history.state, top: picture.getBoundingClientRect().top};
  place = {picture, top: state.top};
  history.replaceState(state, "", isNewest(picture) ? "./" : "?from=" + picture.dataset.id);
}

let settled = 0;
function scrolled() {
  clearTimeout(settled);
  settled = setTimeout(() => {
    $("back").hidden = scrollY < 2 * innerHeight && !$("newer");
    remember();
  }, SETTLED_MS);
}
addEventListener("scroll", scrolled, {passive: true});
// The visitor may have scrolled while this script was loading.
if (scrollY) scrolled();

// Returns a function that undoes how far an element has moved in the window since.
function keepingStill(element, top = element.getBoundingClientRect().top) {
  return () => scrollBy({top: element.getBoundingClientRect().top - top, behavior: "instant"});
}

// A phone that is turned has other rows. The visitor's picture stays where it was.
let wide = document.documentElement.clientWidth;
addEventListener("resize", () => {
  const {clientWidth} = document.documentElement;
  if (clientWidth === wide) return;
  wide = clientWidth;
  lists().forEach(even);
  if (scrollY && place?.picture.isConnected) keepingStill(place.picture, place.top)();
});

// Leaves a gap at the end of a list whose last row would be much taller than the others.
function even(list) {
  list.classList.remove("short");
  const [first, last] = [list.firstElementChild, list.lastElementChild];
  if (!last) return false;
  // How much a row has grown beyond its usual height.
  const grown = picture => picture.offsetWidth / parseFloat(getComputedStyle(picture).flexBasis);
  const short = grown(last) > TALL * (first.offsetTop < last.offsetTop ? grown(first) : 1);
  list.classList.toggle("short", short);
  return short;
}

// Loads the pictures before the first; false if there are none. Some of the newest stay out if that completes the last row.
let climbing = null;
function loadNewer() {
  const link = $("newer")?.querySelector("[rel=prev]");
  if (!link) return Promise.resolve(false);
  return climbing ??= (async () => {
    try {
      const page = await ask("images?before=" + new URL(link.href).searchParams.get("before"));
      const fresh = page.images.filter(image => !known(image.id));
      const still = keepingStill(grid.firstElementChild), list = newList(fresh.map(newPicture));
      if (!page.previous) {
        $("newer").remove();
        globalThis.askLater?.();
      }
      if (fresh.length) grid.prepend(list);
      still();
      if (!fresh.length) return false;
      for (let n = 0; page.previous && n < MAX_LEFT_OUT && even(list); n++) {
        unsize(list.firstElementChild);
        list.firstElementChild.remove();
      }
      even(list);
      still();
      filed(list);
      if (page.previous) link.href = "?before=" + list.firstElementChild.dataset.id;
      return true;
    } catch {
      return false;
    } finally {
      climbing = null;
    }
  })();
}

if ($("newer")) {
  new IntersectionObserver(async (seen, observer) => {
    if (!seen.at(-1).isIntersecting) return;
    if (!await loadNewer()) observer.disconnect();
  }, {rootMargin: `-${HEADER_PX + 8}px 0px 0px`}).observe($("newer"));
}

// Puts pictures that have just arrived in front of all others: a few into the first list, many into lists of their own.
function prepend(images) {
  const first = grid.firstElementChild;
  if (!first.ids && first.childElementCount + images.length <= MOST_ITEMS) {
    first.prepend(...images.map(newPicture));
    hold(true);
    return;
  }
  for (let end = images.length; end > 0; end -= LIST_ITEMS) {
    const list = newList(images.slice(Math.max(end - LIST_ITEMS, 0), end).map(newPicture));
    grid.prepend(list);
    even(list);
    filed(list);
  }
}

// A list some screens away keeps its height and loses its pictures. It gets them back, with fresh addresses, when it is near.
const distance = new IntersectionObserver(seen => {
  for (const {target, isIntersecting} of seen) isIntersecting ? refill(target) : empty(target);
}, {rootMargin: "300% 0px"});
function filed(list) { distance.observe(list); }
lists().forEach(filed);

const look = list => { distance.unobserve(list); distance.observe(list); };

function empty(list) {
  if (list.ids || !list.firstElementChild || list.filling || list.matches(":last-child")) return;
  const shown = current?.closest("#grid > .grid"), beside = [shown, shown?.previousElementSibling, shown?.nextElementSibling];
  if (beside.includes(list) || list.matches(":focus-within") || list.querySelector(".pick:checked")) {
    setTimeout(look, RETRY_MS, list);
    return;
  }
  list.ids = [...list.children].map(picture => picture.dataset.id);
  list.style.height = `${list.offsetHeight}px`;
  unsize(list);
  list.replaceChildren();
}

// Asks for pictures by their ids. In the gallery, pictures that became ready late may be between them.
async function askFor(ids) {
  const sorted = [...ids].sort(), found = new Map();
  for (let query = `from=${sorted[0]}&limit=${ids.length}`; query;) {
    const {images, next} = await ask("images?" + query);
    for (const image of images) found.set(image.id, image);
    query = next && next < sorted.at(-1) && `after=${next}&limit=${MOST}`;
  }
  return ids.map(id => found.get(id)).filter(Boolean);
}

function refill(list) {
  if (!list.ids) return Promise.resolve();
  return list.filling ??= askFor(list.ids).then(async images => {
    await fillList(list, images);
    // It had its height when the window had another width, perhaps, and when the gallery had other pictures.
    const below = list.nextElementSibling, {top} = below.getBoundingClientRect();
    list.ids = null;
    list.style.height = "";
    even(list);
    if (top < innerHeight) keepingStill(below, top)();
    // It may be far again by now.
    look(list);
  }, () => { setTimeout(look, RETRY_MS, list); }).finally(() => { list.filling = null; });
}

// The neighbour of a picture may be in a list that is empty.
async function refillBeside(picture, way) {
  const list = picture.closest("#grid > .grid");
  const beside = way > 0 ? list?.nextElementSibling : list?.previousElementSibling;
  if (beside) await refill(beside);
}

// A date is the visitor's, not UTC's. (The first use of a locale costs a phone 80 ms.)
$("until").max = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 10);
$("dates").addEventListener("submit", event => {
  event.preventDefault();
  location.assign("?until=" + new Date(`${$("until").value}T23:59:59.999`).toISOString());
});
