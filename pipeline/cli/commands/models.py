"""The commands about models that were pushed: models, promote, rollback, pin, unpin, serve, export."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kerasline.components.core import ConfigError, rounded
from kerasline.pipeline.cli.shared import (
    WORKSPACE,
    CaptureOption,
    JsonOption,
    ModelArgument,
    OnUnseenOption,
    SignatureOption,
    WorkspaceOption,
    check_on_unseen,
    completion,
    open_json,
)
from kerasline.pipeline.console import print_table

NameArgument = Annotated[str, typer.Argument(help="The name of a pushed model.", autocompletion=completion.models)]
VersionArgument = Annotated[int, typer.Argument(help="One of its versions.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(models)
    app.command()(promote)
    app.command()(rollback)
    app.command()(pin)
    app.command()(unpin)
    app.command()(serve)
    app.command()(export)


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show the versions of this model.", autocompletion=completion.models)
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
    json_file: JsonOption = None,
) -> None:
    """List the models that were pushed, or the versions of one."""
    from kerasline.pipeline.models import describe_models, describe_versions
    from kerasline.pipeline.workspace import mend_models

    write_json = open_json(json_file)
    mend_models(workspace)
    found = describe_versions(workspace, name) if name else describe_models(workspace)
    write_json(found)
    if not found:
        print(f"no models in {workspace} yet; push one with: kerasline run digits_cnn")
    elif name:
        _show_versions(workspace, name, found)
    else:
        _show_models(found)


def promote(
    name: NameArgument,
    version: VersionArgument,
    reason: Annotated[str, typer.Option(help="Why, for the history.")],
    require_signature: SignatureOption = None,
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Put a version into production, once it has loaded and answered in a fresh process."""
    from kerasline.pipeline.models import commands as registry

    move, trial = registry.promote(workspace / "models", name, version, reason, require_signature)
    _say_moved(name, move, trial)


