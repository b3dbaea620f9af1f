"""Queries that are read by ranges of a column: SQLite always, PostgreSQL where it and its driver are installed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.datasets import DataOptions, Places, peek
from tests.components.datasets.servers import free_port

# Every seventh has no number, and the numbers lie close together but for the last one.
ROWS = [(None if n % 7 == 0 else n if n < 59 else 10_000, n * 1.5, "ab"[n % 2], f"{n % 3}") for n in range(60)]

# Some of 216,000 rows, few with a number: that two askings have as many is as good as impossible.
_SOME = """SELECT CASE WHEN b.rowid = 1 AND c.rowid = 1 THEN a.id END AS id, a.price, a.size
  FROM sales a, sales b, sales c LIMIT abs(random() % 216000)"""


@pytest.fixture(autouse=True)
def small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("kerasline.components.datasets.databases.ranges.ROWS_A_PART", 10)


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE sales (id INTEGER, price REAL, town TEXT, size TEXT)")
    connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", ROWS)
    connection.commit()
    return connection


def block(query: str = "SELECT * FROM sales", url: str = "sqlite:///shop.db", **changes: Any) -> dict[str, Any]:
    return {"sql": {"url": url, "query": query, "label": "price", **changes}}


def values(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM sales",
        "SELECT id, price, town FROM sales WHERE town = 'a' OR size <> '12:kerasline' ; ",
        'WITH some AS (SELECT * FROM sales WHERE price < 50)\nSELECT id AS "id", price, size FROM some -- the cheap',
        "SELECT * FROM sales WHERE id IS NULL",
        "SELECT * FROM sales ORDER BY price LIMIT 25",
    ],
)
def test_parts_have_the_rows_of_the_whole(database: Any, resolve: Any, rows: Any, query: str) -> None:
    whole, parts = resolve(**block(query)), resolve(**block(query, partition_column="id"))
    assert [(c.name, c.dtype, c.missing) for c in parts.columns] == [
        (c.name, c.dtype, c.missing) for c in whole.columns
    ]
    assert values(rows(parts)) == values(rows(whole))


@pytest.mark.parametrize("column", ["id", "price"])
def test_no_part_has_many_rows_and_all_are_asked_for(
    database: Any, resolve: Any, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    from kerasline.components.datasets.databases import ranges

    asked: list[dict[str, Any]] = []
    original = ranges._conditions

    def listen(*arguments: Any) -> Iterator[Any]:
        for condition, bounds in original(*arguments):
            asked.append(dict(bounds))
            yield condition, bounds

    monkeypatch.setattr(ranges, "_conditions", listen)
    resolve(**block(partition_column=column))
    ends = [bounds["kerasline_upper"] for bounds in asked if "kerasline_upper" in bounds]
    assert len(ends) == 5 and ends == sorted(ends)
    assert ({} in asked) is (column == "id")  # NULL is in no range


def test_the_same_rows_in_another_order_are_the_same_data(database: Any, resolve: Any) -> None:
    before = resolve(**block(partition_column="id")).fingerprint
    database.execute("DELETE FROM sales")
    database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", ROWS[::-1])
    database.commit()
    assert resolve(**block(partition_column="id")).fingerprint == before
    assert resolve(**block()).fingerprint != before


@pytest.mark.parametrize(
    ("query", "column", "words"),
    [
        ("SELECT * FROM sales", "idd", "partition_column: expected a column of the query to sqlite:///.*, got 'idd'; "
         "its columns are id, price, town, size. Did you mean 'id'"),
        ("SELECT price, town FROM sales", "id", "expected a column of the query .* got 'id'; its columns are price"),
        ("SELECT * FROM sales", "town", "expected whole numbers, fractions, dates or times in 'town', got 'a'"),
        ("SELECT CASE WHEN price > 50 THEN town ELSE id END AS id, price, size FROM sales", "id", "in 'id', got 'b'"),
        ("SELECT 9e999 * id AS id, price, size FROM sales", "id", "in 'id', got inf among them"),
        ("SELECT * FROM sales WHERE price < 0", "id", "The query gives no rows from sqlite:///"),
        (_SOME, "id", "gives other rows each time that it is asked"),
    ],
)  # fmt: skip
def test_what_ranges_cannot_divide_is_one_sentence(
    database: Any, resolve: Any, query: str, column: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        resolve(**block(query, partition_column=column))
    assert told.value.exit_code == 2 and "\n" not in str(told.value)


def test_a_look_finds_a_column_that_is_not_there(database: Any, tmp_path: Path) -> None:
    options = DataOptions.model_validate(block(partition_column="idd"))
    with pytest.raises(ConfigError, match="Did you mean 'id'"):
        peek(options, Places(tmp_path, None))


_SHOP = """
CREATE TABLE sales (id bigint, price numeric(8,2), day date, at timestamptz, "Odd ""name" double precision, town text,
  sold boolean);
