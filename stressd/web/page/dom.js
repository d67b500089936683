// Elements made of plain text: what comes from outside is text and never markup.

const SVG = "http://www.w3.org/2000/svg";

// h("p", {class: "note", onclick: f}, "text", another): an element. A property that is null or false is left out; a child that is null too.
export function h(tag, props, ...children) {
  return dressed(document.createElement(tag), props, children);
}

// The same for the shapes of a picture.
export function s(tag, props, ...children) {
  return dressed(document.createElementNS(SVG, tag), props, children);
}

function dressed(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

// Put these in the place of all that is in it.
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}

// Write a text only where it differs, so that a selection and a screen reader are left in peace.
export function write(element, text) {
  const said = text ?? "";
  if (element.textContent !== said) element.textContent = said;
}

// Set an attribute only where it differs; null takes it away.
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

// Rows by key in the order of `ids`; what stays keeps its element, its focus and its selection.
// make(id) gives {root, show(value)}; rows: a Map that the caller keeps.
export function keyed(parent, rows, ids, make, valueOf) {
  const wanted = new Set(ids);
  for (const [id, row] of rows) {
    if (!wanted.has(id)) {
      row.root.remove();
      rows.delete(id);
    }
  }
  ids.forEach((id, place) => {
    let row = rows.get(id);
    if (row === undefined) {
      row = make(id);
      rows.set(id, row);
    }
    row.show(valueOf(id));
    if (parent.children[place] !== row.root) parent.insertBefore(row.root, parent.children[place] ?? null);
  });
}

// Where a module writes in its section: below the heading that the server made.
export function body(element) {
  return element.querySelector(".body") ?? element.appendChild(h("div", { class: "body" }));
}

// An address that may be followed; anything but http and https becomes text.
export function link(address, text = address) {
  return /^https?:\/\//i.test(address) ? h("a", { href: address, rel: "noreferrer" }, text) : h("span", {}, text);
}
