// The page Now: says whether it is live, and lets go of the stream while nobody looks.
const SILENT_MS = 8000;
let source = null;
let silent = 0;

const show = (live) => {
  document.getElementById("is-live").hidden = !live;
  document.getElementById("is-not-live").hidden = live;
};

const heard = () => {
  show(true);
  clearTimeout(silent);
  silent = setTimeout(() => show(false), SILENT_MS);
};

// A browser opens six connections to one server, so a hidden tab must not keep one.
htmx.createEventSource = (url) => {
  source = new EventSource(url, { withCredentials: true });
  source.addEventListener("clock", heard);
  return source;
};

document.addEventListener("visibilitychange", () => {
  if (source === null) return;
  if (document.hidden) {
    clearTimeout(silent);
    source.close();
  } else if (source.readyState === EventSource.CLOSED) {
    const old = document.getElementById("live");
    const fresh = old.cloneNode(true);
    old.replaceWith(fresh);
    htmx.process(fresh);
  }
});

silent = setTimeout(() => show(false), SILENT_MS);
