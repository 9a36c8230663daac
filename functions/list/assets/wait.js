// Asks for the picture's status at growing intervals. When the picture is ready or refused, the page is loaded again.
const {id, home} = document.querySelector("main").dataset, LOOKS = 60, SLOWEST_MS = 15000;
let received = false;

async function ended() {
  try {
    const answer = await fetch(`${home}images?ids=${id}`), {images: [found]} = await answer.json();
    received ||= found.received;
    return found.status !== "pending";
  } catch { return false; }
}

for (let look = 0, wait = 1000; look < LOOKS; look++, wait = Math.min(wait * 1.3, SLOWEST_MS)) {
  await new Promise(resolve => setTimeout(resolve, wait));
  if (await ended()) location.reload();
}
document.getElementById("waiting").textContent = received
  ? "The picture is safe, but it takes long. Look again later."
  : "The picture has still not arrived. Look again later, or upload it again.";
