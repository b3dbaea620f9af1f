"""Writes small Excel workbooks, member by member as ECMA-376 has them; values of cells as Excel itself writes them."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_FIRST_DAY = datetime(1899, 12, 30)
# Number formats that come with Excel: general, day, time of day, day and time, and length of time.
_FORMATS = {None: 0, date: 14, time: 21, datetime: 22, timedelta: 46}
_STYLES = {kind: place for place, kind in enumerate(_FORMATS)}


def write_workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    hidden: Collection[str] = (),
    merged: Sequence[str] = (),
) -> None:
    """Writes a workbook of sheets, whose rows begin in cell A1; None leaves a cell out, "#N/A" is the error.

    Cells are merged in ranges such as ``A1:B1``, in every sheet.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _members(sheets, hidden, merged).items():
            archive.writestr(name, _HEAD + content)


def _members(
    sheets: Mapping[str, Sequence[Sequence[Any]]], hidden: Collection[str], merged: Sequence[str]
) -> dict[str, str]:
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"{_state(name in hidden)}/>'
        for number, name in zip(numbers, sheets, strict=True)
    )
    targets = "".join(
        f'<Relationship Id="r{number}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    styles = "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in _FORMATS.values())
    ranges = "".join(f'<mergeCell ref="{place}"/>' for place in merged)
    merges = f'<mergeCells count="{len(merged)}">{ranges}</mergeCells>' if merged else ""
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_NAMESPACE}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{targets}'
        f'<Relationship Id="s" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_NAMESPACE}"><cellXfs count="{len(_FORMATS)}">{styles}</cellXfs>'
        "</styleSheet>",
        **{
            f"xl/worksheets/sheet{number}.xml": f'<worksheet xmlns="{_NAMESPACE}"><sheetData>{_rows(rows)}</sheetData>'
            f"{merges}</worksheet>"
            for number, rows in zip(numbers, sheets.values(), strict=True)
        },
    }


def _state(is_hidden: bool) -> str:
    return ' state="hidden"' if is_hidden else ""


def _rows(rows: Sequence[Sequence[Any]]) -> str:
    return "".join(
        f'<row r="{number}">'
        + "".join(_cell(f"{_letters(place)}{number}", cell) for place, cell in enumerate(row) if cell is not None)
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )


def _letters(place: int) -> str:
    return chr(ord("A") + place)


def _cell(at: str, value: Any) -> str:
    if value == "#N/A":
        return f'<c r="{at}" t="e"><v>#N/A</v></c>'
    if isinstance(value, str):
        return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (date, time, timedelta)):
        return f'<c r="{at}" s="{_STYLES[type(value)]}"><v>{_days(value)!r}</v></c>'
    return f'<c r="{at}"><v>{value!r}</v></c>'


def _days(value: Any) -> float:
    """Returns what Excel keeps of a day or a time: days since the end of 1899."""
    day = timedelta(days=1)
    if isinstance(value, timedelta):
        return value / day
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second) / day
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return (moment - _FIRST_DAY) / day
