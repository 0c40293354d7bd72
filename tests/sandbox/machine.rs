//! A small machine to attack: a home folder with secrets, a checkout in it with a remote beside,
//! listeners, a victim process; and what is looked at after each attack.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::snapshot::{Snapshot, differences, snapshot};

/// Set by whoever knows that the machine cannot have the full sandbox.
pub(crate) const WITHOUT: &str = "MILTON_TEST_WITHOUT_FULL_SANDBOX";
/// The user that plays "an ordinary user" when the tests are started by root.
const ORDINARY: u32 = 65_534;
/// What every secret begins with. No format that a rule of milton knows, so that none is masked.
const CANARY: &str = "canary of";
/// The secrets: file below the home folder, and name.
const SECRETS: [(&str, &str); 24] = [
    ("code/repo/.env", "the checkout"),
    ("code/repo/deploy.pem", "a deployment"),
    ("code/repo/local/.env", "an ignored folder"),
    ("code/repo/notes.txt", "an untracked file"),
    ("code/other/.env", "another checkout"),
    ("outside/file", "the outside"),
    (".ssh/id_rsa", "the ssh key"),
    (".aws/credentials", "the cloud"),
    (".netrc", "netrc"),
    (".git-credentials", "git"),
    (".bash_history", "the history"),
    (".npmrc", "npm"),
    (".pypirc", "the package index"),
    (".docker/config.json", "docker"),
    (".config/gh/hosts.yml", "gh"),
    (".cargo/credentials.toml", "cargo"),
    (".kube/config", "the cluster"),
    (".gnupg/private", "gnupg"),
    (".rye/credentials", "rye"),
    (".local/share/uv/credentials/credentials.toml", "uv"),
    (".outside-secret", "a hidden file"),
    (".mozilla/cookies", "the browser"),
    (".config/milton/note", "the settings"),
    ("Downloads/letter.txt", "a letter"),
];

/// Who starts milton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever runs the tests.
    Myself,
    /// An ordinary user.
    Nobody,
}

/// Whether the tests were started by root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The ordinary user: another one where root runs the tests.
pub(crate) fn ordinary() -> Who {
    if is_root() { Who::Nobody } else { Who::Myself }
}

/// One small machine.
pub(crate) struct Machine {
    place: TempDir,
    pub(crate) who: Who,
    number: u32,
    listeners: Listeners,
    victim: Child,
    program: Arc<TempDir>,
    baseline: Option<Snapshot>,
    refs: BTreeSet<String>,
    runs: u32,
}

struct Listeners {
    tcp: TcpListener,
    tcp6: Option<TcpListener>,
    udp: UdpSocket,
    abstract_stream: UnixListener,
    abstract_datagram: UnixDatagram,
    in_checkout: UnixListener,
    in_home: UnixListener,
    datagram: UnixDatagram,
}

/// How milton is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself.
    #[default]
    Plain,
    /// With a controlling terminal.
    Terminal,
    /// With a folder as descriptor 8 and a file with a secret as descriptor 9.
    Descriptors,
}

/// What one attack came to.
pub(crate) struct Attacked {
    /// What the attack printed.
    pub(crate) printed: String,
    /// Milton's verdict.
    pub(crate) verdict: Value,
    /// What is wrong with the machine afterwards.
    pub(crate) wrong: Vec<String>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Machine {
    /// A machine whose files belong to whoever starts milton.
    pub(crate) fn new(who: Who) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = tempdir().unwrap();
        std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let root = place.path().canonicalize().unwrap();
        for folder in [
            "home/code/repo/src/pkg",
            "home/code/repo/.venv/lib/python3/site-packages",
        ] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        write(&root.join("change.patch"), PATCH);
        let home = root.join("home");
        for (path, name) in SECRETS {
            write(&home.join(path), &format!("{CANARY} {name}\n"));
        }
        write(&home.join(".bashrc"), "# start\n");
        write(
            &home.join(".gitconfig"),
            "[user]\n\tname = Test Person\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n",
        );
        let listeners = Listeners::new(&home, &abstract_name(number));
        let mut machine = Self {
            place,
            who,
            number,
            listeners,
            victim: Command::new("true").spawn().unwrap(),
            program: program(),
            baseline: None,
            refs: BTreeSet::new(),
            runs: 0,
        };
        machine.make_checkout();
        if who == Who::Nobody {
            give_away(&home);
        }
        machine.victim.wait().unwrap();
        machine.replace_victim();
        machine.first_run();
        machine
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.home().join("code/repo")
    }

