// Presigned addresses of pictures end after one to two hours. Pictures that fail to load get fresh addresses, all by
// one request, because the pictures of a page follow each other in the gallery's listing.
const RENEW_MS = 50, RENEWED_MS = 60000, MOST = 200;
const stale = new Set();
let renewing = 0;

const loaded = img => img.complete && img.naturalWidth;
const broken = img => img.chosen !== -1 && img.complete && !img.naturalWidth && img.getAttribute("src");

function renew(element) {
  if (Date.now() - element.renewed < RENEWED_MS) return lost("Some pictures could not be loaded.");
  stale.add(element);
  renewing ||= setTimeout(fetchFresh, RENEW_MS);
}

async function fetchFresh() {
  const wanted = [...stale].sort((a, b) => a.dataset.id < b.dataset.id ? -1 : 1);
  stale.clear();
  try {
    while (wanted.length) {
      const {images, next} = await ask(`images?limit=${MOST}&from=${wanted[0].dataset.id}`);
      const fresh = new Map(images.map(image => [image.id, image])), last = next ? images.at(-1).id : "~";
      for (const element of pictures()) refresh(element, fresh.get(element.dataset.id));
      while (wanted[0]?.dataset.id <= last) {
        const element = wanted.shift();
        element.renewed = Date.now();
        if (!fresh.has(element.dataset.id)) gone(element);
      }
    }
  } catch (problem) {
    lost(problem.sentence);
  }
  // These failed during the request.
  renewing = stale.size && setTimeout(fetchFresh, RENEW_MS);
}

// A picture that is shown keeps its file and gets the address for the viewer. Every other picture loads again.
function refresh(element, image) {
  if (!image) return;
  const img = element.querySelector("img");
  // If it failed during the request, it failed with its old address.
  stale.delete(element);
  if (loaded(img)) img.files = filesFrom(image);
  else fill(element, image);
  if (element === current && broken(view)) show(element);
}

function gone(element) {
  if (element === current) leave();
  element.remove();
  globalThis.forget?.(element);
  offer("This picture was removed.");
}

function renewBroken() {
  for (const element of pictures()) {
    if (!broken(element.querySelector("img")) && !(element === current && broken(view))) continue;
    element.renewed = 0;
    renew(element);
  }
}
const lost = sentence => offer(sentence, renewBroken, "Try again");

document.addEventListener("error", ({target}) => {
  const element = target === view ? current : target.closest?.(".picture");
  if (element) renew(element);
}, true);
document.addEventListener("visibilitychange", () => { if (!document.hidden) renewBroken(); });
for (const name of ["pageshow", "online"]) addEventListener(name, renewBroken);
