"""How the demo looks on a terminal: headings, colours where there is a terminal to show them, tables."""

import os
import sys

_WIDTH = 104
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_HAS_COLOURS = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text, colour):
    """The text in a colour; as it is where the output is no terminal, or NO_COLOR is set."""
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if _HAS_COLOURS else text


def heading(text):
    print(f"\n{paint(text, 'bold')}\n{paint('-' * len(text), 'dim')}")


def say(text):
    """A paragraph, wrapped."""
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > _WIDTH:
            print(line)
            line = word
        else:
            line = f"{line} {word}".lstrip()
    print(line)


def table(titles, rows, indent="  "):
    """Columns as wide as what is in them, the last one cut to the width of the page."""
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    widths[-1] = min(widths[-1], _WIDTH - len(indent) - sum(widths[:-1]) - 2 * (len(widths) - 1))
    for index, row in enumerate([titles, *rows]):
        cells = [shorten(cell, width).ljust(width) for cell, width in zip(row, widths)]
        line = indent + "  ".join(cells).rstrip()
        print(paint(line, "dim") if index == 0 else line)


def side_by_side(left_title, right_title, pairs, indent="  "):
    """Two columns; a pair is (left, right, colour), None for what is not there."""
    width = (_WIDTH - len(indent) - 2) // 2
    print(paint(f"{indent}{left_title.ljust(width)}  {right_title}", "dim"))
    for left, right, colour in pairs:
        cells = [shorten(left or "", width).ljust(width), shorten(right or "", width)]
        line = indent + "  ".join(cells).rstrip()
        print(paint(line, colour) if colour else line)


def shorten(text, width):
    return text if len(text) <= width else f"{text[: width - 1]}…"


def tail(sequence_number, digits=10):
    """The end of a sequence number: those of a batch begin alike."""
    return f"…{sequence_number[-digits:]}"


def ok(text):
    print(f"{paint('ok', 'green')}  {text}")


def wrong(text):
    print(f"{paint('wrong', 'red')}  {text}")
