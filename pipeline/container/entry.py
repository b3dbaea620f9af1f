"""What a step's container runs on Vertex AI and Kubeflow: TFX's entry point, with buckets reached as folders.

Vertex AI mounts every bucket below ``/gcs``. Kubeflow's launcher copies a step's inputs to ``/minio``, ``/s3`` or
``/gcs`` and its outputs back from there, by their URIs. The steps work on files, so ``gs://BUCKET/PATH`` in what the
backend asks becomes ``/gcs/BUCKET/PATH``, and becomes a URI again in what the backend is told. Where nothing is
mounted, nothing is changed. What a backend drops is restored, what was set when the spec was submitted is put where
the step reads it, and what does not fit is said before TensorFlow loads.

Source: https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system,
kubeflow/pipelines backend/src/v2/component/launcher_v2.go (LocalPathForURI)
"""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kerasline.components.beam import check_engine, choose_batches, hasten_construction
from kerasline.components.core import ConfigError, KeraslineError, loading_libraries, prepare_libraries, unpack_text
from kerasline.pipeline.container.backend_artifacts import clean_answer, make_missing, restore_artifacts
from kerasline.pipeline.container.buckets import BUCKETS
from kerasline.pipeline.container.compiled_for import VARIABLE, check_code, check_modules, check_packages, read_facts
from kerasline.pipeline.container.data_places import check_data
from kerasline.pipeline.container.own_disk import clear_outputs, outputs_on_own_disk, settle_cache
from kerasline.pipeline.container.request_form import settle_form
from kerasline.pipeline.container.requests import check_asked, check_restored
from kerasline.pipeline.container.runtime_parameters import COMPILED, put_in_place
from kerasline.pipeline.container.shared_places import check_mount, find_losses, find_overlap

MOUNTS = os.environ.get("KERASLINE_MOUNTS", "/")
_ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_EXECUTOR = "--executor_class_path"
_REQUEST, _INPUTS_SPEC = "--json_serialized_invocation_args", "--json_serialized_inputs_spec_args"


