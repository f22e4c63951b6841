#!/usr/bin/env python3
"""Converts a corpus between one text file and the directory of files that libFuzzer uses.

    fuzz/corpus.py unpack TARGET DIRECTORY     into an empty or new directory
    fuzz/corpus.py pack DIRECTORY TARGET       the shortest first

In fuzz/corpus/TARGET each line is an entry: printable ASCII as it is, every other byte and the backslash as \\xNN.
"""

import pathlib
import re
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def line(data):
    text = "".join(chr(b) if 0x20 <= b < 0x7F and b != 0x5C else f"\\x{b:02x}" for b in data)
    # Editors remove a space at the end of a line.
    return text[:-1] + "\\x20" if text.endswith(" ") else text


def entry(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text)


def unpack(target, directory):
    place = pathlib.Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    path = CORPUS / target
    for number, text in enumerate(path.read_bytes().splitlines() if path.exists() else []):
        (place / f"{number:05}").write_bytes(entry(text))


def pack(directory, target):
    entries = {path.read_bytes() for path in pathlib.Path(directory).iterdir()}
    ordered = sorted(entries, key=lambda data: (len(data), data))
    (CORPUS / target).write_text("".join(line(data) + "\n" for data in ordered), encoding="ascii")
    print(f"corpus: {len(ordered)} entries, {sum(map(len, ordered))} bytes")


{"unpack": unpack, "pack": pack}[sys.argv[1]](*sys.argv[2:])
