"""`python -m twin` is `twin`."""

import sys


def main() -> int:
    """The command line, from its first import on: whoever thinks better of it within a second sees no traceback."""
    try:
        from twin.cli import main as commands

        return commands()
    except KeyboardInterrupt:
        sys.stderr.write("twin: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
