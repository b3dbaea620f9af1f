"""The commands that take a recipe to Vertex AI or Kubeflow: ``compile`` and ``submit``."""

from __future__ import annotations

import dataclasses
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kerasline.components.core import ConfigError, check_output, lack_of_file, loading_libraries, prepare_libraries
from kerasline.pipeline.cli.shared import WORKSPACE, DataOption, RecipeArgument, SetOption, WorkspaceOption
from kerasline.pipeline.container import check_claim, check_image, check_pipeline_root, check_reachable, mount_of

if TYPE_CHECKING:
    from kerasline.pipeline.plan import RunPlan

LOOK_UP_LATER = -1  # the baseline's version is read from the registry's pointer when the spec runs


class Target(StrEnum):
    """Where a spec runs."""

    VERTEX = "vertex"
    KUBEFLOW = "kubeflow"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("compile")(compile_recipe)
    app.command("submit")(submit)


def compile_recipe(
    recipe: RecipeArgument,
    target: Annotated[Target, typer.Option(help="Where the spec will run.")],
    image: Annotated[str, typer.Option(help="The container image, with a tag or digest.")],
    pipeline_root: Annotated[str, typer.Option(help="URI below which artifacts go, such as gs://BUCKET/PATH.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    changes: SetOption = [],  # noqa: B006 (typer's way)
    data_dir: DataOption = None,
    claim: Annotated[
        str | None, typer.Option(help="Kubeflow: the PersistentVolumeClaim that every step mounts at the root.")
    ] = None,
    workspace: WorkspaceOption = WORKSPACE,
) -> None:
    """Write the spec that Vertex AI (JSON) or Kubeflow Pipelines (YAML) runs."""
    from kerasline.components.beam import check_engine
    from kerasline.components.validation import reference_elsewhere
    from kerasline.pipeline.config import load_experiment
    from kerasline.pipeline.console import no_interrupt_lost, screen_apart
    from kerasline.pipeline.plan import check_own_functions, find_schema_file, plan_run
    from kerasline.pipeline.runners import check_target, check_weights, models_below
    from kerasline.pipeline.workspace import open_workspace

    check_image(image)
    check_pipeline_root(pipeline_root)
    check_reachable(pipeline_root, target)
    check_output(output, "-o")
    if claim is not None:
        if target is not Target.KUBEFLOW:
            raise ConfigError("--claim: expected --target kubeflow, got vertex, which mounts buckets by itself")
        check_claim(claim)
    experiment, base_dir = load_experiment(recipe, changes)
    home = open_workspace(workspace)
    check_target(experiment, target)
    check_weights(experiment, home.root, pipeline_root)
    check_own_functions(experiment, base_dir)
    check_engine(experiment.run.engine(), reach=False)
    with screen_apart(home.log("compile")) as screen:
        schema_file = find_schema_file(experiment.name, base_dir, home.root)
        # The versions of this workspace are not those over there.
        there = models_below(pipeline_root, experiment.name)
        reference = reference_elsewhere(experiment.validation.drift, there)
        plan = plan_run(experiment, base_dir, data_dir, home.models(experiment.name), schema_file, reference)
        plan = dataclasses.replace(plan, baseline_version=LOOK_UP_LATER)
        screen.line("loading TensorFlow and TFX, which takes 10 to 30 s")
        prepare_libraries()
        with no_interrupt_lost(), loading_libraries():
            from kerasline.pipeline.runners import compile_pipeline

        spec = compile_pipeline(
            plan, target, image, pipeline_root, output, base_dir=base_dir, data_dir=data_dir, claim=claim
        )
        tasks = spec.get("pipelineSpec", spec)["root"]["dag"]["tasks"]
        screen.line(f"{output}: {len(tasks)} steps for {target}, image {image}, models in {there}")
        for remark in _remarks(plan, target, pipeline_root, claim):
            screen.line(f"  {remark}")


def _remarks(plan: RunPlan, target: Target, pipeline_root: str, claim: str | None) -> list[str]:
    """Says what the steps will need over there."""
    from kerasline.pipeline.runners import data_remark, engine_remark, key_remark, modules_remark, weights_remark

    found = [data_remark(plan.dataset, pipeline_root), weights_remark(plan.experiment)]
    found += [modules_remark(plan.own_modules()), key_remark(plan.experiment)]
    found += [engine_remark(plan.experiment.run.engine())]
    if target is Target.KUBEFLOW and not claim:
        found.append(
            f"every step must have {mount_of(pipeline_root)} mounted, or the models are lost with it; --claim NAME "
            "mounts a PersistentVolumeClaim there"
        )
    account = plan.experiment.run.service_account
    if target is Target.KUBEFLOW and account:
        found.append(f"the spec has no place for run.service_account; give it to submit: --service-account {account}")
    return [remark for remark in found if remark]


def submit(
    file: Annotated[Path, typer.Argument(help="What compile wrote.")],
    target: Annotated[Target, typer.Option(help="Where it runs.")],
    parameters: Annotated[
        list[str], typer.Option("--param", metavar="NAME=VALUE", help="epochs, learning_rate, span or pipeline_root.")
    ] = [],  # noqa: B006 (typer's way)
    project: Annotated[str | None, typer.Option(help="Vertex: the project.")] = None,
    region: Annotated[str, typer.Option(help="Vertex: the region.")] = "europe-west4",
    endpoint: Annotated[str | None, typer.Option(help="Vertex: URL of a private endpoint of its API.")] = None,
    host: Annotated[str | None, typer.Option(help="Kubeflow: the URL of its API.")] = None,
    experiment: Annotated[str, typer.Option(help="Kubeflow: the experiment.")] = "Default",
    service_account: Annotated[str | None, typer.Option(help="Who the steps run as.")] = None,
    network: Annotated[str | None, typer.Option(help="Vertex: full name of the peered network.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the request, send nothing.")] = False,
) -> None:
    """Send a compiled spec to its service."""
    from kerasline.pipeline.cloud import submission

    if not file.is_file():
        raise ConfigError(f"expected a file that 'kerasline compile' wrote, but {file} {lack_of_file(file)}")
    if target is Target.VERTEX:
        if not project:
            raise ConfigError("--project: expected the Google Cloud project that the job runs in, got none")
        request = submission.vertex_request(file, project, region, service_account, network, parameters)
    else:
        if not host:
            raise ConfigError("--host: expected the URL of the Kubeflow Pipelines API, got none")
        request = submission.kubeflow_request(file, host, experiment, service_account, parameters)
    if dry_run:
        print(json.dumps(request, indent=1))
        return
    vertex = target is Target.VERTEX
    run = submission.send_to_vertex(request, endpoint) if vertex else submission.send_to_kubeflow(request)
    print(f"{run.id}  {run.state}\n{run.link}", flush=True)
    if wait:
        from kerasline.pipeline.cloud import check_end, follow
        from kerasline.pipeline.console import Screen

        ended = follow(run.poll, Screen(sys.stdout))
        print(f"{run.id}  {ended.state}")
        check_end(ended, run.link)
