"""What test suites rely on, one function each. All of it must work inside the sandbox."""
import asyncio
import ctypes
import fcntl
import getpass
import locale
import mmap
import multiprocessing
import os
import pathlib
import pwd
import pty
import queue
import resource
import select
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import shared_memory

import pytest


def double(x):
    return 2 * x


def serve(listener, answer):
    connection, _ = listener.accept()
    connection.sendall(answer + connection.recv(100))
    connection.close()


def talk(family, address):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen()
    thread = threading.Thread(target=serve, args=(listener, b"hello "))
    thread.start()
    client = socket.socket(family, socket.SOCK_STREAM)
    client.connect(listener.getsockname())
    client.sendall(b"you")
    assert client.recv(100) == b"hello you"
    thread.join()


def test_tcp():
    talk(socket.AF_INET, ("127.0.0.1", 0))


def test_tcp_by_name():
    talk(socket.AF_INET, ("localhost", 0))
    assert socket.getaddrinfo("localhost", 80)


def test_tcp_of_the_other_version():
    talk(socket.AF_INET6, ("::1", 0))


def test_udp():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.sendto(b"x", server.getsockname())
    assert server.recvfrom(10)[0] == b"x"


def test_unix_sockets(tmp_path):
    talk(socket.AF_UNIX, str(tmp_path / "socket"))
    talk(socket.AF_UNIX, "\0abstract")
    a, b = socket.socketpair()
    a.send(b"x")
    assert b.recv(1) == b"x"


def test_a_descriptor_passed_on():
    a, b = socket.socketpair()
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
        file.flush()
        socket.send_fds(a, [b"1"], [file.fileno()])
        _, found, _, _ = socket.recv_fds(b, 1, 1)
        assert os.pread(found[0], 1, 0) == b"x"


def test_the_own_host_name():
    assert socket.gethostbyname(socket.gethostname())


def test_refused_connection():
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 1), 1)


def test_no_network_fails_at_once():
    begun = time.monotonic()
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), 30)
    assert time.monotonic() - begun < 20


def test_http_server():
    import http.server
    import urllib.request
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").status == 200
    server.shutdown()


def test_asyncio_server():
    async def main():
        async def answer(reader, writer):
            writer.write(await reader.readline())
            writer.close()
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"line\n")
        assert await reader.readline() == b"line\n"
        process = await asyncio.create_subprocess_exec("true")
        assert await process.wait() == 0
    asyncio.run(main())


def test_pseudo_terminal():
    main, other = pty.openpty()
    os.write(other, b"hello\n")
    assert b"hello" in os.read(main, 100)
    assert os.ttyname(other).startswith("/dev/pts/")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("sh", ["sh", "-c", "tty && echo to-tty > /dev/tty"])
    text = b""
    try:
        while select.select([terminal], [], [], 5)[0]:
            text += os.read(terminal, 100)
    except OSError:
        pass
    os.waitpid(pid, 0)
    assert b"/dev/pts/" in text and b"to-tty" in text


@pytest.mark.parametrize("method", ["all"])
def test_multiprocessing(method):
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(double, [1, 2]) == [2, 4]


def test_executors():
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(double, [1, 2])) == [2, 4]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(double, range(8))) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_shared_memory():
    memory = shared_memory.SharedMemory(create=True, size=1000)
    memory.buf[0] = 7
    other = shared_memory.SharedMemory(memory.name)
    assert other.buf[0] == 7
    other.close()
    memory.close()
    memory.unlink()
    assert os.access("/dev/shm", os.W_OK)


def test_semaphores_and_queues():
    lock = multiprocessing.Semaphore(1)
    assert lock.acquire()
    channel = multiprocessing.Queue()
    channel.put(1)
    assert channel.get(timeout=5) == 1
    manager = multiprocessing.Manager()
    assert manager.dict(a=1)["a"] == 1
    manager.shutdown()


def test_many_threads():
    event = threading.Event()
    threads = [threading.Thread(target=event.wait) for _ in range(200)]
    for thread in threads:
        thread.start()
    event.set()
    for thread in threads:
        thread.join()


def test_subprocesses():
    assert subprocess.check_output(["sh", "-c", "echo $0", "x"]) == b"x\n"
    assert subprocess.run([sys.executable, "-c", "import sys; sys.exit(3)"]).returncode == 3
    slow = subprocess.Popen(["sleep", "100"], start_new_session=True)
    os.killpg(slow.pid, signal.SIGKILL)
    assert slow.wait() == -9


def test_signals():
    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert seen == [1]
    signal.signal(signal.SIGALRM, lambda *_: seen.append(2))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    assert seen == [1, 2]


def test_stop_and_go_on():
    child = subprocess.Popen(["sleep", "100"])
    os.kill(child.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])
    os.kill(child.pid, signal.SIGCONT)
    child.kill()
    child.wait()


def test_sqlite(tmp_path):
    for name in (str(tmp_path / "a.db"), ":memory:"):
        base = sqlite3.connect(name)
        base.execute("pragma journal_mode=wal")
        base.execute("create table t (x)")
        base.execute("insert into t values (1)")
        base.commit()
        assert base.execute("select x from t").fetchall() == [(1,)]


def test_temporary_files():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "a").write_text("x")
    assert os.path.isdir(tempfile.gettempdir())


