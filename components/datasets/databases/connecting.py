"""Connections to databases that can read and nothing else, and how their failures are told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kerasline.components.core import ConfigError
from kerasline.components.datasets.databases.urls import PACKAGES, DatabaseUrl, with_password

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CONNECT_SECONDS = 15


@contextmanager
def reading(url: DatabaseUrl) -> Iterator[Connection]:
    """Opens a connection whose transaction may only read, and closes it.

    Raises:
      ConfigError: the driver is not installed, nobody answers, the login fails, or what the database says of a query.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        engine = _engine(url)
    except ImportError:
        raise ConfigError(f"{url.text} needs a driver; install it with: pip install {PACKAGES[url.driver]}") from None
    try:
        with engine.connect() as connection:
            _only_read(connection, url.driver)
            yield connection
    except DBAPIError as error:
        raise ConfigError(f"{url.text} {_told(str(error.orig))}") from None
    except SQLAlchemyError as error:
        raise ConfigError(f"{url.text} {_told(str(error))}") from None
    finally:
        engine.dispose()


def _engine(url: DatabaseUrl) -> Any:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    if url.driver == "sqlite":
        return create_engine(f"sqlite:///file:{url.file}?mode=ro&uri=true", poolclass=NullPool)
    if url.driver == "duckdb":
        return create_engine(f"duckdb:///{url.file}", connect_args={"read_only": True}, poolclass=NullPool)
    address = make_url(with_password(url.text)).set(drivername=url.driver)
    if url.driver.startswith("mysql") and address.password is None:
        address = address.set(password=os.environ.get("MYSQL_PWD", ""))
    arguments = {"connect_timeout": _CONNECT_SECONDS}
    return create_engine(address, connect_args=arguments, poolclass=NullPool)


def _only_read(connection: Connection, driver: str) -> None:
    from sqlalchemy import text

    if driver.startswith("postgresql"):
        # One state for all queries; each sees what was committed before it otherwise.
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    elif driver == "sqlite":
        connection.exec_driver_sql("BEGIN")  # Python's driver begins only before it writes
    elif driver.startswith("mysql"):
        connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
        connection.commit()


_TOLD = (
    (r"read.?only|READ ONLY|syntax error at or near .(DELETE|INSERT|UPDATE|DROP|CREATE|ALTER|TRUNCATE)",
     "refuses a query that writes; data.sql.query may only read"),
    (r"authentication failed|Access denied|no password supplied|role .* does not exist|28P01|28000",
     "refuses the login; check the user, and the password in the environment"),
    (r"database .* does not exist|Unknown database", "has no such database; correct data.sql.url"),
    (r"file is not a database|not a valid DuckDB", "is no such database file; correct data.sql.url"),
    (r"refused|could not translate|resolve host|timeout|timed out|Can't connect|not known",
     "does not answer; check host and port, and that the database runs"),
    (r"no such table|relation .* does not exist|Table .* (doesn't|does not) exist|Catalog Error",
     "has no such table"),
    (r"no such column|column .* does not exist|Unknown column", "has no such column"),
)  # fmt: skip


def _told(error: str) -> str:
    """Says in a sentence what a database said; its first line holds the name that it did not know."""
    first = " ".join(next(iter(error.strip("()").splitlines()), "").split())[:200]
    words = next((words for sign, words in _TOLD if re.search(sign, error, re.I)), "refuses the query")
    secret = "" if "login" in words or "answer" in words else f" (it says: {first})"
    return f"{words}{secret}."
