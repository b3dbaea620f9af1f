"""What ``tables`` compares with, each with its defaults; run by itself it fits one in an environment of its own.

That one has XGBoost, LightGBM and CatBoost, which kerasline does not depend on.
"""

from __future__ import annotations

import importlib.metadata
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CACHE = Path.home() / ".cache" / "kerasline-benchmarks"
_SAME = ("numpy", "pandas", "scikit-learn", "scipy")  # both sides read one pickle, and fit with one scikit-learn
_OWN = ("xgboost-cpu==3.2.0", "lightgbm==4.7.0", "catboost==1.2.10")


def _boosting(is_number: bool, seed: int) -> Any:
    from sklearn import ensemble

    kind = ensemble.HistGradientBoostingRegressor if is_number else ensemble.HistGradientBoostingClassifier
    return kind(random_state=seed)


def _forest(is_number: bool, seed: int) -> Any:
    from sklearn import ensemble

    kind = ensemble.RandomForestRegressor if is_number else ensemble.RandomForestClassifier
    return kind(random_state=seed)


def _linear(is_number: bool, seed: int) -> Any:
    from sklearn import linear_model

    return linear_model.RidgeCV() if is_number else linear_model.LogisticRegression(max_iter=1000)


def _mlp(is_number: bool, seed: int) -> Any:
    from sklearn import compose, neural_network, preprocessing

    if not is_number:
        return neural_network.MLPClassifier(random_state=seed)
    network = neural_network.MLPRegressor(random_state=seed)
    return compose.TransformedTargetRegressor(network, transformer=preprocessing.StandardScaler())


def _xgboost(is_number: bool, seed: int) -> Any:
    import xgboost

    return (xgboost.XGBRegressor if is_number else xgboost.XGBClassifier)(random_state=seed)


def _lightgbm(is_number: bool, seed: int) -> Any:
    import lightgbm

    return (lightgbm.LGBMRegressor if is_number else lightgbm.LGBMClassifier)(random_state=seed, verbose=-1)


def _catboost(is_number: bool, seed: int) -> Any:
    import catboost

    kind = catboost.CatBoostRegressor if is_number else catboost.CatBoostClassifier
    return kind(random_seed=seed, verbose=False, allow_writing_files=False)


OPPONENTS: dict[str, Callable[[bool, int], Any]] = {
    "boosting": _boosting,
    "forest": _forest,
    "linear": _linear,
    "mlp": _mlp,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}
BOOSTING = ("boosting", "xgboost", "lightgbm", "catboost")
ELSEWHERE = ("xgboost", "lightgbm", "catboost")


def fit_and_answer(
    name: str, label: str, is_number: bool, train: pd.DataFrame, test: pd.DataFrame, seed: int
) -> np.ndarray:
    """Returns the answers of one of them; categories are one-hot, numbers filled and scaled where it needs them so."""
    from sklearn import compose, impute, pipeline, preprocessing

    inputs = train.drop(columns=[label])
    texts = [column for column in inputs if inputs[column].dtype == object]
    numbers = [column for column in inputs if column not in texts]
    scaling = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    encoder = compose.ColumnTransformer(
        [
            ("numbers", "passthrough" if name in BOOSTING else scaling, numbers),
            ("texts", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ]
    )
    labels = train[label]
    classes, codes = (np.array([]), labels) if is_number else np.unique(labels.astype(str), return_inverse=True)
    side = pipeline.make_pipeline(encoder, OPPONENTS[name](is_number, seed)).fit(inputs, codes)
    answers = np.ravel(side.predict(test.drop(columns=[label])))
    return answers if is_number else classes[answers.astype(int)]


def fit_elsewhere(*arguments: Any) -> np.ndarray:
    """Returns what :func:`fit_and_answer` does in an environment of its own, which is made at first use."""
    with tempfile.TemporaryDirectory() as folder:
        given, answered = Path(folder, "given.pickle"), Path(folder, "answered.pickle")
        given.write_bytes(pickle.dumps(arguments))
        subprocess.run([own_python(), __file__, given, answered], check=True)
        answers: np.ndarray = pickle.loads(answered.read_bytes())
        return answers


def own_python() -> Path:
    """Returns the Python of the environment below CACHE, with the libraries installed."""
    found = CACHE / f"boosting-{sys.version_info.major}.{sys.version_info.minor}"
    python = found / "bin" / "python"
    if not (found / "whole").is_file():
        print(f"making {found} with {', '.join(_OWN)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", found], check=True)
        same = [f"{name}=={importlib.metadata.version(name)}" for name in _SAME]
        subprocess.run([python, "-m", "pip", "install", "-q", *same, *_OWN], check=True)
        (found / "whole").touch()
    return python


def main() -> None:
    """Fits what a file holds the arguments for, and writes the answers to another."""
    given, answered = map(Path, sys.argv[1:])
    Path(answered).write_bytes(pickle.dumps(fit_and_answer(*pickle.loads(given.read_bytes()))))


if __name__ == "__main__":
    main()
