"""What Kubeflow's driver and launcher talk to, small and on this machine: ML Metadata, Kubernetes' API, a store.

ML Metadata is the real one, behind the service that Kubeflow's programs call. The other two answer what those ask.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import grpc
from google.protobuf import message_factory
from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2

from tests.end_to_end.grpc_service import running_service
from tests.end_to_end.kubeflow_cache import running_cache

NAMESPACE = "kubeflow"


@dataclass
class Services:
    """Where the services listen, all on the loopback interface.

    Attributes:
      metadata: port of ML Metadata.
      cache: port of the service of finished tasks.
      kubernetes: port of Kubernetes' API, with TLS.
      certificate: file with what signs the latter.
      store: folder of the buckets.
    """

    metadata: int
    cache: int
    kubernetes: int
    certificate: Path
    store: Path


@contextmanager
def running_services(folder: Path) -> Iterator[Services]:
    """Starts the services; their files go into a folder."""
    store = folder / "store"
    with ExitStack() as stack:
        bucket = stack.enter_context(_serving(_Bucket, {"folder": store}))
        certificate, key = _make_certificate(folder)
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(certificate, key)
        objects = _objects(bucket)
        kubernetes = stack.enter_context(_serving(_Kubernetes, {"objects": objects}, secure))
        metadata = stack.enter_context(_metadata(folder / "metadata.sqlite"))
        yield Services(metadata, stack.enter_context(running_cache()), kubernetes, certificate, store)


@contextmanager
def _serving(
    handler: type[BaseHTTPRequestHandler], facts: dict[str, Any], secure: ssl.SSLContext | None = None
) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type(handler.__name__, (handler,), facts))
    if secure:
        server.socket = secure.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kubernetes", "-days", "2"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@contextmanager
def _metadata(file: Path) -> Iterator[int]:
    """ML Metadata on SQLite, behind its gRPC service."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(file)
    store, lock = metadata_store.MetadataStore(config), threading.Lock()

    def handler(method: Any) -> grpc.RpcMethodHandler:
        asked, answered = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            response = answered()
            try:
                with lock:
                    store._call(method.name, request, response)
            except errors.StatusError as error:
                code = next(code for code in grpc.StatusCode if code.value[0] == error.error_code)
                context.abort(code, str(error))
            return response

        return grpc.unary_unary_rpc_method_handler(call, asked.FromString, answered.SerializeToString)

    service = metadata_store_service_pb2.DESCRIPTOR.services_by_name["MetadataStoreService"]
    methods = {method.name: handler(method) for method in service.methods}
    with running_service(service.full_name, methods) as port:
        yield port


def _objects(bucket: int) -> dict[str, Any]:
    """What stands in Kubernetes, by path: where the launcher's configuration finds the store, and with what keys."""
    secret = {"secretName": "keys", "accessKeyKey": "accesskey", "secretKeyKey": "secretkey"}
    default = {
        "endpoint": f"127.0.0.1:{bucket}", "disableSSL": True, "region": "minio", "forcePathStyle": True,
        "credentials": {"fromEnv": False, "secretRef": secret},
    }  # fmt: skip
    word = base64.b64encode(b"minio").decode()
    core = f"/api/v1/namespaces/{NAMESPACE}"
    return {
        f"{core}/configmaps/kfp-launcher": {
            "kind": "ConfigMap",
            "data": {"providers": json.dumps({"minio": {"default": default}, "s3": {"default": default}})},
        },
        f"{core}/secrets/keys": {"kind": "Secret", "data": {"accesskey": word, "secretkey": word}},
    }


class _Kubernetes(BaseHTTPRequestHandler):
    """Gives the objects that are known; all else is not found."""

    objects: dict[str, Any]

    def do_GET(self) -> None:
        name = urlsplit(self.path).path
        found = self.objects.get(name)
        missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": name}
        told = {"apiVersion": "v1", "metadata": {"name": name.split("/")[-1]}, **(found or missing)}
        _answer(self, 200 if found else 404, json.dumps(told).encode(), "application/json")

    def log_message(self, *_: Any) -> None:
        """Stays silent."""


class _Bucket(BaseHTTPRequestHandler):
    """A store as S3 and MinIO are: objects by key, put whole or in parts, listed by prefix."""

    folder: Path
    protocol_version = "HTTP/1.1"
    parts: dict[str, dict[int, bytes]] = {}

    def _key(self) -> tuple[str, dict[str, list[str]]]:
        url = urlsplit(self.path)
        return unquote(url.path).strip("/"), parse_qs(url.query, keep_blank_values=True)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_PUT(self) -> None:
        key, query = self._key()
        body = self._body()
        if "uploadId" in query:
            self.parts.setdefault(query["uploadId"][0], {})[int(query["partNumber"][0])] = body
        else:
            self._write(key, body)
        self._answer_tag()

    def do_POST(self) -> None:
        key, query = self._key()
        self._body()
        name = f"<Bucket>{key.split('/')[0]}</Bucket><Key>{escape(key.partition('/')[2])}</Key>"
        if "uploads" in query:
            text = f"<InitiateMultipartUploadResult>{name}<UploadId>{len(self.parts)}</UploadId>"
            self.parts[str(len(self.parts))] = {}
            _answer(self, 200, f"{text}</InitiateMultipartUploadResult>".encode(), "application/xml")
            return
        sent = self.parts[query["uploadId"][0]]
        self._write(key, b"".join(sent[number] for number in sorted(sent)))
        text = f'<CompleteMultipartUploadResult>{name}<ETag>"1"</ETag></CompleteMultipartUploadResult>'
        _answer(self, 200, text.encode(), "application/xml")

    def do_GET(self) -> None:
        key, query = self._key()
        if "list-type" in query:
            self._list(key, query["prefix"][0] if "prefix" in query else "")
            return
        file = self.folder / key
        if not file.is_file():
            _answer(self, 404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
            return
        _answer(self, 200, file.read_bytes(), "application/octet-stream")

    do_HEAD = do_GET

    def _list(self, bucket: str, prefix: str) -> None:
        top = self.folder / bucket
        keys = sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
        entries = "".join(
            f'<Contents><Key>{escape(key)}</Key><Size>{(top / key).stat().st_size}</Size><ETag>"1"</ETag>'
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in keys
            if key.startswith(prefix)
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        _answer(self, 200, text.encode(), "application/xml")

    def _write(self, key: str, body: bytes) -> None:
        file = self.folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def _answer_tag(self) -> None:
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stays silent."""


def _answer(handler: BaseHTTPRequestHandler, code: int, body: bytes, kind: str) -> None:
    handler.send_response(code)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("ETag", '"1"')
    handler.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