INSERT INTO sales SELECT CASE WHEN n % 7 = 0 THEN NULL ELSE n END, n + 0.25, date '2024-01-01' + n,
  timestamptz '2024-01-01 12:30:00+01' + n * interval '7 hours', n / 4.0, CASE n % 2 WHEN 0 THEN 'é' ELSE 'b' END,
  n % 3 = 0 FROM generate_series(0, 59) AS n;
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL server with a table of the types that people have; it does not run as root."""
    psycopg = pytest.importorskip("psycopg")
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("initdb and pg_ctl are not installed")
    port = free_port()
    other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if other and subprocess.run([*other, "true"], check=False, capture_output=True).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o777)
        made = [*other, "initdb", "-D", f"{folder}/data", "-U", "me", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder)
        control = [*other, "pg_ctl", "-D", f"{folder}/data", "-w", "-m", "immediate"]
        server = ["-o", f"-p {port} -k {folder} -h 127.0.0.1", "-l", f"{folder}/log"]
        subprocess.run([*control, *server, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        try:
            with psycopg.connect(host="127.0.0.1", port=port, user="me", dbname="postgres") as connection:
                connection.execute(_SHOP)
            yield f"postgresql://me@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "stop"], check=False, stdout=subprocess.DEVNULL, cwd=folder)


@pytest.mark.parametrize("column", ["id", "price", "day", "at", 'Odd "name'])
def test_postgresql(postgres: str, resolve: Any, rows: Any, column: str) -> None:
    whole, parts = resolve(**block(url=postgres)), resolve(**block(url=postgres, partition_column=column))
    assert [(c.name, c.dtype, c.missing) for c in parts.columns] == [
        (c.name, c.dtype, c.missing) for c in whole.columns
    ]
    assert values(rows(parts)) == values(rows(whole)) and len(rows(parts)) == 60


@pytest.mark.parametrize(("column", "came"), [("town", "'.'"), ("sold", "true")])
def test_postgresql_refuses_what_has_no_ranges(postgres: str, resolve: Any, column: str, came: str) -> None:
    with pytest.raises(ConfigError, match=f"in '{column}', got {came}; name another column, or CAST it"):
        resolve(**block(url=postgres, partition_column=column))


def test_rows_that_are_written_meanwhile_are_not_seen(
    postgres: str, resolve: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    from kerasline.components.datasets.databases import ranges

    original = ranges._conditions

    def write_between(*arguments: Any) -> Iterator[Any]:
        for number, part in enumerate(original(*arguments)):
            if number == 2:
                with psycopg.connect(postgres) as connection:
                    connection.execute("INSERT INTO late SELECT * FROM sales")
            yield part

    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE late AS SELECT * FROM sales")
    monkeypatch.setattr(ranges, "_conditions", write_between)
    dataset = resolve(**block("SELECT * FROM late", url=postgres, partition_column="id"))
    assert len(rows(dataset)) == 60
