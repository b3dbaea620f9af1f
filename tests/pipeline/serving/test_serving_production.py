"""The development server while production moves, breaks and is mended."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

import pytest

from kerasline.components.registry.versions import add_version
from tests.pipeline.serving.serving_process import PREDICT, RAW, Running, move, wait_for, wait_until


def test_production_moves_under_load_without_a_lost_request(served: tuple[Running, Path]) -> None:
    server, folder = served
    stop, answers, faults = threading.Event(), [], []

    def ask_again_and_again() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not stop.is_set():
            try:
                answers.append(server.ask(PREDICT, RAW, connection))
            except (OSError, http.client.HTTPException) as error:
                faults.append(error)

    threads = [threading.Thread(target=ask_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for version in (1, 2, 3, 2, 3):
            move(folder, version)
            wait_for(server, version)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert {code for code, _ in answers} == {200}
    seen = {answer["predictions"][0] for _, answer in answers}
    assert seen == {12.0, 22.0, 32.0}
    assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}


def test_a_version_that_does_not_load_leaves_the_old_one_answering(served: tuple[Running, Path]) -> None:
    server, folder = served
    version = add_version(folder, folder / "1", {})
    (folder / str(version) / "variables" / "variables.index").write_bytes(b"x" * 7)
    move(folder, version)
    health = wait_until(server, lambda found: found["failed"] is not None)
    assert health["version"] == 3
    assert "variables.index has 7 bytes" in health["failed"]["reason"]
    assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}
    assert 'kerasline_model_failed{model="doubler"} 1' in server.ask("/metrics")[1]
    move(folder, 3)
    health = wait_until(server, lambda found: found["failed"] is None)
    assert health["version"] == 3, "a return to the good version ends the failure"


def test_a_version_that_is_mended_is_taken_up(served: tuple[Running, Path]) -> None:
    server, folder = served
    version = add_version(folder, folder / "1", {})
    index = folder / str(version) / "variables" / "variables.index"
    whole = index.read_bytes()
    index.write_bytes(b"x" * 7)
    move(folder, version)
    wait_until(server, lambda found: found["failed"] is not None)
    index.write_bytes(whole)
    wait_for(server, version)
    assert server.ask(PREDICT, RAW)[1] == {"predictions": [12.0, 1.0]}
    move(folder, 3)
    wait_for(server, 3)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b'"x"', b"{}", b'{"version": null}', b'{"version": [1]}', b"\xff", None]
)
def test_any_pointer_leaves_the_old_version_answering(served: tuple[Running, Path], content: bytes | None) -> None:
    server, folder = served
    pointer = folder / "current.json"
    good = pointer.read_bytes()
    pointer.unlink()
    if content is None:
        pointer.mkdir()
    else:
        pointer.write_bytes(content)
    try:
        health = wait_until(server, lambda found: found["failed"] is not None)
        assert health["version"] == 3 and "its pointer" in health["failed"]["reason"]
        assert server.ask(PREDICT, RAW)[1] == {"predictions": [32.0, 3.0]}
    finally:
        if pointer.is_dir():
            pointer.rmdir()
        pointer.write_bytes(good)
    wait_until(server, lambda found: found["failed"] is None)
    move(folder, 2)
    wait_for(server, 2)  # promotions are still followed
    move(folder, 3)
    wait_for(server, 3)
