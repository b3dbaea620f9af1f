"""Tables of databases: SQLite always, PostgreSQL and MariaDB where they are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kerasline.components.core import ConfigError
from kerasline.components.datasets import DataOptions, Places, peek
from tests.components.datasets.servers import free_port, started

ROWS = [(n, n * 1.5, "ab"[n % 2], f"2024-01-{n % 28 + 1:02}", None if n % 9 == 0 else n) for n in range(60)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASLINE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE sales (id INTEGER, price REAL, town TEXT, day TEXT, size INTEGER)")
    connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?)", ROWS)
    connection.commit()
    return connection


def block(**changes: Any) -> dict[str, Any]:
    return {"sql": {"url": "sqlite:///shop.db", "table": "sales", "label": "price", "drop": ["id"], **changes}}


def question(query: str, **changes: Any) -> dict[str, Any]:
    return block(query=query, table=None, drop=[], **changes)


def test_a_table_reads_as_the_same_csv_does(database: Any, resolve: Any, rows: Any, write: Any) -> None:
    text = "id,price,town,day,size\n" + "".join(
        ",".join("" if v is None else str(v) for v in row) + "\n" for row in ROWS
    )
    write("t.csv", text)
    far, near = resolve(**block()), resolve(csv={"path": "t.csv", "label": "price", "drop": ["id"]})
    assert [(c.name, c.dtype, c.missing) for c in far.columns] == [(c.name, c.dtype, c.missing) for c in near.columns]
    assert sorted(map(repr, rows(far))) == sorted(map(repr, rows(near))) and far.source.endswith("shop.db")


def test_the_same_rows_are_the_same_data_and_later_rows_are_not_seen(database: Any, resolve: Any, rows: Any) -> None:
    before = resolve(**block())
    assert resolve(**block()) == before
    database.execute("UPDATE sales SET price = 7 WHERE id = 1")
    database.commit()
    assert sorted(row["price"] for row in rows(before)) == [row[1] for row in ROWS]  # as when it was described
    assert resolve(**block()).fingerprint != before.fingerprint


def test_a_look_names_the_columns(database: Any, tmp_path: Path) -> None:
    found = peek(
        DataOptions.model_validate(question("SELECT town, price AS cost FROM sales", label="cost")),
        Places(tmp_path, None),
    )
    assert found.columns == ("town", "cost") and not list((tmp_path / "cache").rglob("*.parquet"))
    with pytest.raises(ConfigError, match="has no label column 'prize'; its columns are .*Did you mean 'price'"):
        peek(DataOptions.model_validate(block(label="prize")), Places(tmp_path, None))


def test_truth_times_and_colons_of_a_query(database: Any, resolve: Any) -> None:
    dataset = resolve(
        **question("SELECT size, town = 'a:b' AS odd, '12:30' AS hour, price FROM sales WHERE day > '2024-01-05'")
    )
    assert [column.name for column in dataset.columns] == ["size", "odd", "hour"]


def test_a_column_whose_first_values_are_absent(database: Any, resolve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kerasline.components.datasets.databases.snapshots._ROWS", 10)
    dataset = resolve(
        **question("SELECT CASE WHEN id > 25 THEN size + 0.5 END AS late, town, price FROM sales ORDER BY id")
    )
    late = dataset.columns[0]
    assert (late.name, late.dtype) == ("late", "float") and late.missing > 25


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (block(table="sails"), "has no such table .*no such table: sails"),
        (question("SELECT prise, price FROM sales"), "has no such column .*prise"),
        (question("SELECT * FROM sales WHERE id > 1000"), "The query gives no rows from sqlite:///.*shop.db: SELECT"),
        (question("DELETE FROM sales"), "refuses a query that writes; data.sql.query may only read"),
        (question("SELEC 1"), "refuses the query .*syntax error"),
        (question("SELECT price, price FROM sales"), "The query gives two columns 'price'"),
        (question("SELECT CASE WHEN id < 5 THEN 'x' ELSE id END AS mixed, price FROM sales"),
         "column 'mixed' is text and whole numbers in its first rows; give it one type with CAST"),
        (question("SELECT town FROM sales"), "^sqlite:///.*shop.db has no label column 'price'; its columns are town"),
        (block(url="sqlite:///shops.db"), "expected a database of sqlite, but /.*shops.db does not exist"),
        (block(url="sqlite:///text.db"), "is no such database file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(database: Any, resolve: Any, write: Any, options: Any, words: str) -> None:
    write("text.db", "no database, but text " * 50)
    with pytest.raises(ConfigError, match=words) as told:
        resolve(**options)
    assert told.value.exit_code == 2 and "sqlite3." not in str(told.value) and "\n" not in str(told.value)
    assert database.execute("SELECT count(*) FROM sales").fetchone() == (60,)


def test_a_type_that_changes_after_some_thousand_rows(
    database: Any, resolve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasline.components.datasets.databases.snapshots._ROWS", 20)
    with pytest.raises(ConfigError, match="column 'mixed' is text after row 40, and int64 before; give it one type"):
        resolve(**question("SELECT CASE WHEN id < 40 THEN id ELSE 'x' END AS mixed, price FROM sales ORDER BY id"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:hidden@host/shop", "without a password, got one with it"),
        ("oracle://me@host/shop", "expected sqlite:///FILE, duckdb:///FILE, postgresql://"),
        ("shop.db", "expected sqlite:///FILE"),
    ],
)
def test_a_recipe_refuses_an_address_and_repeats_no_password(url: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DataOptions.model_validate(block(url=url))
    told = " ".join(error["msg"] for error in refused.value.errors())
    assert words in told and "hidden" not in told


def test_a_block_has_either_a_table_or_a_query() -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"query": "SELECT 1"}, "either 'query' or 'table', got both"),
        ({"table": None}, "got none"),
        ({"table": None, "query": " "}, "got none"),
        ({"query": " "}, "got both"),
        ({"table": "sales; DROP TABLE x"}, "expected the name of a table"),
    ]
    for changes, words in faults:
        with pytest.raises(ValidationError, match=words):
            DataOptions.model_validate(block(**changes))


def test_a_password_that_is_not_set(resolve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pymysql")
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="environment variable SHOP_PASSWORD, which is not set"):
        resolve(**block(url="mysql://me:${SHOP_PASSWORD}@127.0.0.1/shop"))
    monkeypatch.setenv("SHOP_PASSWORD", "hidden")
    port = free_port()
    with pytest.raises(ConfigError, match="does not answer; check host and port") as told:
        resolve(**block(url=f"mysql://me:${{SHOP_PASSWORD}}@127.0.0.1:{port}/shop"))
    assert "hidden" not in str(told.value)


_SHOP = (
    "CREATE DATABASE shop",
    "CREATE USER me@'127.0.0.1' IDENTIFIED BY 'hidden'",
    "GRANT ALL ON shop.* TO me@'127.0.0.1'",
    "CREATE TABLE shop.sales (price DECIMAL(8,2), size INT, sold BOOLEAN, day DATE, at DATETIME, town TEXT)",
)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    """A MariaDB server, with a user who may read and write, and a table of the types that people have."""
    from sqlalchemy import create_engine, text

    port = free_port()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        if shutil.which("mariadb-install-db") is None:
            pytest.skip("mariadb-install-db is not installed")
        os.chmod(folder, 0o777)
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
        own = ["--no-defaults", f"--datadir={folder}/data", f"--user={pwd.getpwuid(os.getuid()).pw_name}"]
        subprocess.run(["mariadb-install-db", *own, "--auth-root-authentication-method=normal"], **quiet)
        server = [
            "mariadbd",
            *own,
            f"--port={port}",
            f"--socket={folder}/s",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
        ]
        with started([*server, f"--pid-file={folder}/pid"], port):
            engine = create_engine(f"mysql+pymysql://root@127.0.0.1:{port}/mysql")
            with engine.begin() as connection:
                for line in _SHOP:
                    connection.execute(text(line))
                for n in range(40):
                    size = "NULL" if n % 7 == 0 else n
                    row = f"{n}.25, {size}, {n % 2}, '2024-02-{n % 28 + 1}', '2024-02-01 10-{n}-00', 'é'"
                    connection.execute(text(f"INSERT INTO shop.sales VALUES ({row})"))
            engine.dispose()
            yield f"mysql://me:${{SHOP_PASSWORD}}@127.0.0.1:{port}/shop"


def test_mariadb(mariadb: str, resolve: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hidden")
    dataset = resolve(**block(url=mariadb, drop=[]))
    assert [(c.name, c.dtype, c.missing) for c in dataset.columns] == [
        ("size", "int", 6), ("sold", "int", 0), ("day", "string", 0), ("at", "string", 0), ("town", "string", 0),
    ]  # fmt: skip
    first = min(rows(dataset), key=lambda row: row["price"])
    assert (first["price"], first["size"], first["day"], first["town"]) == (0.25, None, "2024-02-01", "é")
    assert "hidden" not in dataset.to_json()
    with pytest.raises(ConfigError, match="refuses a query that writes"):
        resolve(**question("DELETE FROM sales", url=mariadb))
    with pytest.raises(ConfigError, match="has no such table"):
        resolve(**block(url=mariadb, table="sails"))
    assert len(rows(resolve(**block(url=mariadb, drop=[])))) == 40
    monkeypatch.setenv("SHOP_PASSWORD", "wrong")
    with pytest.raises(ConfigError, match="refuses the login; check the user, and the password") as told:
        resolve(**block(url=mariadb, drop=[]))
    assert "wrong" not in str(told.value)
