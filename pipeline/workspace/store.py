"""ML Metadata of a workspace: a SQLite file in it, or a MySQL server that a team shares.

On a server, each workspace has pipelines of its own: artifacts are files of a workspace, so that one run must not take
another workspace's outputs from the cache, and must not clean up after another's runs.
"""

from __future__ import annotations

import os
import random
import socket
import time
import uuid
from typing import TYPE_CHECKING

from kerasline.components.core import PASSWORD_VARIABLE, ConfigError, MetadataServer, parse_metadata_url
from kerasline.pipeline.workspace.workspace import Workspace

if TYPE_CHECKING:
    from ml_metadata.metadata_store.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

_REACH_SECONDS = 5.0
_MOST_ATTEMPTS = 10


def connection(workspace: Workspace) -> metadata_store_pb2.ConnectionConfig:
    """Returns how ML Metadata connects; of a server with the password, so it must not be printed."""
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    if workspace.server is None:
        config.sqlite.filename_uri = str(workspace.metadata)
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config
    server = parse_metadata_url(workspace.server)
    if server.socket:  # it aborts the process where both are given
        config.mysql.socket = server.socket
    else:
        # Its client takes this name for a socket of a fixed path, whatever the port.
        config.mysql.host = "127.0.0.1" if server.host == "localhost" else server.host
        config.mysql.port = server.port
    config.mysql.user, config.mysql.database = server.user, server.database
    config.mysql.password = os.environ.get(PASSWORD_VARIABLE, "")
    if server.encrypted:
        # That the options are there is what encrypts. Its client finds no certificate right, so none can be checked.
        config.mysql.ssl_options.verify_server_cert = False
    return config


def open_store(workspace: Workspace) -> MetadataStore:
    """Opens a workspace's store to look into it; a file is only read.

    Raises:
      ConfigError: the server does not answer, or does not let the user in.
    """
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    config = connection(workspace)
    if workspace.server is None:
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
        return metadata_store.MetadataStore(config)
    server = parse_metadata_url(workspace.server)
    _check_answers(server)
    for attempt in range(_MOST_ATTEMPTS):
        try:
            return metadata_store.MetadataStore(config)
        except Exception as error:  # ML Metadata's own, of several kinds
            # Two that make the tables of a new database at once get into each other's way.
            if attempt + 1 == _MOST_ATTEMPTS or "real_connect" in str(error) or "denied" in str(error):
                raise ConfigError(_explain(server, error)) from error
            time.sleep(random.random())
    raise AssertionError("the last attempt returns or raises")


def check_store(workspace: Workspace) -> None:
    """Refuses a server that cannot be used, before a step runs.

    Raises:
      ConfigError: it does not answer, or does not let the user in.
    """
    if workspace.server is not None:
        open_store(workspace)


def pipeline_name(workspace: Workspace, name: str) -> str:
    """Names a pipeline in the store: on a server with the workspace behind it."""
    return name if workspace.server is None else f"{name}@{_workspace_id(workspace)}"


def split_node(workspace: Workspace, node: str) -> tuple[str, str] | None:
    """Takes the name of a node's context apart.

    Returns:
      The recipe and the step; None where it belongs to another workspace.
    """
    pipeline, step = node.split(".", 1)
    if workspace.server is None:
        return pipeline, step
    name, _, owner = pipeline.rpartition("@")
    return (name, step) if owner == _workspace_id(workspace) else None


def _workspace_id(workspace: Workspace) -> str:
    """Returns what tells this workspace from the others of a server; made once, and kept in the workspace."""
    file = workspace.root / ".workspace-id"
    if not file.is_file():
        made = workspace.root / f".workspace-id-{os.getpid()}"
        made.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
        try:
            os.link(made, file)  # fails where another process was faster
            made.unlink()
        except FileExistsError:
            made.unlink()
        except OSError:  # mounted buckets have no links
            os.replace(made, file)
    return file.read_text(encoding="utf-8")


def _check_answers(server: MetadataServer) -> None:
    try:
        if server.socket:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(_REACH_SECONDS)
                client.connect(server.socket)
        else:
            socket.create_connection((server.host, server.port), _REACH_SECONDS).close()
    except OSError as error:
        raise ConfigError(
            f"run.metadata: expected a MySQL server at {_place(server)}, but nothing answers there "
            f"({error.strerror or error})"
        ) from error


def _place(server: MetadataServer) -> str:
    return server.socket or f"{server.host}:{server.port}"


def _explain(server: MetadataServer, error: Exception) -> str:
    said = str(error).rpartition("error: ")[2].strip().rstrip(".")
    password = "is set, and may be wrong" if os.environ.get(PASSWORD_VARIABLE) else "is not set"
    return (
        f"run.metadata: expected the server at {_place(server)} to let {server.user} into the database "
        f"{server.database}, but it does not{f' ({said})' if said else ''}; {PASSWORD_VARIABLE} {password}, and the "
        "account has to sign in with mysql_native_password, the only way that ML Metadata has"
    )


def output_places(store: MetadataStore, execution_id: int) -> tuple[str, ...]:
    """Returns where the outputs of an execution lie."""
    from ml_metadata.proto import metadata_store_pb2

    events = store.get_events_by_execution_ids([execution_id])
    outputs = [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    return tuple(artifact.uri for artifact in store.get_artifacts_by_id(outputs))
