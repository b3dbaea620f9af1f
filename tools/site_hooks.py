"""What MkDocs calls while it builds the site: adds the reference, and mends what the theme's pages lack."""

from __future__ import annotations

import re
from typing import Any

from tools.reference import pages

# Of every page: what the theme writes, and what it takes to ask no other host, to be read aloud, and to be scrolled by
# the keyboard.
_MENDED = (
    ('data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'),
    # The theme takes this from a block's <code> where there is no mouse; so <pre> scrolls, see site.css.
    ("<pre>", '<pre tabindex="0">'),
    ("<th></th>", "<td></td>"),
)
_SHIM = "https://unpkg.com/iframe-worker/shim"


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages of the reference."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Names places of the project that are not on the site, where a page links to them."""
    return re.sub(r"\[([^\]]*)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Mends a page; the search's script for pages that are files lies beside them."""
    for written, wanted in _MENDED:
        output = output.replace(written, wanted)
    return output.replace(_SHIM, "../" * page.url.count("/") + "worker.js")


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """Leaves out the page of addresses that are not there: files have none."""
    return "" if template_name == "404.html" else output_content
