#!/usr/bin/env python3
"""Runs a program on a terminal of its own and answers its questions.

talk.py SCRIPT COMMAND...: SCRIPT holds lines "words it says<TAB>what is typed"; ^C and ^D are typed as such, ^Z, too.
Every line is waited for in order. Prints all that the terminal showed; ends as the program did, 128 + N by a signal.
"""
import os
import pty
import re
import select
import sys
import time

LIMIT = 60
CONTROL = {"^C": b"\x03", "^D": b"\x04"}


def until(fd, seen, at, words):
    """Reads on until words stand behind at; the place behind them."""
    end = time.monotonic() + LIMIT
    while True:
        found = words and re.search(words.encode(), seen[at:])
        if found:
            return at + found.end()
        if time.monotonic() > end:
            sys.exit(f"talk: waited in vain for {words!r} in {seen[at:]!r}")
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            part = os.read(fd, 4096)
        except OSError:  # the other side is closed
            part = b""
        if not part:
            if words:
                sys.exit(f"talk: it ended before {words!r}: {seen[at:].decode(errors='replace')}")
            return len(seen)
        seen += part


def main():
    script, command = sys.argv[1], sys.argv[2:]
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    seen, at = bytearray(), 0
    for line in open(script, encoding="utf-8"):
        words, _, answer = line.rstrip("\n").partition("\t")
        at = until(fd, seen, at, words)
        os.write(fd, CONTROL.get(answer, answer.encode() + b"\n"))
    until(fd, seen, at, None)
    status = os.waitpid(pid, 0)[1]
    sys.stdout.write(seen.decode(errors="replace").replace("\r", ""))
    sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


main()
