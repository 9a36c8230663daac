// Takes the token out of the link before anything else, then posts it: it stays in no address bar, history or log.
const form = document.getElementById("enter"), token = location.hash.slice(1);
const {to} = form.dataset;
try {
  // A picture's link without a session leads here first; the invitation may be opened in another tab.
  if (to) localStorage.setItem("darkroom-to", to);
  else form.elements.to.value = localStorage.getItem("darkroom-to") ?? "";
} catch { /* storage may be forbidden; then entering leads to the newest pictures */ }
if (token) {
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = token;
}
form.addEventListener("submit", () => { try { localStorage.removeItem("darkroom-to"); } catch { /* see above */ } });
if (token) form.requestSubmit();
