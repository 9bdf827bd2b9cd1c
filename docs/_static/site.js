// What the theme leaves out for keyboards and screen readers.
document.addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll("p.caption[role=heading]")) caption.setAttribute("aria-level", "2");
  for (const block of document.querySelectorAll("pre, .table-wrapper")) block.tabIndex = 0; // it scrolls
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Pages");
  if (!document.querySelector("h1")) {
    const title = document.createElement("h1"); // of the page of search
    title.textContent = document.title.split(" - ")[0];
    document.querySelector("article")?.prepend(title);
  }
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
});
