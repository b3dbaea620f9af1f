"""Kubeflow's service of finished tasks, which its driver asks for one with the same fingerprint.

Source: kubeflow/pipelines backend/api/v1beta1/task.proto, backend/src/v2/cacheutils/cache.go
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.end_to_end.grpc_service import running_service

_TEXT, _MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_ONE, _MANY = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL, descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
_FIELDS = {
    "Task": [("namespace", 2, _TEXT, _ONE), ("pipelineName", 3, _TEXT, _ONE), ("runId", 4, _TEXT, _ONE),
             ("mlmdExecutionID", 5, _TEXT, _ONE), ("fingerprint", 8, _TEXT, _ONE)],
    "CreateTaskRequest": [("task", 1, _MESSAGE, _ONE)],
    "ListTasksRequest": [("filter", 5, _TEXT, _ONE)],
    "ListTasksResponse": [("tasks", 1, _MESSAGE, _MANY)],
}  # fmt: skip


@contextmanager
def running_cache() -> Iterator[int]:
    """Starts the service on the loopback interface; gives its port."""
    messages, tasks = _messages(), list[Any]()

    def create(request: Any, _: grpc.ServicerContext) -> Any:
        tasks.insert(0, request.task)
        return request.task

    def find(request: Any, _: grpc.ServicerContext) -> Any:
        wanted = {each["key"]: each["stringValue"] for each in json.loads(request.filter)["predicates"]}
        found = [task for task in tasks if all(getattr(task, key) == value for key, value in wanted.items())]
        return messages["ListTasksResponse"](tasks=found[:1])

    methods = {"CreateTaskV1": (create, "CreateTaskRequest"), "ListTasksV1": (find, "ListTasksRequest")}
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            act, messages[asked].FromString, lambda answer: bytes(answer.SerializeToString())
        )
        for name, (act, asked) in methods.items()
    }
    with running_service("api.TaskService", handlers) as port:
        yield port


def _messages() -> dict[str, Any]:
    """The parts of the service's messages that are used, by name."""
    file = descriptor_pb2.FileDescriptorProto(name="tasks.proto", package="api", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            type_name = ".api.Task" if kind == _MESSAGE else None
            message.field.add(name=field, number=number, type=kind, label=label, type_name=type_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"api.{name}")) for name in _FIELDS}
