"""What a pipeline costs over a plain script: MNIST in plain Keras, in the way of TFX's own example, and in kerasline.

All three fit the same 235,146-parameter MLP on 54,000 of MNIST's training images (kerasline's split by a hash
leaves some hundred more or fewer) with Adam, batches of 128 and the same number of epochs, without validation
during the fit. The two pipelines take in all 70,000 images. Each part runs in a fresh process, one after the
other.

    python -m benchmarks.overhead --data ../shared/data/mnist --repeat 3 --json overhead.json

Three ratios come out:
  1. the stages that both pipelines have, kerasline's seconds over those of TFX's example, whose ExampleValidator is
     the step "anomalies" here;
  2. the whole of kerasline, data gate, parity check, explanations and report included, over the whole of TFX's example;
  3. the fit inside kerasline's Trainer over the plain fit.

The first two leave out, on both sides, the imports (TFX alone takes some ten seconds) and, for TFX's example,
what it
spends on packaging its module file with pip: both would flatter kerasline or blur the picture. They are shown
below. Making the TFRecord file that the example starts from is outside its timing too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
COMMON = ("ingest", "statistics", "schema", "anomalies", "transform", "train", "evaluate", "push")
OURS = ("curated", "validate", "baseline", "parity", "gate", "explain", "report")
TARGETS = {"common stages": 0.45, "whole": 0.75, "fit": 1.1}


def main() -> int:
    """Runs the three parts, prints the tables and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    shared = Path(os.environ.get("KERASLINE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=shared / "mnist", help="the four gzipped IDX files (%(default)s)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=1, help="how often; medians are shown")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    parser.add_argument("--check", action="store_true", help="return 1 when a ratio misses its target")
    options = parser.parse_args()
    if not (options.data / "train-images-idx3-ubyte.gz").is_file():
        parser.error(f"{options.data} has no train-images-idx3-ubyte.gz; give MNIST's folder with --data")

    console = Console()
    machine = describe_machine()
    console.print("  ".join(f"{name} {value}" for name, value in machine.items()), soft_wrap=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="kerasline-overhead-") as folder:
        runs = measure(options.data.resolve(), Path(folder), options.epochs, options.repeat, console)
    medians = {
        part: {name: statistics.median(run[part][name] for run in runs) for name in runs[0][part]} for part in runs[0]
    }
    ratios = compare(medians)
    show(console, medians, ratios, options.epochs, options.repeat)
    if options.json:
        result = {"machine": machine, "epochs": options.epochs, "runs": runs, "medians": medians, "ratios": ratios}
        options.json.write_text(json.dumps(result, indent=1))
    return int(options.check and any(ratios[name] > target for name, target in TARGETS.items()))


def measure(data: Path, folder: Path, epochs: int, repeat: int, console: Console) -> list[dict[str, dict[str, float]]]:
    """Runs (a), (b) and (c) in turn, ``repeat`` times.

    Returns:
        For each repetition and part, seconds by name. ``wall`` is that of the whole process, ``import`` that
        of the libraries, ``fit`` that of model.fit, ``packaging`` TFX's work on the module file, ``cpu`` the
        processor's.
    """
    records = folder / "records"
    with console.status("writing MNIST as TFRecords for TFX's example (not timed)"):
        example = [sys.executable, "-m", "benchmarks.tfx_example_mnist"]
        run_child([*example, "convert", "--data", str(data), "--records", str(records)], folder / "convert.log")
    runs = []
    for number in range(1, repeat + 1):
        place = folder / str(number)
        place.mkdir()
        result: dict[str, dict[str, float]] = {}
        for part, measure_part in (("plain", plain), ("example", tfx_example), ("kerasline", kerasline)):
            with console.status(f"{part}, {number} of {repeat}"):
                result[part] = measure_part(data, records, place, epochs)
        runs.append(result)
    return runs


def plain(data: Path, _: Path, place: Path, epochs: int) -> dict[str, float]:
    """(a) the plain script."""
    answer = place / "plain.json"
    words = ["-m", "benchmarks.plain_mnist", "--data", str(data), "--epochs", str(epochs), "--json", str(answer)]
    seconds = run_child([sys.executable, *words], place / "plain.log")
    result = json.loads(answer.read_text())
    check_parameters("plain Keras", result["parameters"])
    return {**result["seconds"], **seconds}


def tfx_example(_: Path, records: Path, place: Path, epochs: int) -> dict[str, float]:
    """(b) the way of TFX's own example."""
    answer, folder = place / "example.json", place / "example"
    folder.mkdir()
    words = ["-m", "benchmarks.tfx_example_mnist", "run", "--records", str(records), "--folder", str(folder)]
    words += ["--epochs", str(epochs), "--json", str(answer)]
    seconds = run_child([sys.executable, *words], place / "example.log")
    result = json.loads(answer.read_text())
    check_parameters("TFX's example", result["parameters"])
    return {**result["seconds"], "fit": result["fit"], "packaging": result["packaging"], **seconds}


def kerasline(data: Path, _: Path, place: Path, epochs: int) -> dict[str, float]:
    """(c) kerasline from ingest to push, through its command."""
    answer = place / "kerasline.json"
    changes = {
        "training.epochs": epochs,
        "training.validation_fraction": 0,
        "data.split.eval": 0.1,
        "tuning": "null",
        # A few epochs do not reach what the recipe asks of its thirty.
        "evaluation.thresholds.accuracy.min": 0.8,
    }
    command = [str(Path(sys.executable).with_name("kerasline")), "run", "mnist_mlp", "--data-dir", str(data)]
    command += ["--workspace", str(place / "workspace"), "--no-cache", "--json", str(answer)]
    command += [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    seconds = run_child(command, place / "kerasline.log")
    result = json.loads(answer.read_text())
    check_parameters("kerasline", result["model"]["parameters"])
    steps = {step["id"]: step["seconds"] for step in result["steps"]}
    others = {"import": result["seconds"]["import"], "fit": result["training"]["fit_seconds"]}
    return steps | others | seconds


def run_child(command: list[str], log: Path) -> dict[str, float]:
    """Runs a command with its output in ``log``, and ends the benchmark if it fails.

    Returns:
        ``wall`` and ``cpu``: its seconds, and those of the processor for it and its own children. The second
        says more where other work shares the machine.
    """
    started, cpu_before = time.monotonic(), children_cpu()
    with log.open("wb") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT).returncode
    if code:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SystemExit(f"{' '.join(command)}\nended with code {code}:\n{last}")
    return {"wall": time.monotonic() - started, "cpu": children_cpu() - cpu_before}


def children_cpu() -> float:
    """The processor's seconds for all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def check_parameters(part: str, parameters: int) -> None:
    """Ends the benchmark where a part trained another model."""
    if parameters != 235_146:
        raise SystemExit(f"{part} trained a model of {parameters:,} parameters and not of 235,146: nothing to compare")


def compare(medians: dict[str, dict[str, float]]) -> dict[str, float]:
    """The three ratios, and the first two with what they leave out."""
    plain, example, ours = medians["plain"], medians["example"], medians["kerasline"]
    packaging = example["packaging"]
    common = sum(ours.get(name, 0) for name in COMMON)
    example_common = sum(example.get(name, 0) for name in COMMON)
    whole = ours["wall"] - ours["import"]
    example_whole = example["wall"] - example["import"] - packaging
    return {
        "common stages": common / example_common,
        "whole": whole / example_whole,
        "fit": ours["fit"] / plain["fit"],
        "common stages, packaging counted": common / (example_common + packaging),
        "whole, packaging counted": whole / (example_whole + packaging),
        "whole, packaging and imports counted": ours["wall"] / example["wall"],
        "the same in seconds of the processor": ours["cpu"] / example["cpu"],
    }


def show(
    console: Console, medians: dict[str, dict[str, float]], ratios: dict[str, float], epochs: int, repeat: int
) -> None:
    """Prints the seconds of every part and the ratios."""
    of = f"medians of {repeat} runs" if repeat > 1 else "one run"
    table = Table(title=f"Seconds, MNIST, {epochs} epochs, {of}", title_justify="left", title_style="bold")
    table.add_column("step", no_wrap=True)
    for title in ("(a) plain Keras", "(b) TFX's example", "(c) kerasline"):
        table.add_column(title, justify="right")

    def row(title: str, names: tuple[str, ...], style: str | None = None) -> None:
        cells = []
        for part in ("plain", "example", "kerasline"):
            known = [medians[part][name] for name in names if name in medians[part]]
            known = [] if part == "plain" and names == COMMON else known
            cells.append(f"{sum(known):.1f}" if known else "")
        table.add_row(title, *cells, style=style)

    row("import libraries", ("import",))
    row("load", ("load", "build"))
    for name in COMMON:
        row(name, (name,))
    row("stages of both", COMMON, style="bold")
    for name in OURS:
        row(name, (name,))
    row("packaging with pip", ("packaging",))
    row("whole process", ("wall",), style="bold")
    row("  the processor's", ("cpu",))
    row("  model.fit", ("fit",))
    console.print(table)

    verdicts = Table(title="Ratios", title_justify="left", title_style="bold")
    for title in ("", "ratio", "target", ""):
        verdicts.add_column(title, justify="right" if title else "left")
    meanings = {"common stages": "stages of both, (c)/(b)", "whole": "whole, (c)/(b)", "fit": "model.fit, (c)/(a)"}
    for name, ratio in ratios.items():
        target = TARGETS.get(name)
        met = "" if target is None else "[green]met[/]" if ratio <= target else "[red]missed[/]"
        verdicts.add_row(meanings.get(name, name), f"{ratio:.2f}", f"{target}" if target else "", met)
    console.print(verdicts)


def describe_machine() -> dict[str, str]:
    """The processor, memory, load and versions that the figures belong to."""
    information = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"(?m)^model name\s*:\s*(.+)$", information)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    versions = {name: metadata.version(name) for name in ("tensorflow", "keras", "tfx")}
    return {
        "CPU": f"{model[1] if model else platform.processor()}, {os.cpu_count()} cores",
        "memory": f"{memory_gib:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        **versions,
    }


if __name__ == "__main__":
    sys.exit(main())
