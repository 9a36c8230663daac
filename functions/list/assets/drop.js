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

let over = 0;
const drag = inside => { over = Math.max(0, over + inside); document.body.classList.toggle("dragging", over > 0); };
addEventListener("dragenter", event => { if (hasFiles(event)) drag(1); });
addEventListener("dragleave", event => { if (hasFiles(event)) drag(-1); });
addEventListener("drop", () => drag(-over));
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
