//! The attacks: which program, with what, and what must come of it.

use crate::machine::How;

/// One attack.
pub(crate) struct Case {
    /// The entry of the catalogue that it answers; empty for one of our own.
    pub(crate) id: &'static str,
    /// The function of the attack program.
    pub(crate) attack: &'static str,
    /// Its arguments; words in braces are filled in.
    pub(crate) arguments: &'static [&'static str],
    /// How milton is started.
    pub(crate) how: How,
    /// The time limit, for attacks that do not end.
    pub(crate) seconds: Option<u32>,
    /// Whether only root could do it anyway.
    pub(crate) only_root: bool,
    /// Whether it takes so much of the machine that one runs at a time, and once.
    pub(crate) heavy: bool,
    /// Whether it is harmless to run outside of any sandbox, where it must be noticed.
    pub(crate) succeeds_outside: bool,
}

const PLAIN: Case = Case {
    id: "",
    attack: "",
    arguments: &[],
    how: How::Plain,
    seconds: None,
    only_root: false,
    heavy: false,
    succeeds_outside: false,
};

const fn own(attack: &'static str) -> Case {
    Case { attack, ..PLAIN }
}

const fn known(id: &'static str, attack: &'static str) -> Case {
    Case {
        id,
        attack,
        ..PLAIN
    }
}

impl Case {
    const fn with(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }

    const fn endless(self) -> Self {
        Self {
            seconds: Some(2),
            ..self
        }
    }

    const fn for_root(self) -> Self {
        Self {
            only_root: true,
            ..self
        }
    }

    const fn heavy(self) -> Self {
        Self {
            heavy: true,
            ..self
        }
    }

    const fn started(self, how: How) -> Self {
        Self { how, ..self }
    }

    /// The control: outside of any sandbox it gets somewhere.
    const fn works_outside(self) -> Self {
        Self {
            succeeds_outside: true,
            ..self
        }
    }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    // The repository.
    known("SBX-01", "git_config").works_outside(),
    known("SBX-02", "hook").works_outside(),
    known("SBX-05", "push").works_outside(),
    known("SBX-06", "worktree").works_outside(),
    own("objects").works_outside(),
    own("refs").works_outside(),
    own("attributes").works_outside(),
    own("git_commands").works_outside(),
    own("remove_git").works_outside(),
    own("remove_checkout").works_outside(),
    own("move_checkout").works_outside(),
    own("replace_source").works_outside(),
    own("virtual_environment").works_outside(),
    own("installed_packages"),
    own("ignored_files").works_outside(),
    // The home folder and the machine's files.
    known("SBX-08", "bashrc").works_outside(),
    known("SBX-09", "outside").works_outside(),
    known("SBX-10", "symlink").works_outside(),
    known("SBX-13", "umount"),
    known("SBX-15", "utime").works_outside(),
    known("SBX-16", "xattr").works_outside(),
    own("start_files").works_outside(),
    own("hard_link").works_outside(),
    own("rename_over").works_outside(),
    own("links_in_parents").works_outside(),
    own("change_attributes").works_outside(),
    own("shared_folders").works_outside(),
    // Outside, it would write into the machine of another test.
    own("through_proc"),
    own("climb").works_outside(),
    own("file_handle"),
    own("overlay_marks").works_outside(),
    // Mounts and name spaces.
    own("mounts"),
    own("new_mounts"),
    own("name_spaces").works_outside(),
    known("SBX-nested-userns", "nested_user").works_outside(),
    // Inter-process communication.
    known("SBX-19", "sysv").works_outside(),
    own("system_v").works_outside(),
    own("message_queue").works_outside(),
    known("SBX-27", "abs").with(&["{abstract}"]).works_outside(),
    own("abstract_datagram")
        .with(&["{abstract}-d"])
        .works_outside(),
    known("SBX-29", "unix_tmp")
        .with(&["{repo}/a.sock"])
        .works_outside(),
    known("SBX-30", "unix_tmp")
        .with(&["{home}/docker.sock"])
        .works_outside(),
    own("unix_datagram")
        .with(&["{repo}/d.sock"])
        .works_outside(),
    own("every_socket"),
    // The network.
    known("SBX-25", "tcp").with(&["{tcp}"]).works_outside(),
    known("SBX-26", "udp").with(&["{udp}"]).works_outside(),
    own("tcp6").with(&["{tcp6}"]),
    own("every_address").with(&["{tcp}"]),
    own("raw_sockets"),
    own("vsock").with(&["{tcp}"]),
    own("netlink"),
    // Secrets.
    known("SBX-21", "read_dotenv").works_outside(),
    known("SBX-23", "ppid_environ"),
    own("environments").works_outside(),
    known("SBX-24", "fd").started(How::Descriptors),
    own("descriptors").started(How::Descriptors),
    own("read_home").works_outside(),
    own("read_machine"),
    own("read_paths")
        .with(&[
            "{home}/code/other/.env",
            "{repo}/local/.env",
            "{repo}/deploy.pem",
            "{repo}/notes.txt",
            "{repo}/.git/credentials",
            "{state}/runs",
        ])
        .works_outside(),
    own("read_everything").works_outside(),
    own("git_secrets").works_outside(),
    // Processes.
    known("SBX-33", "kill_sup").endless(),
    known("SBX-34", "kill_other")
        .with(&["{victim}"])
        .works_outside(),
    known("SBX-35", "forkbomb"),
    own("kill_everyone").with(&["{victim}"]),
    own("kill_first"),
    own("starve_first"),
    known("EV-orphan", "daemon").works_outside(),
    known("EV-pipe-held", "pipe_held"),
    own("many_sleepers"),
    own("thread_bomb"),
    own("stop_itself").endless(),
    known("EV-timeout-slow", "ignore_signals").endless(),
    own("close_and_hang").endless(),
    own("flood").endless(),
    own("real_time"),
    // Resources.
    known("SBX-36", "disk").heavy(),
    known("SBX-37", "mem").works_outside(),
    own("shared_disk").heavy(),
    own("unmapped_memory").heavy(),
    own("memory_of_all").heavy(),
    own("inodes").heavy(),
    own("descriptors_bomb"),
    // Devices, terminals, the kernel.
    known("SBX-39", "tty").started(How::Terminal),
    own("type_into_terminal").started(How::Terminal),
    known("SBX-41", "dev").for_root(),
    known("SBX-42", "mknod").for_root(),
    known("SBX-43", "kmsg").for_root(),
    known("SBX-44", "sysctl").for_root(),
    own("devices"),
    own("make_devices"),
    own("settings"),
    own("control_groups"),
    own("privileged_calls"),
    known("SBX-surface", "surface"),
    own("other_call_tables"),
    own("own_filter"),
    own("other_memory").with(&["{victim}"]).works_outside(),
    own("programs_of_others").with(&["{milton}"]),
    own("set_user_id").works_outside(),
    own("later_programs"),
    own("schedules"),
    // Milton's own things.
    own("state").with(&["{state}"]),
    own("big_report").heavy(),
    own("report_link"),
    own("report_hard_link"),
    own("report_pipe"),
    own("report_folder"),
    own("hostile_names"),
    own("deep_folders"),
    own("evidence_flood"),
];
