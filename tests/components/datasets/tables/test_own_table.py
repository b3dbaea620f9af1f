"""Tables that a user's function gives: the same rows in every form, and what is no table is refused by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.datasets import DataOptions, resolve
from kerasline.components.datasets.resolving import read_shard
from kerasline.components.own_code import use_folder

BEGIN = """
import pandas as pd
import pyarrow as pa
ROWS = [{"size": n, "price": n * 1.5, "town": "ab"[n % 2], "floor": None if n < 30 else n % 4} for n in range(60)]
"""
FORMS = {
    "dicts": "yield from ROWS",
    "a list": "return ROWS",
    "a frame": "return pd.DataFrame(ROWS, index=[7] * len(ROWS)).astype({'floor': 'Int64'})",
    "frames": "yield pd.DataFrame(ROWS[:30])\n    yield pd.DataFrame(ROWS[30:])[['town', 'price', 'floor', 'size']]",
    "a table": "return pa.Table.from_pylist(ROWS)",
    "batches": "yield from pa.Table.from_pylist(ROWS).to_batches(max_chunksize=7)",
    "a reader": "return pa.Table.from_pylist(ROWS).to_reader(max_chunksize=7)",
}

Write = Callable[[str], DataOptions]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a function, and gives the ``data`` block that names it."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    names: list[str] = []

    def make(body: str, **options: Any) -> DataOptions:
        names.append(f"own_table_{len(names)}_{abs(hash(tmp_path))}")
        (tmp_path / f"{names[-1]}.py").write_text(f"{BEGIN}\ndef rows(**options):\n    {body}\n")
        block = {"function": f"{names[-1]}:rows", "label": "price", "options": options}
        return DataOptions.model_validate({"python": block})

    yield make
    for name in names:
        sys.modules.pop(name, None)


def found(options: DataOptions, folder: Path) -> tuple[str, list[Any]]:
    dataset = resolve(options, name="own", base_dir=folder, data_dir=None)
    return dataset.fingerprint, [row for shard in dataset.shards for _, row in read_shard(dataset, shard)]


FINGERPRINTED = """
import pandas as pd
from pathlib import Path
ASKED, STATE = Path("ASKED_FILE"), Path("STATE_FILE")

def rows(**options):
    ASKED.write_text(ASKED.read_text() + "x")
    return pd.DataFrame({"size": range(60), "price": [len(STATE.read_text()) + n / 2 for n in range(60)]})

rows.fingerprint = lambda **options: STATE.read_text()
"""


def test_a_fingerprint_spares_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked for where it, the code or the options are others, and where the copy is gone."""
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    asked, state, module = tmp_path / "asked", tmp_path / "state", tmp_path / "fingerprinted_rows.py"
    asked.write_text("")
    state.write_text("monday")
    code = FINGERPRINTED.replace("ASKED_FILE", str(asked)).replace("STATE_FILE", str(state))
    module.write_text(code)
    block: dict[str, Any] = {"function": "fingerprinted_rows:rows", "label": "price"}

    def times(**options: Any) -> tuple[int, str]:
        use_folder(tmp_path, ["fingerprinted_rows"])
        given = DataOptions.model_validate({"python": {**block, "options": options}})
        fingerprint, _ = found(given, tmp_path)
        return len(asked.read_text()), fingerprint

    count, first = times()
    assert (count, times()) == (1, (1, first))
    state.write_text("tuesday")
    count, second = times()
    assert count == 2 and second != first
    assert times(shop=1)[0] == 3
    module.write_text(code + "# edited")
    assert times() == (4, second)
    for copy in (tmp_path / "cache").rglob("rows-*.parquet"):
        copy.unlink()
    assert times() == (5, second)
    module.write_text(code + "rows.fingerprint = lambda **options: 3")
    with pytest.raises(ConfigError, match="expected a text from fingerprinted_rows:rows.fingerprint, got 3"):
        times()
    module.write_text(code + "rows.fingerprint = 'monday'  # for good")
    with pytest.raises(ConfigError, match="rows.fingerprint to be a function .* got 'monday'"):
        times()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_rows(write: Write, tmp_path: Path, form: str) -> None:
    fingerprint, rows = found(write(FORMS[form]), tmp_path)
    assert len(rows) == 60
    assert rows[31] == {"size": 31, "price": 46.5, "town": "b", "floor": 3}
    assert rows[3]["floor"] is None
    assert fingerprint == found(write(FORMS[form]), tmp_path)[0]
    assert fingerprint != found(write(FORMS[form].replace("ROWS", "ROWS[1:]")), tmp_path)[0]


def test_options_reach_the_function(write: Write, tmp_path: Path) -> None:
    options = write("return ROWS[:options['rows']]", rows=20)
    assert len(found(options, tmp_path)[1]) == 20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 3", "it gave int; return or yield one of these"),
        ("return None", "it gave NoneType"),
        ("return 'rows.csv'", "it gave str"),
        ("yield 1", "it gave int"),
        ("return []", "expected rows from .*, but it gave none"),
        (
            "yield ROWS[0]\n    yield {'size': 1}",
            "of the columns size, price, town, floor .* got columns size as row 2",
        ),
        ("yield ROWS[0]\n    yield 3", "got int as row 2"),
        ("yield ROWS[0]\n    raise OSError('gone')", "raised OSError in .*, line 8: gone; mend it"),
        (
            "return ROWS[:2] + [{**ROWS[2], 'size': 'big'}]",
            "of one type in the column 'size' of .*, got int and str; give",
        ),
        (
            "return pd.DataFrame({'a': [1, 'x', None], 'price': 1})",
            "of one type in the column 'a' of .*, got int and str; give",
        ),
        ("return pd.DataFrame([[1, 2]], columns=['1', 1])", "different names"),
        ("return pd.DataFrame([[1, 2]], columns=['a', 'a'])", "different names"),
        ("yield pd.DataFrame(ROWS)\n    yield pd.DataFrame({'a': [1]})", "in every piece from"),
        ("yield pd.DataFrame(ROWS[30:])\n    yield pd.DataFrame(ROWS).assign(size='x')", "of the types before"),
        ("return pd.DataFrame({'a': [1] * 20})", "the table of own_table_.*:rows has no label column 'price'"),
    ],
)
def test_what_is_no_table_is_refused(write: Write, tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        found(write(body), tmp_path)
    assert "data.python.function" in str(caught.value) or "label" in said
    assert not list((tmp_path / "cache").rglob(".*")), "nothing is left half written"