    fn state(&self) -> PathBuf {
        self.home().join(".local/state/milton")
    }

    fn make_checkout(&self) {
        let repo = self.repo();
        write(&repo.join("src/pkg/m.py"), "x = 1\n");
        write(&repo.join("README.md"), "A project.\n");
        write(&repo.join("attack.py"), &attack_program());
        write(
            &repo.join(".gitignore"),
            ".env\n*.pem\nlocal/\n.venv/\n*.sock\n",
        );
        write(&repo.join("local/notes"), "notes\n");
        write(&repo.join(".venv/bin/activate"), "# nothing\n");
        write(
            &repo.join(".venv/lib/python3/site-packages/dependency.py"),
            "y = 1\n",
        );
        self.git(&["init", "-q"]);
        self.git(&["add", "src", "README.md", "attack.py", ".gitignore"]);
        self.git(&["commit", "-q", "-m", "start"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "second"]);
        let remote = self.home().join("code/remote.git");
        self.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
        self.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
        self.git(&["push", "-q", "origin", "main"]);
        let config = repo.join(".git/config");
        let mut text = std::fs::read_to_string(&config).unwrap();
        text += &format!("[http]\n\textraHeader = {CANARY} the remote\n");
        std::fs::write(&config, text).unwrap();
        write(
            &repo.join(".git/credentials"),
            &format!("{CANARY} the git folder\n"),
        );
    }

