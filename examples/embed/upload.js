// Uploads to a Darkroom gallery from a page of any site that the gallery's parameter AllowedOrigins names.
const {gallery, invitation} = Object.fromEntries(new URLSearchParams(location.search));
const headers = invitation ? {authorization: `Bearer ${invitation}`} : {};
const state = document.getElementById("state");

// The parameters of one upload as Uppy's plugin AwsS3 wants them from `getUploadParameters(file)`.
export async function getUploadParameters({name, type, size}) {
  const answer = await fetch(`${gallery}uploads`, {
    method: "POST", headers: {...headers, "content-type": "application/json"}, body: JSON.stringify({name, type, size}),
  });
  const ticket = await answer.json();
  if (!answer.ok) throw new Error(ticket.sentence);
  return {method: "POST", url: ticket.url, fields: ticket.fields, id: ticket.id};
}

async function upload(file) {
  const {url, fields, id} = await getUploadParameters(file), form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file); // the last field
  const sent = await fetch(url, {method: "POST", body: form});
  if (!sent.ok) throw new Error(`S3 answered ${sent.status}.`);
  for (let found; ; await new Promise(resolve => setTimeout(resolve, 500))) {
    found = await (await fetch(`${gallery}images/${id}`, {headers})).json();
    if (found.status !== "pending") return found;
  }
}

document.getElementById("file").addEventListener("change", async ({target}) => {
  try {
    state.textContent = "Uploading";
    const found = await upload(target.files[0]);
    state.textContent = found.status === "ready" ? `${found.name} is in the gallery` : found.sentence;
  } catch (problem) {
    state.textContent = problem.message;
  }
});
