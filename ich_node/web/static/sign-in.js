// An address like /sign-in#token=...&name=... fills in the form, and sends it if a name is there. What
// stands behind # never reaches a server or its log, and is removed from the history at once.
const given = new URLSearchParams(location.hash.slice(1));
const form = document.getElementById("sign-in");
if (given.has("token")) {
  history.replaceState(null, "", location.pathname + location.search);
  form.token.value = given.get("token");
  form.elements.name.value ||= given.get("name") ?? "";
  if (form.elements.name.value) form.requestSubmit();
  else form.elements.name.focus();
}
