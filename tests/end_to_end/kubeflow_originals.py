"""Runs a compiled pipeline spec with Kubeflow's own driver and launcher, built from kubeflow/pipelines' sources.

Each program runs in a root folder of its own, as in a pod: this machine's programs are there, its temporary files and
buckets are not. What Kubernetes does between the two (variables in a container's command) is done here; Argo's part is
to run tasks in order.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.kubeflow_launcher import TaskFailed, expand, wait
from tests.end_to_end.kubeflow_services import NAMESPACE, Services
from tests.end_to_end.spec_execution import Documents, producers_of

_SHARED = ("bin", "etc", "home", "lib", "lib64", "opt", "root", "sbin", "usr", "work", "dev", "proc", "sys")
_KEPT = ("PYTHONPATH", "KERASLINE_DATA", "LANG", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_LEFT = ("execution_id", "iteration_count", "cached_decision", "condition", "pod_spec_patch")
_PROXIES = {"http_proxy": "", "https_proxy": "", "no_proxy": ""}


@dataclass
class Originals:
    """Kubeflow's programs, and what they run on.

    Attributes:
      programs: folder with ``driver`` and ``launcher-v2``.
      folder: for the pods' root folders and claims.
      services: what the programs talk to.
      root: the submission's; none is the cluster's default.
      run: its id.
      dag: id of the run's own execution, once it has begun.
      logs: task to what its last try printed.
      asked: task to what its step was given, as the launcher had it.
      cached: the tasks that an earlier run had done.
    """

    programs: Path
    folder: Path
    services: Services
    root: str = ""
    run: str = field(default_factory=lambda: str(uuid.uuid4()))
    dag: str = ""
    logs: dict[str, str] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)

    def execute(
        self,
        documents: Documents,
        values: Mapping[str, Any] | None = None,
        kill: Mapping[str, Callable[[Path], bool]] | None = None,
    ) -> None:
        """Runs every task of a PipelineSpec.

        Args:
          documents: of the file.
          values: of the submission, by parameter.
          kill: tasks whose pod is killed, and when; another pod follows.

        Raises:
          TaskFailed: a task failed.
        """
        self.begin(documents, values)
        tasks = documents[0]["root"]["dag"]["tasks"]
        done: set[str] = set()
        while len(done) < len(tasks):
            for name in sorted(n for n, task in tasks.items() if n not in done and producers_of(task) <= done):
                self.run_task(documents, name, (kill or {}).get(name))
                done.add(name)

    def begin(self, documents: Documents, values: Mapping[str, Any] | None = None) -> None:
        """Runs the driver of the run itself, which records its parameters and its root."""
        spec = documents[0]
        declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        given = {key: kind["defaultValue"] for key, kind in declared.items() if "defaultValue" in kind}
        runtime = {"parameterValues": {**given, **(values or {})}}
        if self.root:
            runtime["gcsOutputDirectory"] = self.root
        options = {
            "type": "ROOT_DAG", "component": json.dumps(spec["root"]), "runtime_config": json.dumps(runtime),
            "task": "", "dag_execution_id": "0", "task_name": "",
        }  # fmt: skip
        self.dag = self._drive("the run", spec, options)["execution_id"]

    def run_task(self, documents: Documents, name: str, kill: Callable[[Path], bool] | None = None) -> None:
        """Runs a task's driver, and its launcher with the step where an earlier run has not done the same.

        Args:
          documents: of the file.
          name: of the task.
          kill: says when the pod is killed. Argo then starts another with the same command
            (compiler/argocompiler/container.go, RetryStrategy of the executor's template), so that the salt is the
            same; a second run of the driver would fail all tasks that follow: metadata/client.go, GetExecutionsInDAG.
        """
        spec, *platforms = documents
        task = spec["root"]["dag"]["tasks"][name]
        component = spec["components"][task["componentRef"]["name"]]
        label = component["executorLabel"]
        executors = platforms[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platforms else {}
        options = {
            "type": "CONTAINER", "component": json.dumps(component), "task": json.dumps(task), "task_name": name,
            "container": json.dumps(spec["deploymentSpec"]["executors"][label]["container"]),
            "dag_execution_id": self.dag, "kubernetes_config": json.dumps(executors.get(label, {})),
        }  # fmt: skip
        driven = self._drive(name, spec, options)
        if driven["cached_decision"] == "true":
            self.cached.add(name)
            return
        patch = json.loads(driven["pod_spec_patch"])
        container = next(c for c in patch["containers"] if c["name"] == "main")
        self.asked[name] = json.loads(container["command"][container["command"].index("--executor_input") + 1])
        environment = {v["name"]: v["value"] for v in container.get("env", []) if "value" in v}
        environment |= {"KFP_POD_NAME": f"pod-{name}", "KFP_POD_UID": str(uuid.uuid4())}
        words = [*container["command"][1:], *container["args"]]
        command = ["/kfp-launcher/launch", *(expand(word, environment) for word in words)]
        claims = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
        if kill:
            with pytest.raises(TaskFailed) as failed:
                self._run_pod(name, command, environment, claims, kill=kill)
            assert failed.value.code == -9, failed.value
        self.logs[name] = self._run_pod(name, command, environment, claims)

    def claim(self, name: str) -> Path:
        """The folder of a claim."""
        folder = self.folder / "claims" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stored(self, uri: str) -> Path:
        """Where an object, or the objects below a prefix, are on this machine."""
        return self.services.store / uri.partition("://")[2]

    def _drive(self, who: str, spec: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, str]:
        """Runs the driver; returns what it leaves for Argo, by name."""
        paths = {f"{key}_path": f"/outputs/{key}" for key in _LEFT}
        given = {**self._common(spec), **options, **paths, **_PROXIES}
        command = ["/kfp-launcher/driver", *(f"--{key}={value}" for key, value in given.items())]
        outputs = self.folder / "outputs"
        shutil.rmtree(outputs, ignore_errors=True)
        outputs.mkdir()
        self._run_pod(f"the driver of {who}", command, {}, {}, {"/outputs": outputs})
        return {key: (outputs / key).read_text() for key in _LEFT if (outputs / key).is_file()}

    def _common(self, spec: Mapping[str, Any]) -> dict[str, str]:
        return {
            "pipeline_name": spec["pipelineInfo"]["name"], "run_id": self.run, "run_name": "run",
            "run_display_name": "run", "pipeline_job_create_time_utc": "2026-01-01T00:00:00Z",
            "ml_pipeline_server_address": "127.0.0.1", "ml_pipeline_server_port": str(self.services.cache),
            "log_level": "1",
            "mlmd_server_address": "127.0.0.1", "mlmd_server_port": str(self.services.metadata),
            "publish_logs": "true", "cache_disabled": "false", "iteration_index": "-1",
            "ml_pipeline_tls_enabled": "false", "metadata_tls_enabled": "false", "ca_cert_path": "",
        }  # fmt: skip

    def _run_pod(
        self,
        who: str,
        command: list[str],
        environment: Mapping[str, str],
        claims: Mapping[str, str],
        folders: Mapping[str, Path] | None = None,
        kill: Callable[[Path], bool] | None = None,
    ) -> str:
        """Runs a command in a root folder of its own; returns what it printed."""
        pod = self.folder / "pod"
        mounts = {**{path: self.claim(name) for path, name in claims.items()}, **(folders or {})}
        self._fill(pod)
        script = ["set -e", *(f"mount --rbind /{name} {pod}/{name}" for name in _SHARED if (pod / name).is_dir())]
        for inside, folder in mounts.items():
            (pod / inside.lstrip("/")).mkdir(parents=True)
            script.append(f"mount --bind {folder} {pod}{inside}")
        words = ["unshare", "--mount", "sh", "-c", "\n".join([*script, f'exec chroot {pod} "$@"']), "sh", *command]
        own = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.services.kubernetes),
            "HOME": "/home", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip
        kept = {key: value for key, value in os.environ.items() if key in _KEPT}
        log = self.folder / "log.txt"
        try:
            with open(log, "w", encoding="utf-8") as output:
                child = subprocess.Popen(
                    words, stdout=output, stderr=subprocess.STDOUT, env={**kept, **environment, **own},
                    start_new_session=True,
                )  # fmt: skip
                code = wait(child, pod, kill)
        finally:
            shutil.rmtree(pod)
        if code:
            raise TaskFailed(who, code, log.read_text(encoding="utf-8"))
        return log.read_text(encoding="utf-8")

    def _fill(self, pod: Path) -> None:
        for name in ("gcs", "minio", "s3", "tmp", "kfp-launcher", "var/run/secrets/kubernetes.io/serviceaccount"):
            (pod / name).mkdir(parents=True)
        for name in _SHARED:
            top = Path("/", name)
            if top.is_symlink():
                (pod / name).symlink_to(os.readlink(top))
            elif top.is_dir():
                (pod / name).mkdir()
        account = pod / "var/run/secrets/kubernetes.io/serviceaccount"
        (account / "namespace").write_text(NAMESPACE)
        (account / "token").write_text("token")
        shutil.copy(self.services.certificate, account / "ca.crt")
        shutil.copy(self.programs / "driver", pod / "kfp-launcher" / "driver")
        shutil.copy(self.programs / "launcher-v2", pod / "kfp-launcher" / "launch")
