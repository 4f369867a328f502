// An address like /sign-in#token=...&name=... fills in the form, and sends it if a name is there. What
// stands behind # never reaches a server or its log, and is removed from the history at once.
function fillIn() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("token")) return;
  const { token, name } = document.getElementById("sign-in").elements;
  history.replaceState(null, "", location.pathname + location.search);
  token.value = given.get("token");
  name.value ||= given.get("name") ?? "";
  if (name.value) token.form.requestSubmit();
  else name.focus();
}
addEventListener("hashchange", fillIn); // pasted while this page is open
fillIn();
