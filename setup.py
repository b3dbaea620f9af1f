"""Packaging of kerasline: one package from three folders, the shipped recipes and templates, and the command.

There is no ``install_requires``: requirements/lock.txt is the one place that says which versions belong
together, and it is installed with ``--no-deps`` because no set of releases fits all of TFX's bounds on an
ordinary Linux (see requirements/README.md). A second list here could only drift from it. Use ``make
setup``.
"""

from setuptools import find_packages, setup

# The folders at the top are parts of the package kerasline. Nothing is importable as plain `components` or
# `pipeline`: every TFX project has folders of those names.
FOLDERS = ("components", "pipeline")

setup(
    name="kerasline",
    version="0.1.0",
    description="From a dataset, a Keras model and one YAML file to a validated model in production, on TFX.",
    license="Apache-2.0",
    python_requires="==3.11.*",
    package_dir={"kerasline": "kerasline"} | {f"kerasline.{folder}": folder for folder in FOLDERS},
    packages=[
        "kerasline",
        *(
            f"kerasline.{name}"
            for folder in FOLDERS
            for name in [folder, *(f"{folder}.{inner}" for inner in find_packages(folder))]
        ),
    ],
    package_data={
        "kerasline.components": ["**/*.pyi", "**/*.html", "**/*.css", "**/*.js", "**/*.j2"],
        "kerasline.pipeline": ["**/*.pyi", "recipes/*.yaml", "**/*.html", "templates/*.txt"],
    },
    entry_points={"console_scripts": ["kerasline = kerasline.__main__:main"]},
    zip_safe=False,
)
