// Buttons that put a UID on the clipboard; without this script they are not shown.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = !navigator.clipboard;
  const words = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
    setTimeout(() => (button.textContent = words), 1500);
  });
}
