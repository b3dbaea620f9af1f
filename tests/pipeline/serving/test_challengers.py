"""Versions beside the one in production: they see its requests or answer some of them, and a client never waits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from kerasline.components.core import ConfigError
from kerasline.components.monitoring import Capture
from kerasline.components.registry import (
    Challenger,
    push_version,
    read_challenger,
    read_events,
    registry_lock,
    set_challenger,
)
from kerasline.pipeline.web import Answer, Request
from tests.pipeline.serving.serving_process import PREDICT, RAW, Running, move
from tests.pipeline.serving.test_capturing import captured, send
from tests.pipeline.small_models import RECORD

ONE = {**RAW, "instances": RAW["instances"][:1]}


class Serving:
    """A server without its web part, in this process; production is version 1."""

    def __init__(self, root: Path, given: dict[str, Challenger] | None = None) -> None:
        from kerasline.pipeline.serving.answers import Responder
        from kerasline.pipeline.serving.challengers import Challengers
        from kerasline.pipeline.serving.models import ServedModels

        self.root = root
        self.served = served = ServedModels(root / "models")
        served.refresh()
        self.challengers = Challengers(root / "models", served, given or {})
        self.challengers.refresh()
        self.capture = Capture(root / "captured")
        self.responder = Responder(served, 50_000, capture=self.capture, challengers=self.challengers)

    def ask(self, body: Any, request_id: str = "", path: str = PREDICT) -> Answer:
        """Sends a request."""
        return self.responder.respond(Request("POST", path, {"x-request-id": request_id}, json.dumps(body).encode()))

    def metrics(self) -> str:
        """What Prometheus would read."""
        return self.responder.respond(Request("GET", "/metrics", {}, b"")).body.decode()

    def rows(self) -> list[tuple[int, str | None, str, float | None, int]]:
        """Ends the server, and returns version, role, id, value and code of what was captured."""
        self.responder.close()
        self.capture.close()
        return [(r["version"], r.get("role"), r["request_id"], r.get("value"), r["code"]) for r in captured(self.root)]


@pytest.fixture
def root(tmp_path: Path, doublers: list[Path]) -> Path:
    """A workspace with two versions of the doubler, whose first one is in production."""
    for model in doublers[:2]:
        push_version(tmp_path / "models" / "doubler", model, RECORD, keep=5)
    move(tmp_path / "models" / "doubler", 1)
    return tmp_path


@pytest.fixture
def serving(root: Path) -> Iterator[Callable[[Challenger], Serving]]:
    """Starts a server with a challenger; it is ended in any case."""
    started: list[Serving] = []

    def start(challenger: Challenger) -> Serving:
        started.append(Serving(root, {"doubler": challenger}))
        return started[-1]

    yield start
    for one in started:
        one.rows()


def test_a_shadow_sees_what_production_answers(serving: Callable[[Challenger], Serving]) -> None:
    server = serving(Challenger(2, "shadow"))
    assert json.loads(server.ask(ONE, "a").body) == {"predictions": [12.0]}
    assert server.ask(RAW, "b").code == 200
    assert server.ask({**RAW, "instances": [{}]}, "c").code == 400
    assert server.ask(ONE, "d", PREDICT.replace(":predict", "/versions/2:predict")).code == 200
    assert server.rows() == [
        *((1, None, "a", 12.0, 200), (1, None, "b-0", 12.0, 200), (1, None, "b-1", 1.0, 200)),
        *((1, None, "c", None, 400), (2, "shadow", "a", 22.0, 200)),
        *((2, "shadow", "b-0", 22.0, 200), (2, "shadow", "b-1", 2.0, 200)),
    ], "what was asked for by number is no part of the comparison"
    times = {(row["version"], row["request_id"]): row["time"] for row in captured(server.root)}
    assert times[1, "a"] == times[2, "a"], "they are paired by it"
    assert 'kerasline_challenger_requests_total{model="doubler",version="2",role="shadow",code="200"} 2' in (
        server.metrics()
    )


def test_a_shadow_that_hangs_or_fails_delays_and_fails_nothing(
    serving: Callable[[Challenger], Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerasline.pipeline.serving import mirroring

    monkeypatch.setattr(mirroring, "_MOST_WAITING", 3)
    server = serving(Challenger(2, "shadow"))
    rival, release = server.challengers.of("doubler"), threading.Event()
    assert rival is not None

    class Hanging:
        def answer_fitting(self, _: Any) -> Any:
            release.wait(60)
            raise RuntimeError("broken")

    rival.loaded.answers["serving_raw"] = Hanging()  # type: ignore[index]
    assert [server.ask(ONE, f"r{number}").code for number in range(10)] == [200] * 10
    assert server.metrics().count("kerasline_shadow_dropped_total 6") + server.metrics().count(
        "kerasline_shadow_dropped_total 7"
    ), "one is under way, or none yet, and three wait"
    release.set()
    rows = server.rows()
    assert [row for row in rows if row[0] == 1] == [(1, None, f"r{number}", 12.0, 200) for number in range(10)]
    assert {row[4] for row in rows if row[0] == 2} == {500}


def test_a_shadow_rests_while_there_are_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    from kerasline.pipeline.serving import mirroring

    monkeypatch.setattr(mirroring, "_REST", 1e9)
    requests, seen, answered = mirroring.UnderWay(), list[bool](), threading.Event()

    def answer(_: Any) -> None:
        seen.append(bool(requests))
        time.sleep(0.001)  # it rests in proportion
        answered.set()

    mirror = mirroring.Mirror(answer, requests)
    with requests:
        for _ in range(3):
            mirror.offer(mirroring.Mirrored(cast("Any", None), Request("POST", PREDICT, {}, b""), "a", 0.0))
        assert answered.wait(60)
    mirror.close()
    assert seen == [True, False, False]


def test_a_canary_answers_its_share_and_the_same_ids(serving: Callable[[Challenger], Serving]) -> None:
    server = serving(Challenger(2, "canary", share=0.25))
    answers = {f"id-{number}": server.ask(ONE, f"id-{number}").body for number in range(200)}
    chosen = {one for one, body in answers.items() if b"22.0" in body}
    assert 25 <= len(chosen) <= 75
    assert {one for one in answers if server.ask(ONE, one).body != answers[one]} == set()
    rows = server.rows()
    assert {row[2] for row in rows if row[:2] == (2, "canary")} == chosen
    assert {row[2] for row in rows if row[:2] == (1, None)} == answers.keys() - chosen
    assert len(rows) == 400


def test_production_answers_for_a_canary_that_breaks(serving: Callable[[Challenger], Serving]) -> None:
    server = serving(Challenger(2, "canary", share=0.999999))
    rival = server.challengers.of("doubler")
    assert rival is not None
    rival.loaded.signatures.pop("serving_raw")  # type: ignore[attr-defined]
    assert json.loads(server.ask(ONE, "a").body) == {"predictions": [12.0]}
    assert server.ask({"instances": 3}, "b").code == 400
    assert 'version="2",role="canary",code="400"} 1' in server.metrics(), "of the second the request is at fault"
    assert sorted(server.rows(), key=str) == [
        (1, "fallback", "a", 12.0, 200), (1, "fallback", "b", None, 400), (2, "canary", "a", None, 400),
    ]  # fmt: skip


def test_a_canary_that_was_promoted_and_rolled_back_answers_nobody(serving: Callable[[Challenger], Serving]) -> None:
    server = serving(Challenger(2, "canary", 0.5))
    assert server.challengers.of("doubler") is not None
    folder = server.root / "models" / "doubler"
    for version in (2, 1):
        move(folder, version)
        server.served.refresh()
        server.challengers.refresh()
    assert server.challengers.of("doubler") is None
    values = [json.loads(server.ask(ONE, f"r{n}").body)["predictions"][0] for n in range(20)]
    assert len(set(map(str, values))) == 1
    assert {version for version, *_ in server.rows()} <= {1}
    with registry_lock(folder):
        set_challenger(folder, Challenger(2, "canary", 0.9), "once more")
    server.challengers.refresh()
    rival = server.challengers.of("doubler")
    assert rival is not None and rival.challenger.share == 0.9, "the registry's is next"


def test_redacted_by_one_of_them_is_redacted_in_both(root: Path, doublers: list[Path]) -> None:
    record = {**RECORD, "serve": {"capture": {"share": 0.5, "redact": ["district"]}}}
    push_version(root / "models" / "doubler", doublers[2], record, keep=5)
    server = Serving(root, {"doubler": Challenger(2, "shadow")})
    for number in range(100):
        server.ask(ONE, str(number))
    rows = server.rows()
    assert 20 <= len(rows) / 2 <= 80
    assert sorted(row[2] for row in rows if row[0] == 2) == sorted(row[2] for row in rows if row[0] == 3)
    assert not any("input.district" in row for row in captured(root))


def test_the_challenger_of_the_registry_is_followed(root: Path) -> None:
    folder = root / "models" / "doubler"
    server = Serving(root)
    assert server.challengers.of("doubler") is None
    with registry_lock(folder):
        set_challenger(folder, Challenger(2, "shadow"), "pushed by a run")
    server.challengers.refresh()
    rival = server.challengers.of("doubler")
    assert rival is not None and rival.loaded.version == 2
    (folder / "challenger.json").write_text("{")
    server.challengers.refresh()
    assert server.challengers.of("doubler") is None
    assert 'kerasline_challenger_failed{model="doubler"} 1' in server.metrics()
    assert server.ask(ONE, "a").code == 200
    server.rows()


def test_one_that_cannot_stand_beside_production_is_refused(root: Path, doublers: list[Path]) -> None:
    from kerasline.pipeline.models import find_challengers

    folder, models = root / "models" / "doubler", root / "models"
    other = {**RECORD, "columns": RECORD["columns"][:1]}
    push_version(folder, doublers[2], other, keep=9)
    push_version(folder, folder / "1", {**RECORD, "task": "multiclass", "classes": ["a", "b"]}, keep=9)
    move(folder, 1)
    for shadows, canaries, share, words in (
        (["doubler@3"], [], None, r"--shadow: doubler@3 cannot be compared .*takes the columns area"),
        (["doubler@1"], [], None, "doubler@1 is in production itself"),
        (["doubler"], [], None, "expected NAME@VERSION, such as doubler@2"),
        (["doubler@9"], [], None, "--shadow: doubler has no version 9"),
        (["dubler@2"], [], None, "Did you mean 'doubler'"),
        (["doubler@2"], ["doubler@2"], 0.1, "expected one version of doubler"),
        ([], ["doubler@2"], None, "--canary: expected --share"),
        ([], ["doubler@2"], 1.0, "--share: expected a number above 0 and below 1, got 1"),
        (["doubler@2"], [], 0.1, "--share: expected --canary"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            find_challengers(models, shadows, canaries, share)


def test_one_that_does_not_load_ends_the_start_and_no_later_server(root: Path) -> None:
    index = root / "models" / "doubler" / "2" / "variables" / "variables.index"
    index.write_bytes(b"x" * index.stat().st_size)
    server = Serving(root, {"doubler": Challenger(2, "shadow")})
    with pytest.raises(ConfigError, match="doubler@2 cannot be served: version 2 does not load"):
        server.challengers.check_given()
    assert server.ask(ONE, "a").code == 200
    server.rows()


def test_a_shadow_from_the_shell(root: Path) -> None:
    server = Running(root, "--shadow", "doubler@2")
    said = "".join(server.said)
    assert "doubler: version 2 is the shadow" in said and "doubler: 100% of requests and answers are kept in" in said
    for number in range(20):
        assert send(server.port, ONE, f"r{number}") == (200, f"r{number}")
    for _ in range(100):
        if len(captured(root)) == 40:
            break
        time.sleep(0.1)
    server.process.kill()  # nothing that is on the disk is lost by it
    server.process.wait()
    rows = captured(root)
    assert len(rows) == 40
    assert {row["request_id"] for row in rows if row.get("role") == "shadow"} == {f"r{n}" for n in range(20)}


def test_a_canary_that_crosses_a_limit_is_ended_and_dropped(root: Path) -> None:
    folder = root / "models" / "doubler"
    set_challenger(folder, Challenger(2, "canary", 0.999999, {"error_rate": 0.05, "p99_ms": 60_000}), "pushed by a run")
    server = Serving(root)
    rival = server.challengers.of("doubler")
    assert rival is not None
    for number in range(120):
        server.ask(ONE, f"good-{number}")
    assert server.challengers.of("doubler") is rival
    rival.loaded.signatures.pop("serving_raw")  # type: ignore[attr-defined]
    answers = {server.ask(ONE, f"bad-{number}").body for number in range(200)}
    assert answers == {b'{"predictions": [12.0]}'}, "no client has seen anything of it"
    assert server.challengers.of("doubler") is None
    assert read_challenger(folder) is not None, "no request waited for the registry"
    server.challengers.refresh()
    assert read_challenger(folder) is None
    line = read_events(folder)[-1]
    assert (line["action"], line["version"]) == ("drop", 2) and line["reason"].startswith("rollback_on.error_rate: ")
    assert 5 < line["evidence"]["failed"] < 100 and line["evidence"]["requests"] > 120
    server.rows()