def main() -> None:
    """Runs TFX's entry point with the arguments of this process; an error of the user's ends in one sentence."""
    try:
        _run()
    except KeraslineError as error:
        print(f"kerasline: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _run() -> None:
    settle_cache()
    facts = read_facts(os.environ.get(VARIABLE, ""))
    _remark(check_code(facts))
    _remark(check_packages(facts))
    _remark(check_modules(facts))
    check_mount(facts, MOUNTS)
    if _REQUEST not in sys.argv:
        _run_step(facts)
        return
    position = sys.argv.index(_REQUEST) + 1
    request = prepare_request(_read_json(position), _inputs_spec(), facts)
    clear_outputs(request, _mount(facts))
    places: dict[str, str] = {}
    try:
        with outputs_on_own_disk(request, _executor(), _mount(facts)) as places:
            sys.argv[position] = json.dumps(request)
            _run_step(facts)
        if facts.get("target") == "kubeflow":
            make_missing(request)
    finally:
        answer = Path(request["outputs"]["outputFile"])
        if answer.is_file():
            told = json.loads(answer.read_text(encoding="utf-8"))
            told = change_strings(told, lambda text: to_uri(places.get(text, text)))
            answer.write_text(json.dumps(clean_answer(told)), encoding="utf-8")


def _run_step(facts: Mapping[str, Any]) -> None:
    if "columns" in facts:
        choose_batches(facts["columns"])
    prepare_libraries()
    check_engine(_beam_options(), on_wait=_remark)
    with loading_libraries():
        with suppress(ImportError, ValueError):  # TFX's entry point says what is not there
            importlib.import_module(_executor().rpartition(".")[0])
        hasten_construction()
    try:
        runpy.run_module(_ENTRY_POINT, run_name="__main__", alter_sys=True)
    except SystemExit as ended:  # as it ends when all is well, too
        if ended.code:
            raise


def prepare_request(asked: Any, inputs_spec: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what TFX's entry point is to be asked.

    Args:
      asked: the ExecutorInput as the backend sent it, as JSON.
      inputs_spec: the step's input specification, as JSON.
      facts: what the spec was compiled with and for.

    Raises:
      ConfigError: something in it cannot be what the spec was compiled for.
    """
    asked = settle_form(asked)
    check_asked(asked, inputs_spec)
    request: dict[str, Any] = change_strings({**asked, "inputs": {}}, to_folder)
    inputs = request["inputs"] = with_folders(asked.get("inputs", {}), facts)
    restore_artifacts(request, inputs_spec)
    check_restored(request, inputs_spec)
    if "parameterValues" in inputs:
        inputs["parameterValues"] = put_in_place(inputs["parameterValues"])
        check_data(_executor(), inputs["parameterValues"])
        for loss in find_losses(facts, inputs["parameterValues"], MOUNTS):
            _remark(loss)
    _remark(find_overlap(facts, request, MOUNTS))
    return request


def with_folders(asked: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a step's inputs unpacked, with folders in place of buckets' URIs.

    On Kubeflow the addresses of data stay: its launcher puts artifacts into these folders and nothing else, so that a
    step fetches its data by itself, as compile did.

    Args:
      asked: of the ExecutorInput.
      facts: what the spec was compiled for.
    """
    values = {name: unpack_text(value) for name, value in asked.get("parameterValues", {}).items()}
    changed: dict[str, Any] = change_strings({**asked, "parameterValues": values}, to_folder)
    if facts.get("target") == "kubeflow":
        changed["parameterValues"] |= {name: keep(values[name]) for name, keep in _ADDRESSES.items() if name in values}
        if values.get("reference") == values.get("reference_name"):  # as the recipe has it: no version's
            changed["parameterValues"] |= {name: _keep_elsewhere(values[name]) for name in _REFERENCE if name in values}
    return changed


def _keep_data(text: str) -> str:
    """Changes all of what a spec was compiled with but what finds the data of another span."""
    compiled = json.loads(text)
    kept = {"data": compiled["data"]} if "data" in compiled else {}
    return json.dumps(change_strings(compiled, to_folder) | kept)


def _keep_elsewhere(text: str) -> str:
    """Changes what is there as a folder, such as in a claim."""
    return to_folder(text) if Path(to_folder(text)).exists() else text


_REFERENCE = ("reference", "reference_name")  # what drift is measured from
_ADDRESSES: dict[str, Callable[[str], str]] = {"dataset": str, COMPILED: _keep_data}


def _mount(facts: Mapping[str, Any]) -> str:
    """Returns the folder below which Vertex AI mounts buckets; Kubeflow's launcher gives a step folders of its own."""
    return f"{Path(MOUNTS, 'gcs')}/" if facts.get("target") == "vertex" else ""


def _executor() -> str:
    return sys.argv[sys.argv.index(_EXECUTOR) + 1] if _EXECUTOR in sys.argv else ""


def _beam_options() -> list[str]:
    """Returns those of a step that runs on Beam; TFX's own options have their values beside them."""
    return [argument for argument in sys.argv[1:] if re.match(r"--\w+=", argument)]


def _inputs_spec() -> dict[str, Any]:
    return dict(_read_json(sys.argv.index(_INPUTS_SPEC) + 1)) if _INPUTS_SPEC in sys.argv else {}


def _read_json(position: int) -> Any:
    option = sys.argv[position - 1]
    try:
        return json.loads(sys.argv[position])
    except (IndexError, ValueError):
        raise ConfigError(f"{option}: expected JSON of the backend, got {sys.argv[position:][:1]}") from None


def _remark(text: str | None) -> None:
    if text:
        print(f"kerasline: {text}", file=sys.stderr, flush=True)


def change_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Returns nested JSON with every text changed but those that are no places, whatever they look like."""
    if isinstance(value, dict):
        return {key: inner if key in _NO_PLACES else change_strings(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [change_strings(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


_NO_PLACES = frozenset({"classes", "description", "missing_values", "missing_words", "query", "title"})


def _mounted() -> dict[str, str]:
    """Returns the beginning of a URI to the folder that stands for it, where there is one."""
    folders = {uri: str(Path(MOUNTS, folder.strip("/"))) for uri, folder in BUCKETS.items()}
    return {uri: f"{folder}/" for uri, folder in folders.items() if Path(folder).is_dir()}


def to_folder(text: str) -> str:
    """Gives a bucket's URI the form of a path below the mount, also those inside JSON that is a parameter."""
    mounted = _mounted()
    if not any(uri in text for uri in mounted):
        return text
    for uri, folder in mounted.items():
        if text.startswith(uri):
            return folder + text.removeprefix(uri)
    try:
        nested = json.loads(text)
    except ValueError:
        return text
    return json.dumps(change_strings(nested, to_folder)) if isinstance(nested, dict | list) else text


def to_uri(text: str) -> str:
    """Gives a path below the mount the form of a bucket's URI; other text stays."""
    for uri, folder in _mounted().items():
        if text.startswith(folder):
            return uri + text.removeprefix(folder)
    return text


if __name__ == "__main__":
    main()
