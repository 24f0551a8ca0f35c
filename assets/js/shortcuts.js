// "/" goes to the search box, as it does elsewhere, unless somebody is typing; a page's own keys press its buttons.

export default function ({ data, parentElement }) {
  parentElement.stopListening?.abort(); // this runs again whenever Streamlit draws the page
  const stop = new AbortController();
  parentElement.stopListening = stop;
  const listen = (event) => {
    const at = event.composedPath()[0];
    const typing = at instanceof HTMLElement && (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName));
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = data?.buttons?.[event.key];
    if (pressed) document.querySelector(`.st-key-${CSS.escape(pressed)} button:not(:disabled)`)?.click();
    if (data?.buttons || event.key !== "/") return;
    const box = document.querySelector('[class*="st-key-search-words"] input');
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  };
  document.addEventListener("keydown", listen, { signal: stop.signal });
  return () => stop.abort();
}
