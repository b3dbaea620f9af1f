"""The commands about signatures of versions: sign and verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kerasline.pipeline.cli.shared import WORKSPACE, ModelArgument, WorkspaceOption


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(sign)
    app.command()(verify)


def sign(
    model: ModelArgument,
    key: Annotated[Path, typer.Option(metavar="PRIVATE-KEY", help="Of an elliptic curve, PEM, without a password.")],
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Sign a version that was pushed, for serve and promote to ask for; push.sign signs each from then on."""
    from kerasline.pipeline.models import signing

    name, version = signing.sign(workspace / "models", model, key)
    print(f"version {version} of {name} is signed")


def verify(
    model: ModelArgument,
    key: Annotated[Path, typer.Option(metavar="PUBLIC-KEY", help="Of the key that signed it, PEM.")],
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Say whether a version is what was signed: every file, under this name and number."""
    from kerasline.pipeline.models import signing

    name, version, files = signing.verify(workspace / "models", model, key)
    print(f"version {version} of {name} is what was signed with the key of {key}: {files} files")
