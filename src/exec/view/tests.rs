//! Tests of the view, the environment and the program lookup, which share one little world.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::exec::resolve_program;

/// A checkout with a virtual environment, a view, and a human's home.
struct World {
    dir: tempfile::TempDir,
    env: BTreeMap<OsString, OsString>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in [
            "view/src",
            "home/.cargo",
            "home/.ssh",
            "checkout/bin",
            "tools",
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in [
            "checkout/.venv/bin/pytest",
            "checkout/bin/evil",
            "view/evil.sh",
            "tools/make",
            "tools/pytest",
        ] {
            program(&root.join(file));
        }
        symlink(root.join("checkout/bin/evil"), root.join("tools/disguised")).unwrap();
        let path = [
            root.join("checkout/bin"),
            "relative".into(),
            root.join("view"),
            "".into(),
            root.join("tools"),
        ];
        let env = [
            ("HOME", root.join("home").into()),
            ("PATH", std::env::join_paths(path).unwrap()),
            ("LANG", "C.UTF-8".into()),
            ("LC_TIME", "de_DE".into()),
            ("TERM", "xterm-kitty".into()),
            ("GITHUB_TOKEN", "ghp_x".into()),
            ("AWS_SECRET_ACCESS_KEY", "x".into()),
            ("SSH_AUTH_SOCK", "/x".into()),
            ("GIT_DIR", "/x".into()),
            ("MILTON_SELF_UPGRADE_SKIP_TESTS", "1".into()),
            ("PYTHONSTARTUP", "/x".into()),
            ("PYTHONPATH", "/x".into()),
            ("PYTEST_ADDOPTS", "--co".into()),
            ("LD_PRELOAD", "/x".into()),
            ("VIRTUAL_ENV", "/x".into()),
        ];
        Self {
            env: env.map(|(name, value)| (name.into(), value)).into(),
            dir,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn view(&self, linked: &[&str]) -> Result<View, Error> {
        let linked: Vec<String> = linked.iter().map(|name| (*name).to_owned()).collect();
        prepare_view(&ViewRequest {
            root: self.at("view"),
            checkout: &self.at("checkout"),
            linked: &linked,
            parent_env: &self.env,
            restricted: false,
            scratch: &self.at("scratch"),
        })
    }

    fn resolve(&self, name: &str) -> Result<PathBuf, Error> {
        let view = self.view(&[".venv"]).unwrap();
        let path = self.env.get(OsStr::new("PATH")).map(AsRef::as_ref);
        resolve_program(name, &view, path, &self.at("checkout"))
    }
}

fn program(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_environment_holds_what_is_named_and_nothing_else() {
    let world = World::new();
    let view = world.view(&[".venv"]).unwrap();
    let root = world.dir.path().to_str().unwrap();
    let lines: Vec<String> = view
        .env
        .iter()
        .map(|(name, value)| format!("{}={}", name.display(), value.display()).replace(root, "…"))
        .collect();
    assert_eq!(
        lines,
        [
            "CARGO_HOME=…/home/.cargo",
            "CARGO_TARGET_DIR=…/scratch/cargo-target",
            "GOCACHE=…/scratch/go-cache",
            "HOME=…/scratch/home",
            "LANG=C.UTF-8",
            "LC_TIME=de_DE",
            "PATH=…/view/.venv/bin:…/tools",
            "PYTHONDONTWRITEBYTECODE=1",
            "PYTHONPATH=…/view/src:…/view",
            "TERM=dumb",
            "TMPDIR=…/scratch/tmp",
            "VIRTUAL_ENV=…/view/.venv",
        ]
    );
    let mode = fs::metadata(world.at("scratch/home"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_pinned_interpreter_above_the_checkout_is_kept() {
    let world = World::new();
    fs::write(world.at(".python-version"), "# mine\n3.11.7\n3.12\n").unwrap();
    let version = |view: View| {
        let mut env = view.env.into_iter();
        env.find(|(name, _)| name == "PYENV_VERSION")
            .map(|(_, value)| value)
    };
    assert_eq!(
        version(world.view(&[]).unwrap()),
        Some("3.11.7:3.12".into())
    );
    // The candidate's own pin is found by pyenv itself.
    fs::write(world.at("view/.python-version"), "3.13\n").unwrap();
    assert_eq!(version(world.view(&[]).unwrap()), None);
}

#[test]
fn only_what_the_tree_lacks_is_linked() {
    let world = World::new();
    fs::create_dir_all(world.at("checkout/node_modules")).unwrap();
    fs::create_dir_all(world.at("view/node_modules")).unwrap();
    fs::create_dir_all(world.at("view/src/pkg")).unwrap();
    program(&world.at("checkout/src/pkg/_version.py"));
    let view = world
        .view(&[".venv", "venv", "node_modules", "src/pkg/_version.py"])
        .unwrap();
    assert_eq!(view.linked, [".venv", "src/pkg/_version.py"]);
    assert_eq!(
        fs::read_link(world.at("view/.venv")).unwrap(),
        world.at("checkout/.venv")
    );
    let gap = "the linked .venv can be changed by the tests".to_owned();
    assert!(view.sandbox.gaps.contains(&gap));
    assert_eq!(view.sandbox.tier, Tier::None);
}

#[test]
fn a_link_never_lands_outside_the_view() {
    let world = World::new();
    program(&world.at("checkout/out/lib"));
    symlink(world.at("home"), world.at("view/out")).unwrap();
    assert_eq!(
        world.view(&["out/lib"]).unwrap().linked,
        Vec::<String>::new()
    );
    assert!(!world.at("home/lib").exists());
    for name in ["../x", "/etc", "a/../b", ""] {
        let error = world.view(&[name]).unwrap_err();
        assert!(matches!(error, Error::Linked(_)), "{error:?}");
    }
}

#[test]
fn programs_are_found_in_the_linked_environment_first_and_never_in_the_repository() {
    let world = World::new();
    let found = |name: &str| world.resolve(name).unwrap();
    assert_eq!(found("pytest"), world.at("view/.venv/bin/pytest"));
    assert_eq!(found("make"), world.at("tools/make"));
    assert_eq!(found(".venv/bin/pytest"), world.at("view/.venv/bin/pytest"));
    let tool = world.at("tools/make");
    assert_eq!(found(tool.to_str().unwrap()), tool);
    for name in ["evil", "disguised", "missing", "", "make\0", "/no/such"] {
        let error = world.resolve(name).unwrap_err();
        assert!(
            matches!(error, Error::ProgramNotFound { .. }),
            "{name}: {error:?}"
        );
    }
    let inside = world.at("checkout/bin/evil");
    let disguised = world.at("tools/disguised");
    for name in [
        "./evil.sh",
        "../checkout/bin/evil",
        ".venv/../evil.sh",
        inside.to_str().unwrap(),
        disguised.to_str().unwrap(),
    ] {
        let error = world.resolve(name).unwrap_err();
        assert!(
            matches!(error, Error::ProgramInside { .. }),
            "{name}: {error:?}"
        );
    }
}
