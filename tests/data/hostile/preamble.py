"""What every hostile program starts from. The harness puts the catalogue's functions and
attacks.py below this and commits the whole as `attack.py` of a repository.

Called as `python3 attack.py NAME TAG [ARGUMENT ...]`; TAG marks every process that is started.
A function prints REACHED when it got where nothing may get; what it changes outside, or sends to
a listener, is seen from outside by the harness.
"""
import contextlib
import ctypes
import errno
import fcntl
import glob
import mmap
import os
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

REPO = os.path.dirname(os.path.abspath(__file__))
HOME = os.environ["HOME"]
NAME, TAG, args = sys.argv[1], sys.argv[2], sys.argv[3:]
OUTSIDE = os.environ.get("HOSTILE_OUTSIDE") or HOME + "/outside/file"
libc = ctypes.CDLL(None, use_errno=True)


def sh(command):
    """Runs a shell command and gives what it printed."""
    done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, timeout=30,
                          capture_output=True, text=True, errors="replace")
    return done.stdout + done.stderr


def each(*steps):
    """Does every step, whatever becomes of the others."""
    for step in steps:
        try:
            step()
        except Exception as error:
            print(type(error).__name__, error)


def append(path, text="pwn\n"):
    """A step that appends to a file, making it and its folder where they are missing."""
    def step():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a") as file:
            file.write(text)
    return step


def overwrite(path, content=b"pwn\n"):
    """A step that writes a file anew, by every way there is."""
    def step():
        each(lambda: os.chmod(path, 0o666), lambda: open(path, "r+b").write(content))
        each(lambda: os.unlink(path), lambda: open(path, "wb").write(content))
    return step


def show(path):
    """A step that prints a file, plain and as hexadecimal digits of it reversed."""
    def step():
        data = open(path, "rb").read(100_000)
        print(data.decode(errors="replace"))
        print(data[::-1].hex())
    return step


def syscall(number, *arguments):
    """A system call by its number: (result, errno)."""
    ctypes.set_errno(0)
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *values)
    return result, ctypes.get_errno()


def confined():
    """Whether this runs in a pid name space of its own: what would hit the machine otherwise is
    not done."""
    with contextlib.suppress(OSError):
        if os.getpid() < 300 and open("/proc/1/comm").read().startswith(("milton", "bwrap")):
            return True
    print("NOT-CONFINED")
    return False


def main():
    print("BEGIN", NAME, flush=True)
    try:
        globals()["a_" + NAME]()
    except BaseException as error:
        print("REFUSED", type(error).__name__, error)
    print("END", NAME, flush=True)


