"""What keeps a component from being built."""


class BuildProblem(Exception):
    """The message says what is wrong and what to do."""


def note(text: str) -> None:
    """Says something that does not keep it from being built."""
    import sys

    print(f"note: {text}", file=sys.stderr)
