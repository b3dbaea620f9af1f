"""A user's functions: what is said before they run, and that an edited module is noticed, in this process as well."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.own_code import call_own, check_function, load_function, use_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, and after the test a path and modules as they were."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr("kerasline.components.own_code.loading._FOLDERS", [])
    monkeypatch.setattr("kerasline.components.own_code.loading._PLANNED", {})
    monkeypatch.setattr("kerasline.components.own_code.loading._LOADED", {})
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def loss(y_true): ...", "expected loss(y_true, y_pred) in {file}, line 1, but it is loss(y_true); give it"),
        ("def loss(a, b, *, c): ...", "but it is loss(a, b, *, c)"),
        ("def los(a, b): ...", "expected a function loss in {file}, but it defines los. Did you mean 'los'?"),
        ("import no_such_package\ndef loss(a, b): ...", "{file} imports no_such_package, which is neither installed"),
        ("from no_such.part import x\ndef loss(a, b): ...", "{file} imports no_such, which"),
        ("def loss(", "expected Python in {file}, line 1"),
    ],
)
def test_what_does_not_fit_is_said_without_running_it(folder: Path, code: str, said: str) -> None:
    file = folder / "own_static.py"
    file.write_text(code)
    with pytest.raises(ConfigError) as caught:
        check_function("training.loss", "own_static:loss", folder, ("y_true", "y_pred"))
    assert str(caught.value).startswith("training.loss: ")
    assert said.format(file=file) in str(caught.value)


@pytest.mark.parametrize("name", ["statistics", "time", "numpy", "own_elsewhere"])
def test_a_module_that_another_one_hides_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One of Python, built into it or not, an installed one, and one of the working folder."""
    recipe, here = folder / "recipe", folder / "here"
    for place in (recipe, here):
        place.mkdir()
    monkeypatch.chdir(here)
    (recipe / f"{name}.py").write_text("def loss(a, b): ...")
    if name == "own_elsewhere":
        check_function("training.loss", f"{name}:loss", recipe, ("y_true", "y_pred"))
        (here / f"{name}.py").write_text("def loss(a, b): ...")
    with pytest.raises(ConfigError, match=f"expected {recipe}/{name}.py to be imported as {name}, but Python finds "):
        check_function("training.loss", f"{name}:loss", recipe, ("y_true", "y_pred"))


def test_files_beside_the_recipe_hide_nothing_of_python(folder: Path) -> None:
    """What a step starts in a process of its own would import them: NumPy asks for statistics, and all for queue."""
    (folder / "own_loss.py").write_text("def loss(a, b): ...")
    (folder / "test.py").write_text("")
    check_function("training.loss", "own_loss:loss", folder, ("y_true", "y_pred"))
    (folder / "queue.py").write_text("")
    (folder / "email").mkdir()
    (folder / "email" / "__init__.py").write_text("")
    with pytest.raises(ConfigError, match=f"got email, queue.py in {folder}, which the processes that steps start"):
        check_function("training.loss", "own_loss:loss", folder, ("y_true", "y_pred"))


def test_a_module_or_function_that_ends_the_program_is_told(folder: Path) -> None:
    (folder / "own_script.py").write_text("import sys\nsys.exit(2)\n")
    use_folder(folder, ["own_script"])
    with pytest.raises(ConfigError, match="importing own_script raised SystemExit: 2; put what is to run as a program"):
        load_function("training.loss", "own_script:loss", "()")
    with pytest.raises(ConfigError, match="training.loss: own_script:loss raised SystemExit.*: 3; mend it"):
        call_own("training.loss", "own_script:loss", sys.exit, 3)


@pytest.mark.parametrize(
    "code",
    [
        "def loss(a, b, c=1): ...",
        "def loss(*rows): ...",
        "class loss: ...",
        "import functools\n@functools.cache\ndef loss(): ...",
        "try:\n    import no_such_package\nexcept ImportError:\n    pass\ndef loss(a, b): ...",
        "import own_beside\nfrom own_beside import loss\nraise RuntimeError",
    ],
)
def test_what_may_fit_passes(folder: Path, code: str) -> None:
    (folder / "own_static.py").write_text(code)
    (folder / "own_beside.py").write_text("loss = print")
    check_function("training.loss", "own_static:loss", folder, ("y_true", "y_pred"))


def test_an_edited_module_is_read_again_for_the_next_run_and_refused_in_this_one(folder: Path) -> None:
    file = folder / "own_edited.py"
    file.write_text("def f(): return 1")
    use_folder(folder, ["own_edited"])
    assert load_function("k", "own_edited:f", "()")() == 1
    file.write_text("def f(): return 22")
    use_folder(folder, ["own_edited"])
    assert load_function("k", "own_edited:f", "()")() == 22
    (folder / "own_late.py").write_text("def f(): return 1")
    use_folder(folder, ["own_late"])
    (folder / "own_late.py").write_text("def f(): return 3")
    with pytest.raises(ConfigError, match="k: the code of module own_late has changed since this run was planned"):
        load_function("k", "own_late:f", "()")


def test_data_that_changes_while_a_run_is_under_way_does_not_end_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "own_words.py").write_text("WORDS = open('words.txt').read()\ndef f(): return WORDS")
    for text in ("a", "b"):
        (folder / "words.txt").write_text(text)
        use_folder(folder, ["own_words"])
        (folder / "words.txt").write_text(f"{text}!")
        assert load_function("k", "own_words:f", "()")() == f"{text}!", "and the next run reads it again"


def test_a_module_of_the_same_name_beside_another_recipe_is_another(folder: Path) -> None:
    for number in (1, 2):
        (folder / str(number)).mkdir()
        (folder / str(number) / "own_twin.py").write_text(f"def f(): return {number}\n\n\nf{number} = f\n")
    for number in (1, 2, 1):
        # In one process, before and after the folder of the recipe before has left the path.
        check_function("k", f"own_twin:f{number}", folder / str(number), ())
        use_folder(folder / str(number), ["own_twin"])
        code = "import own_twin; print(own_twin.__file__)"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert Path(said.strip()).parent == folder / str(number), "and those that steps start find it, too"
        assert load_function("k", "own_twin:f", "()")() == number


def test_what_a_function_raises_is_told_with_its_place(folder: Path) -> None:
    (folder / "own_fails.py").write_text("def f(x):\n    return 1 / x")
    use_folder(folder, ["own_fails"])
    with pytest.raises(ConfigError) as caught:
        call_own("evaluation.metrics", "own_fails:f", load_function("k", "own_fails:f", "(x)"), 0)
    assert str(caught.value) == (
        f"evaluation.metrics: own_fails:f raised ZeroDivisionError in {folder}/own_fails.py, line 2: division by zero; "
        "mend it"
    )


def test_a_module_that_is_nowhere_is_said_with_what_workers_need(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"k names the module own_nowhere, which Python cannot find; .* workers"):
        load_function("k", "own_nowhere:f", "()")