    fn git(&self, arguments: &[&str]) {
        let output = self
            .dressed(Command::new("git"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    }

    /// A command in the checkout with the environment of this machine and nothing else.
    fn dressed(&self, mut command: Command) -> Command {
        command
            .current_dir(self.repo())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LANG", "C.UTF-8")
            .env("USER", "somebody")
            .env("MILTON_FAKE_TOKEN", format!("{CANARY} the environment"))
            .stdin(Stdio::null());
        command
    }

    /// The same, started by whoever the attack is to run as.
    fn started_by(&self, program: &str) -> Command {
        let mut command = self.dressed(Command::new(program));
        if self.who == Who::Nobody {
            command.uid(ORDINARY).gid(ORDINARY);
        }
        command
    }

    fn replace_victim(&mut self) {
        self.victim = self.started_by("sleep").arg("100000").spawn().unwrap();
    }

    /// An honest run: shows that the full sandbox is there, and leaves a record to attack.
    fn first_run(&mut self) {
        let attacked = self.run(&["true"], How::Plain, None, &[]);
        let tier = &attacked.verdict["sandbox"]["tier"];
        assert!(
            tier == "full" || std::env::var_os(WITHOUT).is_some(),
            "the full sandbox cannot be had here, so nothing is shown about it; \
             set {WITHOUT}=1 where that is known.\n{}",
            attacked.printed
        );
        self.baseline = Some(self.look());
    }

    /// The words that stand for things of this machine in the arguments of an attack.
    fn filled_in(&self, argument: &str) -> String {
        let port = |address: std::net::SocketAddr| address.port().to_string();
        let home = self.home().display().to_string();
        argument
            .replace("{tcp}", &port(self.listeners.tcp.local_addr().unwrap()))
            .replace(
                "{tcp6}",
                &self
                    .listeners
                    .tcp6
                    .as_ref()
                    .map_or("9".to_owned(), |l| port(l.local_addr().unwrap())),
            )
            .replace("{udp}", &port(self.listeners.udp.local_addr().unwrap()))
            .replace("{abstract}", &abstract_name(self.number))
            .replace("{victim}", &self.victim.id().to_string())
            .replace("{home}", &home)
            .replace("{repo}", &self.repo().display().to_string())
            .replace("{state}", &self.state().display().to_string())
            .replace(
                "{milton}",
                &self.program.path().join("milton").display().to_string(),
            )
    }

    fn tag(&self) -> String {
        format!("hostile-{}-{}", std::process::id(), self.number)
    }

    /// The command line of an attack.
    pub(crate) fn command_line(&self, attack: &str, arguments: &[&str]) -> Vec<String> {
        let mut line = vec![
            "python3".to_owned(),
            "attack.py".into(),
            attack.into(),
            self.tag(),
        ];
        line.extend(arguments.iter().map(|argument| self.filled_in(argument)));
        line
    }

    /// Runs a command through milton and looks at the machine afterwards.
    pub(crate) fn run(
        &mut self,
        argv: &[&str],
        how: How,
        seconds: Option<u32>,
        more: &[&str],
    ) -> Attacked {
        self.runs += 1;
        let topic = format!("run-{}", self.runs);
        let patch = self.root().join("change.patch");
        let words: Vec<String> = argv
            .iter()
            .map(|word| shlex::try_quote(word).unwrap().into_owned())
            .collect();
        let milton = self.program.path().join("milton");
        let (milton, patch) = (milton.to_str().unwrap(), patch.to_str().unwrap());
        let words = words.join(" ");
        let mut line = vec![
            milton,
            "run",
            "Change one file",
            "--patch",
            patch,
            "--topic",
            &topic,
            "--headless",
            "--format",
            "json",
            "--test",
            &words,
        ];
        line.extend(more);
        let mut command = match how {
            How::Plain => self.started_by(milton),
            How::Terminal => {
                let mut command = self.started_by("python3");
                command.args(["-c", TERMINAL, milton]);
                command
            }
            How::Descriptors => {
                let mut command = self.started_by("sh");
                let script = "exec 8<\"$HOME\" 9<\"$HOME/outside/file\"; exec \"$@\"";
                command.args(["-c", script, "sh", milton]);
                command
            }
        };
        command.args(line.get(1..).unwrap());
        if let Some(seconds) = seconds {
            command.env("MILTON_SELF_UPGRADE_TIMEOUT", seconds.to_string());
        }
        let output = command.output().unwrap();
        self.judged(&output)
    }

    /// Runs an attack without milton, to show that it is one and would be noticed.
    pub(crate) fn run_bare(&mut self, argv: &[&str]) -> Vec<String> {
        let (program, arguments) = argv.split_first().unwrap();
        let output = self.started_by(program).args(arguments).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut wrong = self.wrong(&printed);
        wrong.extend(secrets_in(printed.as_bytes(), "what was printed"));
        wrong
    }

    fn judged(&mut self, output: &Output) -> Attacked {
        let out = String::from_utf8_lossy(&output.stdout);
        let verdict = out
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str::<Value>(line.trim()).ok())
            .unwrap_or(Value::Null);
        let mut wrong = Vec::new();
        if verdict["type"] != "verdict" {
            wrong.push(format!(
                "milton gave no verdict: {} {out} {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        let folder = verdict["evidence_dir"].as_str().unwrap_or_default();
        let mut printed = String::new();
        if let Ok(entries) = std::fs::read_dir(Path::new(folder).join("output")) {
            for entry in entries.flatten() {
                let mut bytes = std::fs::read(entry.path()).unwrap();
                bytes.truncate(1 << 20);
                printed += &String::from_utf8_lossy(&bytes);
            }
        }
        for bytes in [&output.stdout, &output.stderr] {
            wrong.extend(secrets_in(bytes, "what milton printed"));
            if bytes.contains(&0x1b) {
                wrong.push("milton printed a control character of the attack".to_owned());
            }
            if bytes.windows(7).any(|seen| seen == b"PWN-TTY") {
                wrong.push("the attack wrote to milton's terminal".to_owned());
            }
        }
        if !folder.is_empty() {
            secrets_below(Path::new(folder), &mut wrong);
        }
        wrong.extend(self.wrong(&printed));
        wrong.extend(self.wrong_refs(&verdict));
        Attacked {
            printed,
            verdict,
            wrong,
        }
    }

    /// What is wrong with the machine, and with what an attack printed about itself.
    fn wrong(&mut self, printed: &str) -> Vec<String> {
        let mut wrong: Vec<String> = printed
            .lines()
            .filter(|line| BOASTS.iter().any(|boast| line.starts_with(boast)))
            .map(|line| format!("it says: {line}"))
            .collect();
        if let Some(baseline) = &self.baseline {
            wrong.extend(differences(baseline, &self.look(), &is_milton_s));
        }
        wrong.extend(self.listeners.heard());
        if self.victim.try_wait().unwrap().is_some() {
            wrong.push("the victim was killed".to_owned());
            self.replace_victim();
        }
        let tag = self.tag();
        wrong.extend(processes_with(&tag));
        for folder in [
            "/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/opt", "/etc", "/", "/srv",
        ] {
            let left = Path::new(folder).join(format!("{tag}-left"));
            if left.exists() {
                std::fs::remove_file(&left).unwrap();
                wrong.push(format!("it left {}", left.display()));
            }
        }
        wrong.extend(objects_left(&tag));
        wrong
    }

    fn look(&self) -> Snapshot {
        snapshot(&self.root(), &is_touched_by_milton)
    }

    /// The only new branch is the one of the verdict, and it names the verdict's commit.
    fn wrong_refs(&mut self, verdict: &Value) -> Vec<String> {
        let folder = self.repo().join(".git/refs/heads/self-upgrade");
        let mut wrong = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_str().unwrap().to_owned();
            let is_new = !self.refs.contains(&name);
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let as_said = verdict["branch"] == format!("self-upgrade/{name}").as_str()
                && verdict["commit"] == text.trim();
            if is_new && !as_said {
                wrong.push(format!("an unknown branch {name}: {text}"));
            }
            self.refs.insert(name);
        }
        wrong
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.victim.kill().ok();
        self.victim.wait().ok();
    }
}

impl Listeners {
    fn new(home: &Path, name: &str) -> Self {
        let hidden = |name: &str| SocketAddr::from_abstract_name(name).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp6 = TcpListener::bind("[::1]:0").ok();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let abstract_stream = UnixListener::bind_addr(&hidden(name)).unwrap();
        let abstract_datagram = UnixDatagram::bind_addr(&hidden(&format!("{name}-d"))).unwrap();
        let in_checkout = UnixListener::bind(home.join("code/repo/a.sock")).unwrap();
        let in_home = UnixListener::bind(home.join("docker.sock")).unwrap();
        let datagram = UnixDatagram::bind(home.join("code/repo/d.sock")).unwrap();
        for path in ["code/repo/a.sock", "docker.sock", "code/repo/d.sock"] {
            std::fs::set_permissions(home.join(path), PermissionsExt::from_mode(0o777)).unwrap();
        }
        tcp.set_nonblocking(true).unwrap();
        if let Some(tcp6) = &tcp6 {
            tcp6.set_nonblocking(true).unwrap();
        }
        udp.set_nonblocking(true).unwrap();
        for listener in [&abstract_stream, &in_checkout, &in_home] {
            listener.set_nonblocking(true).unwrap();
        }
        abstract_datagram.set_nonblocking(true).unwrap();
        datagram.set_nonblocking(true).unwrap();
        Self {
            tcp,
            tcp6,
            udp,
            abstract_stream,
            abstract_datagram,
            in_checkout,
            in_home,
            datagram,
        }
    }

    /// Which listeners were reached since the last time.
    fn heard(&self) -> Vec<String> {
        let mut buffer = [0; 64];
        let mut found = Vec::new();
        let mut note = |what: &str, heard: Result<(), std::io::Error>| match heard {
            Ok(()) => found.push(format!("the {what} listener was reached")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{what}: {error}"),
        };
        note("TCP", self.tcp.accept().map(drop));
        if let Some(tcp6) = &self.tcp6 {
            note("TCP over IPv6", tcp6.accept().map(drop));
        }
        note("UDP", self.udp.recv(&mut buffer).map(drop));
        note("abstract", self.abstract_stream.accept().map(drop));
        note(
            "abstract datagram",
            self.abstract_datagram.recv(&mut buffer).map(drop),
        );
        note("checkout's", self.in_checkout.accept().map(drop));
        note("home's", self.in_home.accept().map(drop));
        note(
            "checkout's datagram",
            self.datagram.recv(&mut buffer).map(drop),
        );
        found
    }
}

/// What attacks print about themselves when they got somewhere.
const BOASTS: [&str; 12] = [
    "REACHED",
    "NOT-CONFINED",
    "LEAK",
    "VDA",
    "MAPPED",
    "SYSCTL",
    "DIRFD",
    "FD:",
    "FORKS 1200",
    "MB 1400",
    "still",
    "shmget 0x",
];

/// The change that every run proposes.
const PATCH: &str = "--- a/src/pkg/m.py\n+++ b/src/pkg/m.py\n@@ -1 +1,2 @@\n x = 1\n+y = 2\n";

/// Starts a program with a terminal of its own, and prints what the terminal shows.
const TERMINAL: &str = "import pty, sys; pty.spawn(sys.argv[1:])";

/// Paths whose times change because milton adds objects, refs and runs; git makes an object that
/// is written again as young as a new one.
fn is_touched_by_milton(path: &Path) -> bool {
    let text = path.to_str().unwrap();
    [
        "home/code/repo/.git/objects",
        "home/code/repo/.git/refs",
        "home/code/repo/.git/logs",
    ]
    .iter()
    .any(|free| text.starts_with(free))
        || text == "home/.local/state/milton/runs"
}

/// What milton adds: objects, its own branches, the record of the run.
fn is_milton_s(path: &Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    let object = text.strip_prefix("home/code/repo/.git/objects/");
    object.is_some_and(|rest| {
        rest.bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'/')
            && (rest.len() == 2 || rest.len() == 41)
    }) || [
        "home/code/repo/.git/refs/heads/self-upgrade",
        "home/code/repo/.git/refs/milton",
        "home/code/repo/.git/logs/refs/heads/self-upgrade",
        "home/code/repo/.git/logs/refs/milton",
        "home/.local/state/milton/runs/",
    ]
    .iter()
    .any(|free| text.starts_with(free))
}

/// The whole attack program: the preamble, the functions of the catalogue, our own.
fn attack_program() -> String {
    let data = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let mut program = data("hostile/preamble.py");
    for line in data("bypasses.jsonl").lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let text = entry["input"]["python"].as_str().unwrap_or_default();
        if entry["class"] == "sandbox" && !text.is_empty() {
            program += &format!("# {}\n{text}\n\n\n", entry["id"].as_str().unwrap());
        }
    }
    program + &data("hostile/attacks.py")
}

/// A copy of milton that every user can start; the one in the target folder may lie below a home.
fn program() -> Arc<TempDir> {
    static COPY: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut copy = COPY.lock().unwrap();
    if let Some(copy) = copy.upgrade() {
        return copy;
    }
    let folder = tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_milton"), folder.path().join("milton")).unwrap();
    let folder = Arc::new(folder);
    *copy = Arc::downgrade(&folder);
    folder
}

fn abstract_name(number: u32) -> String {
    format!("milton-hostile-{}-{number}", std::process::id())
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn give_away(folder: &Path) {
    chown(folder, Some(ORDINARY), Some(ORDINARY)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            give_away(&entry.path());
        } else {
            std::os::unix::fs::lchown(entry.path(), Some(ORDINARY), Some(ORDINARY)).unwrap();
        }
    }
}

/// The secrets that stand in some bytes, plain or as reversed hexadecimal digits.
fn secrets_in(bytes: &[u8], place: &str) -> Vec<String> {
    let hex = CANARY
        .bytes()
        .rev()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let text = String::from_utf8_lossy(bytes);
    let seen = |needle: &str| {
        text.match_indices(needle)
            .map(|(at, _)| text.get(at..).unwrap().chars().take(60).collect::<String>())
            .next()
    };
    [CANARY, hex.as_str()]
        .into_iter()
        .filter_map(seen)
        .map(|found| format!("a secret stands in {place}: {found:?}"))
        .collect()
}

fn secrets_below(folder: &Path, wrong: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            secrets_below(&path, wrong);
        } else if let Ok(mut bytes) = std::fs::read(&path) {
            bytes.truncate(1 << 24);
            wrong.extend(secrets_in(&bytes, &path.display().to_string()));
        }
    }
}

