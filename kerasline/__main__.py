"""``python -m kerasline`` is the command ``kerasline``."""

from kerasline.pipeline.cli import main

if __name__ == "__main__":
    main()
