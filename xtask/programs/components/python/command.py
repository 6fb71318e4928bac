"""A command in Python, by componentize-py: what its library relies on in WASI 0.2."""

import datetime
import hashlib
import os
import random
import sys
import threading
import time

from wit_world import exports


def surroundings() -> None:
    assert os.environ["NAME"] == "a=b", os.environ
    assert sys.stdin.read() == "input"


def files() -> None:
    with open("/w/file", "w") as file:
        print("one\ntwo", file=file)
    with open("/w/file", "a") as file:
        file.write("three")
    with open("/w/file") as file:
        assert file.readlines() == ["one\n", "two\n", "three"]
    assert os.stat("/w/file").st_size == 13
    os.makedirs("/w/a/b")
    os.rename("/w/file", "/w/a/b/moved")
    assert os.listdir("/w/a/b") == ["moved"] and os.path.isdir("/w/a")
    os.remove("/w/a/b/moved")
    os.rmdir("/w/a/b")
    os.rmdir("/w/a")
    with open("/r/link") as file:
        assert file.read() == "content"
    for path, mode in [("/r/file", "w"), ("/w/../etc/passwd", "r"), ("/w/none", "r"), ("/r/out", "r")]:
        try:
            open(path, mode).close()
        except OSError:
            continue
        raise AssertionError(f"{path} can be opened")


def clocks() -> None:
    begun = time.monotonic()
    time.sleep(0.02)
    assert 0.02 <= time.monotonic() - begun < 20
    assert datetime.datetime.now().year >= 2024
    assert len(os.urandom(100)) == 100 and 0 <= random.random() < 1


def threads() -> None:
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        return
    raise AssertionError("a thread was started")


class Run(exports.Run):
    def run(self) -> None:
        surroundings()
        files()
        clocks()
        threads()
        print(hashlib.sha256(b"abc").hexdigest())
        print("all checks hold")
