"""Addresses of a team's metadata server: what is read from them, and that no password is taken or repeated."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kerasline.components.core.addresses.metadata_url import MetadataServer, parse_metadata_url
from kerasline.pipeline.config.run_options import RunOptions


def test_an_address_is_taken_apart() -> None:
    assert parse_metadata_url("mysql://ann@db.shop.internal/ml") == MetadataServer(
        "db.shop.internal", 3306, "ann", "ml", "", False
    )
    assert parse_metadata_url("mysql://a%40b@127.0.0.1:3307/a%20b?socket=/run/s&ssl=on") == MetadataServer(
        "127.0.0.1", 3307, "a@b", "a b", "/run/s", True
    )


@pytest.mark.parametrize(
    ("address", "came"),
    [
        ("mysql://ann@db", "got 'mysql://ann@db'"),
        ("mysql://db/ml", "got 'mysql://db/ml'"),
        ("mysql://ann@db/ml/more", "got 'mysql://ann@db/ml/more'"),
        ("postgresql://ann@db/ml", "without run.metadata it is a SQLite file in the workspace"),
        ("workspace/metadata.sqlite", "without run.metadata it is a SQLite file in the workspace"),
        ("mysql://ann@db:port/ml", "Port could not be cast to integer value as 'port'"),
        ("mysql://ann@db/ml?tls=1", "expected ssl=on or socket=PATH after the question mark, got 'tls=1'"),
        ("mysql://ann@db/ml?ssl=maybe", "expected ssl=on or socket=PATH after the question mark, got 'ssl=maybe'"),
    ],
)
def test_what_is_no_address_is_refused(address: str, came: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_metadata_url(address)
    assert came in str(refusal.value)


def test_a_password_in_a_recipe_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as refusal:
        RunOptions(metadata="mysql://ann:open-sesame@db/ml")
    sentence = refusal.value.errors()[0]["msg"]
    assert "belongs in the environment variable KERASLINE_METADATA_PASSWORD" in sentence and "sesame" not in sentence