/// Processes that an attack left.
fn processes_with(tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        if line
            .split(|byte| *byte == 0)
            .any(|word| word == tag.as_bytes())
        {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
            found.push(format!("a process is left: {}", entry.path().display()));
        }
    }
    found
}

/// Objects of the machine's System V tables and message queues that only an attack makes.
fn objects_left(tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (table, option) in [("shm", "-m"), ("sem", "-s"), ("msg", "-q")] {
        let text = std::fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let key: i64 = line
                .split_ascii_whitespace()
                .next()
                .unwrap()
                .parse()
                .unwrap();
            if (0x4D49_4C54..=0x4D49_4C56).contains(&key) {
                found.push(format!("a System V object is left: {line}"));
                let id = line.split_ascii_whitespace().nth(1).unwrap();
                Command::new("ipcrm").args([option, id]).status().ok();
            }
        }
    }
    let queue = "import ctypes,sys; name=sys.argv[1].encode(); c=ctypes.CDLL(None); \
                 sys.exit(0 if c.syscall(240,name,0,0,None)<0 else [c.syscall(241,name)][0]+7)";
    if Path::new("/proc/sys/fs/mqueue").exists() {
        let status = Command::new("python3")
            .args(["-c", queue, &format!("milton-hostile-{tag}")])
            .status()
            .unwrap();
        if !status.success() {
            found.push("a message queue is left".to_owned());
        }
    }
    found
}