def test_files_of_the_checkout():
    path = pathlib.Path("made-by-a-test")
    path.write_text("x")
    path.rename("renamed")
    os.symlink("renamed", "link")
    os.link("renamed", "hard")
    assert pathlib.Path("link").read_text() == "x" and os.stat("hard").st_nlink == 2
    os.chmod("renamed", 0o600)
    os.utime("renamed", (1, 1))
    assert os.stat("renamed").st_mtime == 1
    os.mkfifo("pipe")
    for name in ("renamed", "link", "hard", "pipe"):
        os.unlink(name)
    source = pathlib.Path("README.md")
    source.write_text("changed")
    assert source.read_text() == "changed"
    source.unlink()
    assert not source.exists()


def test_folders_of_the_checkout():
    os.makedirs("new/deep")
    os.rename("new", "newer")
    shutil.copytree("src", "newer/src")
    shutil.rmtree("newer")
    shutil.rmtree("src")
    assert not os.path.exists("src")
    os.mkdir("src")
    assert os.listdir("src") == []


def test_locks(tmp_path):
    path = tmp_path / "lock"
    with open(path, "w") as first, open(path, "w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(first, fcntl.LOCK_EX)
    with open("README.lock", "w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)


def test_memory_maps(tmp_path):
    path = tmp_path / "map"
    path.write_bytes(b"\0" * 8192)
    with open(path, "r+b") as file:
        found = mmap.mmap(file.fileno(), 0)
        found[0:1] = b"x"
        found.flush()
    assert path.read_bytes()[:1] == b"x"
    executable = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    executable.close()


def test_much_memory():
    assert len(bytearray(1 << 30)) == 1 << 30


def test_inotify():
    libc = ctypes.CDLL(None)
    assert libc.inotify_init() >= 0


def test_polling():
    found = select.epoll()
    a, b = os.pipe()
    found.register(a, select.EPOLLIN)
    os.write(b, b"x")
    assert found.poll(1)[0][0] == a
    os.eventfd(0)
    os.memfd_create("x")
    os.pidfd_open(os.getpid())


def test_who_and_where():
    assert getpass.getuser()
    assert pwd.getpwuid(os.getuid()).pw_name
    assert os.path.expanduser("~") == os.environ["HOME"]
    assert os.access(os.environ["HOME"], os.W_OK)
    assert os.getlogin if hasattr(os, "getlogin") else True
    assert uuid.uuid1() and uuid.getnode()
    assert os.cpu_count() >= 1


def test_home_can_be_written():
    home = pathlib.Path.home()
    (home / ".cache" / "x").mkdir(parents=True)
    (home / ".config" / "app").mkdir(parents=True)
    (home / ".config" / "app" / "settings").write_text("x")


def test_locale_and_time_zones():
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    assert time.tzname[0] in ("CET", "Europe")
    import zoneinfo
    if zoneinfo.available_timezones():
        assert zoneinfo.ZoneInfo("UTC")


def test_certificates():
    import ssl
    ssl.create_default_context()


def test_git_in_the_checkout():
    def git(*arguments, cwd=None):
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert git("log", "--oneline")
    git("status", "--porcelain")
    assert git("rev-parse", "--show-toplevel").strip() == os.getcwd()
    assert git("ls-files")
    git("describe", "--always")


def test_git_in_a_new_repository(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments], check=True, cwd=tmp_path)
    git("init", "-q")
    (tmp_path / "a").write_text("x")
    git("add", "a")
    git("commit", "-qm", "x")
    git("clone", "-q", str(tmp_path), str(tmp_path / "clone"))


def test_git_commits_in_the_checkout():
    for arguments in (["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "x"], ["tag", "x"], ["checkout", "-q", "-b", "x"]):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments], check=True)


def test_programs_of_the_system():
    for program in ("sh", "ls", "grep", "sed", "find", "tar", "env", "id", "date", "uname", "ps"):
        path = shutil.which(program)
        assert path or program == "ps", program
    assert subprocess.run(["id"], capture_output=True).returncode == 0


def test_pip_lists():
    done = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True)
    assert "pytest" in done.stdout, done.stderr


def test_limits_can_be_lowered():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))


def test_sparse_files(tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(500 << 20)
    os.posix_fallocate(os.open(tmp_path / "real", os.O_CREAT | os.O_RDWR), 0, 1 << 20)


def test_extended_attributes(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    os.setxattr(path, "user.x", b"1")
    assert os.getxattr(path, "user.x") == b"1"


def test_devices():
    assert open("/dev/urandom", "rb").read(4)
    assert open("/dev/zero", "rb").read(4) == b"\0" * 4
    open("/dev/null", "w").write("x")
    with pytest.raises(OSError):
        with open("/dev/full", "w") as file:
            file.write("x")
    assert open("/dev/fd/0") and open("/dev/stdin")


def test_proc():
    assert "VmRSS" in open("/proc/self/status").read()
    for name in ("meminfo", "cpuinfo", "stat", "uptime", "loadavg", "mounts", "version", "self/maps"):
        assert open("/proc/" + name).read()


def test_a_core_dump_is_nobodys():
    child = subprocess.run([sys.executable, "-c", "import os; os.abort()"], capture_output=True)
    assert child.returncode == -signal.SIGABRT
    assert not list(pathlib.Path(".").glob("core*"))
