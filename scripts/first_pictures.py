#!/usr/bin/env python3
"""The first pictures of a Motion JPEG file: first_pictures.py COUNT FROM TO"""

import pathlib
import sys

START = b"\xff\xd8\xff"  # of a picture; within one, 0xff is never followed by 0xd8


def main(count, source, target):
    clip = pathlib.Path(source).read_bytes()
    end = 0
    for _ in range(count):
        end = clip.find(START, end + 1)
        if end < 0:
            sys.exit(f"{source} has not more than {count} pictures")
    pathlib.Path(target).write_bytes(clip[:end])


main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
