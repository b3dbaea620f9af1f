// A table that is wider than the page scrolls; so that the keyboard can do it, too.
document$.subscribe(() => setTimeout(() => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap")) wide.tabIndex = 0;
}));
