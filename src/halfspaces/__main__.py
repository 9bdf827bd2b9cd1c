"""`python -m halfspaces`, and the command `halfspaces`."""

from halfspaces.system import interrupts


def main() -> None:
    """Run the command line; Ctrl-C, also while it is imported, is one line and exit code 130."""
    interrupts.install()
    try:
        from halfspaces.cli import main as run

        run()
    except KeyboardInterrupt:
        interrupts.end()


if __name__ == "__main__":
    main()