def rollback(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "rolled back by hand",
    require_signature: SignatureOption = None,
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Put the version into production that was there before, once it has loaded and answered."""
    from kerasline.pipeline.models import commands as registry

    def tell(move: dict[str, Any], trial: Any) -> None:
        _say_moved(name, move, trial)

    registry.roll_back(workspace / "models", name, reason, tell, require_signature)


def pin(
    name: NameArgument,
    version: VersionArgument,
    reason: Annotated[str, typer.Option(help="Why it is kept.")] = "pinned by hand",
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Keep a version, whatever push.keep says."""
    from kerasline.pipeline.models import commands as registry

    registry.pin(workspace / "models", name, version, reason)
    print(f"version {version} of {name} stays until: kerasline unpin {name} {version}")


def unpin(name: NameArgument, version: VersionArgument, workspace: WorkspaceOption = WORKSPACE) -> None:
    """Let a pinned version be pruned again."""
    from kerasline.pipeline.models import commands as registry

    registry.pin(workspace / "models", name, version, None)
    print(f"version {version} of {name} goes when push.keep says so")


def serve(
    host: Annotated[str, typer.Option(help="Only this machine can reach the default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8501,
    names: Annotated[list[str], typer.Option("--model", metavar="NAME", help="Serve this model; default: all.")] = [],  # noqa: B006 (typer's way)
    max_request_mb: Annotated[float, typer.Option(min=0.001, help="Larger requests are refused.")] = 32.0,
    poll_seconds: Annotated[float, typer.Option(min=0.05, help="How often to look at what is in production.")] = 1.0,
    allow_host: Annotated[
        list[str], typer.Option(metavar="NAME", help="Answer requests to this name, too; default: localhost.")
    ] = [],  # noqa: B006
    on_unseen: OnUnseenOption = "warn",
    capture: CaptureOption = None,
    shadow: Annotated[
        list[str], typer.Option(metavar="NAME@V", help="Let this version answer the same requests, for the record.")
    ] = [],  # noqa: B006
    canary: Annotated[
        list[str], typer.Option(metavar="NAME@V", help="Let this version answer --share of the requests.")
    ] = [],  # noqa: B006
    share: Annotated[float | None, typer.Option(help="Of the requests, which a canary answers; by their ids.")] = None,
    require_signature: SignatureOption = None,
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Answer TensorFlow Serving's REST API, for development; follows promote and rollback."""
    from kerasline.components.signing import check_public_key
    from kerasline.pipeline.models import find_challengers, find_model

    check_on_unseen(on_unseen)
    if require_signature is not None:
        check_public_key(require_signature, "--require-signature")
    models_folder = workspace / "models"
    for name in names:
        find_model(models_folder, name)
    given = find_challengers(models_folder, shadow, canary, share)
    _check_capture(capture, [*shadow, *canary])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("kerasline").setLevel(logging.INFO)
    if host not in ("127.0.0.1", "localhost", "::1"):
        print(f"anybody who reaches {host} can use these models: there is no password", file=sys.stderr)
    print("loading TensorFlow, which takes some seconds", flush=True)
    from kerasline.pipeline.serving import serve as serve_models

    serve_models(
        models_folder,
        host,
        port,
        names=names or None,
        max_bytes=int(max_request_mb * 1e6),
        poll_seconds=poll_seconds,
        hosts=allow_host,
        on_unseen=on_unseen,
        capture=capture,
        given=given,
        public_key=require_signature,
    )


def _check_capture(capture: float | None, compared: list[str]) -> None:
    if capture == 0 and compared:
        raise ConfigError(
            f"--capture: expected more than 0 beside a version that is compared ({compared[0]}), got 0; what is not "
            "kept cannot be compared, so leave --capture out"
        )


def export(
    model: ModelArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")],
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Copy a version with all that explains it into a folder that loads with plain TensorFlow."""
    from kerasline.pipeline.models import export_version
    from kerasline.pipeline.workspace import open_workspace

    for line in export_version(open_workspace(workspace), model, folder):
        print(f"left out  {line}")
    print(f"{folder} has {', '.join(sorted(path.name for path in folder.iterdir()))}")


def _say_moved(name: str, move: dict[str, Any], trial: Any) -> None:
    if trial is None:
        print(
            f"{name}: version {move['version']} is in production; a rollback from version {move['replaced']} of "
            f"{move['moved_at']} was cut off after it had moved production, so this one moved nothing more; to go "
            f"back further, run it again"
        )
        return
    print(
        f"{name}: version {move['version']} is in production, before it was "
        f"{move['replaced'] or 'none'}; it loaded in {trial.load_seconds:.1f} s and answered {trial.requests} requests",
        flush=True,
    )


def _show_models(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("model", "production", "versions", "metric", "pushed", "data"):
        table.add_column(title, no_wrap=title in ("model", "production"))
    for model in found:
        current = model["production"]
        shown = _columns(current) if current else ("", "", "")
        number = str(current["version"]) if current else "none"
        table.add_row(model["name"], number, str(model["versions"]), *shown)
    print_table(table)
    print("more: kerasline models NAME")


def _show_versions(workspace: Path, name: str, found: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("version", "state", "metric", "pushed", "data", "run", "MB"):
        table.add_column(title, no_wrap=title in ("version", "state", "run"))
    for version in found:
        state = ", ".join(filter(None, _states(version)))
        size = f"{version['size_bytes'] / 1e6:.2f}"
        table.add_row(str(version["version"]), state, *_columns(version), version["run_id"] or "", size)
    print_table(table)
    from kerasline.components.registry import read_events

    print("\nwhat was in production:")
    for move in read_events(workspace / "models" / name):
        by = f" by {move['who']}" if "who" in move else ""
        # A push and a promotion are of a version, a return is to one.
        of = "to" if move.get("action") == "rollback" else "of"
        print(
            f"  {move['moved_at']}  {move.get('action', 'push')} {of} version {move['version']}{by}: {move['reason']}"
        )


def _states(version: Mapping[str, Any]) -> Iterator[str]:
    """Gives what there is to say of a version: where it stands, why it is kept, and what is wrong with it."""
    yield version["state"]
    if version["pinned"]:
        yield f"pinned ({version['pinned']})"
    if version["problem"]:
        yield f"unusable: {version['problem']}"


def _columns(version: dict[str, Any]) -> tuple[str, str, str]:
    metric = version["main_metric"]
    value = version["metrics"].get(metric)
    data = (version["data_fingerprint"] or "")[:8]
    if version["spans"]:
        data += f" {version['spans']}"
    return (f"{metric} {rounded(value)}" if value is not None else "", (version["pushed_at"] or "")[:16], data)
