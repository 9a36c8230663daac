// Asks for the picture's status at growing intervals. When it has changed, the page is loaded again.
const {id, home, received} = document.querySelector("main").dataset, LOOKS = 60, SLOWEST_MS = 15000;

async function changed() {
  try {
    const answer = await fetch(`${home}images?ids=${id}`), {images: [found]} = await answer.json();
    return found.status !== "pending" || (found.received && received === undefined);
  } catch { return false; }
}

for (let look = 0, wait = 1000; look < LOOKS; look++, wait = Math.min(wait * 1.3, SLOWEST_MS)) {
  await new Promise(resolve => setTimeout(resolve, wait));
  if (await changed()) location.reload();
}
document.getElementById("waiting").textContent = received === undefined
  ? "The picture has still not arrived. Look again later, or upload it again."
  : "The picture is safe, but it takes long. Look again later.";
