"""A server that captures: ids come in and go out, rows are on the disk within seconds and after the end."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kerasline.components.monitoring.records import parts_of
from kerasline.components.registry import push_version
from kerasline.pipeline.models import label_answers, monitor
from tests.pipeline.serving.serving_process import PREDICT, RAW, Running
from tests.pipeline.small_models import RECORD


def captured(workspace: Path) -> list[dict[str, Any]]:
    """The rows on the disk."""
    days = sorted((workspace / "captured").rglob("day=*"))
    return [row for day in days for part in parts_of(day) for row in pq.read_table(part, partitioning=None).to_pylist()]


def send(port: int, body: Any, request_id: str | None = None) -> tuple[int, str]:
    """Asks, and returns the code and the id that came back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {} if request_id is None else {"X-Request-Id": request_id}
    connection.request("POST", PREDICT, json.dumps(body), headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.getheader("X-Request-Id", "")


def test_requests_and_answers_are_captured(tmp_path: Path, doublers: list[Path]) -> None:
    record = {**RECORD, "serve": {"capture": {"share": 0.0, "redact": ["district"]}}}
    push_version(tmp_path / "models" / "doubler", doublers[1], record, keep=5)
    server = Running(tmp_path, "--capture", "1")
    assert any("doubler: 100% of requests and answers are kept in" in line for line in server.said)
    one = {**RAW, "instances": RAW["instances"][:1]}
    assert send(server.port, one, "a-1") == (200, "a-1")
    assert send(server.port, RAW, "b") == (200, "b")
    code, made = send(server.port, one)
    assert (code, len(made)) == (200, 32)
    assert send(server.port, {**RAW, "instances": [{}]}, "c") == (400, "c")
    for _ in range(100):
        if len(captured(tmp_path)) == 5:
            break
        time.sleep(0.1)
    rows = captured(tmp_path)
    assert [row["request_id"] for row in rows] == ["a-1", "b-0", "b-1", made, "c"]
    assert [row["value"] for row in rows] == [22.0, 22.0, 2.0, 22.0, None]
    assert [row["code"] for row in rows] == [200, 200, 200, 200, 400]
    assert rows[1]["input.area (m²)"] == 10.0
    assert "input.district" not in rows[1]
    send(server.port, RAW, "last")
    assert "kerasline_captured_requests_total 4" in server.ask("/metrics")[1]
    assert server.stop() == 0
    assert [row["request_id"] for row in captured(tmp_path)][-2:] == ["last-0", "last-1"]

    (tmp_path / "rents.csv").write_text("id,rent\na-1,22\nb-1,4\nc,1\n")
    outcome = label_answers(tmp_path, "doubler", str(tmp_path / "rents.csv"), "id")
    assert (outcome["joined"], outcome["unknown"]) == (2, 1), "what was refused has no answer"
    found = monitor("doubler", tmp_path)
    assert (found["answered"], found["failed"], found["labelled"]) == (6, 1, 2)
    assert found["quality"]["mae"]["value"] == 1.0
