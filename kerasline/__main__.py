"""The command ``kerasline``, and ``python -m kerasline``."""

from kerasline.pipeline.cli import end_interrupted


def main() -> None:
    """Runs the command; Ctrl-C ends it in one sentence while it is being loaded, too."""
    try:
        from kerasline.pipeline.cli import main as run_command
    except KeyboardInterrupt:
        end_interrupted()
    run_command()


if __name__ == "__main__":
    main()
