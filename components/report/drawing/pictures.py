"""Draws specs as SVG, without a browser; what is drawn needs no script to be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from itertools import chain
from xml.etree import ElementTree

from kerasline.components.report.drawing.labels import shorten
from kerasline.components.report.drawing.specs import HOVER, Spec
from kerasline.components.report.drawing.theme import FONT_SIZE, LOCALE, theme

VERSION = "6.4"  # of Vega-Lite: the one that Altair writes specs for
_USELESS = frozenset(
    ("aria-hidden", "aria-roledescription", "class", "font-family", "font-size", "pointer-events", "role")
)
_USUAL = {"opacity": "1", "stroke-width": "0", "transform": "translate(0,0)"}
# Room is left for the widest of the usual fonts: a reader's is not known, and the one measured here is narrow.
_WIDEST = 1.13
_FRACTION = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")


def draw(spec: Spec) -> str:
    """Draws a spec as SVG that takes its colours and letters from the page's style."""
    still = {key: value for key, value in spec.items() if key != "params"}
    still["layer"] = [layer for layer in spec["layer"] if layer.get("name") != HOVER]
    still["config"] = theme(_WIDEST * FONT_SIZE)
    return _draw(json.dumps(still, sort_keys=True, allow_nan=False))


@lru_cache(maxsize=256)  # a run's report is written twice: by its last step, and into the workspace
def _draw(written: str) -> str:
    import vl_convert

    spec = json.loads(written)
    drawn = vl_convert.vegalite_to_svg(written, vl_version=VERSION, format_locale=LOCALE, allowed_base_urls=[])
    root = ElementTree.fromstring(drawn)
    box = root.get("viewBox")
    _slim(root)
    _tell_whole_names(root, dict(_shortened(spec)))
    inner = "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
    told = escape(spec["description"], quote=True)
    return f'<svg class="plot" viewBox="{box}" role="img" aria-label="{told}">{inner}</svg>'


def _slim(element: ElementTree.Element) -> None:
    """Leaves out what draws nothing, or what the page's style says: most of what Vega writes."""
    kept: list[ElementTree.Element] = []
    for child in element:
        if _is_frame(child):
            continue
        _slim(child)
        is_plain_group = child.tag == "g" and not child.attrib
        kept += list(child) if is_plain_group else [child]
    element[:] = kept
    element.tag = element.tag.rpartition("}")[2]
    for name, value in list(element.items()):
        if name in _USELESS or _USUAL.get(name) == value:
            del element.attrib[name]
        elif name in ("d", "transform"):
            element.set(name, _FRACTION.sub(_rounded, value))


def _is_frame(element: ElementTree.Element) -> bool:
    """Whether an element is the frame of a group, which has no colour in any plot."""
    return element.get("class") in ("background", "foreground")


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


_SHORT_AND_FULL = (("label", "name"), ("series", "name"), ("text", "full"))  # fields of rows


def _shortened(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yields texts of a plot that stand for longer ones, with these."""
    for row in chain.from_iterable(spec["datasets"].values()):
        yield from ((row[short], row[full]) for short, full in _SHORT_AND_FULL if {short, full} <= row.keys())
    headings = [heading for _, heading in spec["usermeta"]["columns"]]
    for title in _titles_of_axes(spec):
        yield from ((title, heading) for heading in headings if shorten(heading, len(title)) == title)


def _titles_of_axes(spec: Spec) -> set[str]:
    places = [layer["encoding"].get(axis, {}) for layer in spec["layer"] for axis in ("x", "y")]
    return {place["title"] for place in places if isinstance(place.get("title"), str)}


def _tell_whole_names(root: ElementTree.Element, names: Mapping[str, str]) -> None:
    """Has a pointer over a shortened text told the whole of it."""
    for element in root.iter("text"):
        short = element.text or ""
        if names.get(short, short) != short:
            whole = ElementTree.SubElement(element, "title")
            whole.text, whole.tail, element.text = names[short], short, None
