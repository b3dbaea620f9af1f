"""Packaging of kerasline: two packages, the shipped recipes and templates, and the command.

There is no ``install_requires``: requirements/lock.txt is the one place that says which versions belong
together, and it is installed with ``--no-deps`` because no set of releases fits all of TFX's bounds on an
ordinary Linux (see requirements/README.md). A second list here could only drift from it. Use ``make
setup``.
"""

from setuptools import find_packages, setup

setup(
    name="kerasline",
    version="0.1.0",
    description="From a dataset, a Keras model and one YAML file to a validated model in production, on TFX.",
    python_requires="==3.11.*",
    package_dir={"": "."},  # makes an editable install one plain path, which type checkers and editors follow
    packages=find_packages(include=["components", "components.*", "pipeline", "pipeline.*"]),
    package_data={
        "components": ["**/*.html", "**/*.css", "**/*.js", "**/*.j2"],
        "pipeline": ["recipes/*.yaml", "**/*.html"],
    },
    entry_points={"console_scripts": ["kerasline = pipeline.cli:main"]},
    zip_safe=False,
)
