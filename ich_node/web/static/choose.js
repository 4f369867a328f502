// A box that ticks all lines of its form. Without it, the buttons below the lines take all of them.
for (const place of document.querySelectorAll("[data-choose-all]")) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.ariaLabel = place.dataset.chooseAll;
  box.addEventListener("change", () => {
    for (const line of box.form.querySelectorAll("input[name=line], input[name=job]")) {
      line.checked = box.checked;
    }
  });
  place.append(box);
}
