"""Run as ``python -m kerasline.components.tuning.worker FOLDER``: takes trials from the chief named in os.environ.

Says on standard output how far it is; an error that ends it is left in the folder, in one line.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def main() -> int:
    """Takes trials until there are no more; returns the exit code."""
    from kerasline.components.fitting import end_with_parent

    end_with_parent()
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    sys.path += [path for path in job["python_path"] if path not in sys.path]
    try:
        _search(job)
    except Exception as error:
        traceback.print_exc()
        name = os.environ["KERASTUNER_TUNER_ID"]
        text = f"its process ended with {type(error).__name__}: {' '.join(str(error).split())[:500]}"
        (folder / f"error-{name}.txt").write_text(text, encoding="utf-8")
        return 1
    return 0


def _search(job: dict[str, Any]) -> None:
    from kerasline.components.core import loading_libraries, progress

    with loading_libraries():
        from kerasline.components.fitting import MARK, FitData, FitSettings, read_rows
        from kerasline.components.tuning.space import TuningOptions
        from kerasline.components.tuning.tuner import ConfigTuner

    progress.listen(lambda said: print(MARK + json.dumps(vars(said)), flush=True))
    data = FitData(read_rows(job["train"]), read_rows(job["validation"]), None, True)
    settings, options = FitSettings.model_validate(job["settings"]), TuningOptions.model_validate(job["tuning"])
    ConfigTuner(settings, options, data, job["folder"], job["start"]).search()


if __name__ == "__main__":
    sys.exit(main())
