// Takes files from the buttons, from the clipboard, and files and folders that are dropped anywhere on the page.
const LITTER = choose.dataset.litter.split(" "), EXTENSIONS = choose.accept.match(/\.\w+/g);

// Returns whether a file in a folder may be a picture, by the rule of shared/folders.py. Its path begins with the folder.
function mayBePicture(path) {
  const [file, ...folders] = path.toLowerCase().split("/").filter(Boolean).slice(1).reverse(), [extension] = /\.[^.]+$/.exec(file) ?? [];
  return [file, ...folders].every(name => name[0] !== ".") && !folders.some(name => LITTER.includes(name)) && (!extension || EXTENSIONS.includes(extension));
}

// Adds the pictures that were found in a folder. A null stands for an item that could not be read.
function addFound(found) {
  const pictures = found.filter(Boolean), unread = found.length - pictures.length;
  add(pictures);
  if (unread) offer(`${count(unread, "item")} could not be read.`);
  else if (!pictures.length) offer("There are no pictures in this folder.");
}

for (const id of ["choose", "camera"]) $(id).addEventListener("change", ({target}) => { add([...target.files]); target.value = ""; });
$("folder").addEventListener("change", ({target}) => {
  addFound([...target.files].filter(file => mayBePicture(file.webkitRelativePath)));
  target.value = "";
});

// While files are dragged over the page, its window hears of it at least every 550 ms (html.spec.whatwg.org, "drag-and-drop
// processing model"). It does not hear of the end of every drag: the element under the drag may be replaced.
const DRAG_MS = 600;
const veil = $("drop");
let dragging = 0;
function drag(on) {
  clearTimeout(dragging);
  if (on) dragging = setTimeout(drag, DRAG_MS, false);
  // The viewer hides everything outside of it.
  const over = viewer.open ? viewer : document.body;
  if (veil.parentElement !== over) over.append(veil);
  document.body.classList.toggle("dragging", on);
}
for (const name of ["dragenter", "dragover"]) addEventListener(name, event => { if (hasFiles(event)) drag(true); });
addEventListener("dragleave", ({relatedTarget}) => { if (!relatedTarget) drag(false); });
addEventListener("drop", () => drag(false));
take = async (files, entries) => {
  if (!entries.some(entry => entry?.isDirectory)) add(files);
  else addFound((await Promise.all(entries.map(within))).flat());
};

// Returns the pictures in a dropped folder, or the dropped file itself, whatever it is.
async function within(entry) {
  const told = way => new Promise(resolve => way(resolve, () => resolve(null)));
  if (!entry) return [];
  if (entry.isFile) return [await told((...then) => entry.file(...then))];
  const reader = entry.createReader(), found = [];
  let some;
  while ((some = await told((...then) => reader.readEntries(...then)))?.length) found.push(...some);
  const pictures = (await Promise.all(found.filter(one => mayBePicture(one.fullPath + (one.isDirectory ? "/-" : ""))).map(within))).flat();
  return some ? pictures : [...pictures, null];
}

// Files that came while this script was loading.
for (const dropped of early) take(...dropped);
for (const id of ["choose", "camera", "folder"]) if ($(id).files.length) $(id).dispatchEvent(new Event("change"));
