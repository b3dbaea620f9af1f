"""Addresses of databases, as SQLAlchemy has them; a password stands in the environment and never in a recipe."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kerasline.components.core import ConfigError, lack_of_file

DATABASES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "duckdb": "duckdb",
}
PACKAGES = {"postgresql+psycopg": "'psycopg[binary]'", "mysql+pymysql": "pymysql", "duckdb": "duckdb duckdb-engine"}
_FILES = ("sqlite", "duckdb")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FORMS = "sqlite:///FILE, duckdb:///FILE, postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"


@dataclass(frozen=True)
class DatabaseUrl:
    """Where a database is.

    Attributes:
      driver: SQLAlchemy's name of it.
      text: the address without a password, for messages.
      file: of SQLite and DuckDB, absolute; None for a server.
    """

    driver: str
    text: str
    file: Path | None


def check_url(text: str) -> str:
    """Returns an address of a database as it is; the password may be ``${VARIABLE}``.

    Raises:
      ValueError: it is none, or has a password in it, which the message does not repeat.
    """
    scheme, _, rest = text.partition("://")
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        raise ValueError(f"expected {_FORMS}, got an address that cannot be read") from None
    if password is not None and not _VARIABLE.fullmatch(password):
        raise ValueError(
            f"expected {_FORMS}, without a password, got one with it; set it in the environment, and write "
            "USER:${VARIABLE}@HOST, or leave it to the database's own variable, such as PGPASSWORD"
        )
    if scheme not in DATABASES or not rest.strip("/"):
        raise ValueError(f"expected {_FORMS}, got {text!r}")
    return text


def parse_url(text: str, base_dir: Path) -> DatabaseUrl:
    """Takes an address apart.

    Args:
      text: of the recipe.
      base_dir: where a relative file is looked for.

    Raises:
      ConfigError: it is none, or its file is not there.
    """
    try:
        check_url(text)
    except ValueError as error:
        raise ConfigError(f"data.sql.url: {error}") from None
    scheme = text.partition("://")[0]
    if scheme not in _FILES:
        return DatabaseUrl(DATABASES[scheme], text, None)
    named = text.partition("://")[2].partition("?")[0].removeprefix("/")
    file = Path(os.path.abspath(base_dir / Path(unquote(named)).expanduser()))
    if not file.is_file():
        raise ConfigError(f"data.sql.url: expected a database of {scheme}, but {file} {lack_of_file(file)}.")
    return DatabaseUrl(DATABASES[scheme], f"{scheme}:///{file}", file)


def with_password(text: str) -> str:
    """Returns an address with the value of the variable that it names.

    Raises:
      ConfigError: the variable is not set.
    """
    from urllib.parse import quote

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ConfigError(
                f"data.sql.url: expected the password in the environment variable {found[1]}, which is not set."
            )
        return quote(os.environ[found[1]], safe="")

    return _VARIABLE.sub(value, text)
