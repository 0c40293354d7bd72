//! What honest test suites do and must be able to do inside: pytest in a virtual environment,
//! editable installs, servers, processes, terminals, git.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::project::Project;

/// A test that fails unless the module is the candidate's.
const FROM_CANDIDATE: &str =
    "from pkg import m\n\n\ndef test_candidate():\n    assert m.y == 2\n    assert m.x == 1\n";

/// What a run of pytest came to: passed, failed, skipped.
fn counts(verdict: &Value) -> (u64, u64, u64) {
    let count = |name: &str| verdict["tests"][name].as_u64().unwrap();
    (count("passed"), count("failed"), count("skipped"))
}

fn must_pass(project: &Project, test: &str, passed: u64) {
    let (verdict, output) = project.run(test);
    assert_eq!(verdict["sandbox"]["tier"], "full", "{output}");
    assert_eq!(verdict["status"], "SUCCESS", "{verdict}\n{output}");
    assert_eq!(counts(&verdict), (passed, 0, 0), "{output}");
}

#[test]
fn a_virtual_environment_works_at_its_own_path() {
    let project = Project::new();
    project.write(
        "tests/test_m.py",
        "import sys\n\n\ndef test_place():\n    assert '.venv' in sys.prefix\n",
    );
    project.commit();
    project.make_virtual_environment();
    let before = project.looked_at();
    must_pass(&project, ".venv/bin/python -m pytest -q", 1);
    assert_eq!(project.differences(&before), Vec::<String>::new());
}

#[test]
fn an_interpreter_under_the_home_folder_is_visible() {
    let project = Project::new();
    project.write("tests/test_m.py", "import json, os, sys\n\n\ndef test_home():\n    assert 'tools' in os.readlink('.venv/bin/python3')\n");
    project.commit();
    // An installation below the home folder, like pyenv's: the interpreter with its library.
    let installation = project.home().join(".pyenv/versions/tools");
    let script = "import os,shutil,sys,sysconfig; to=sys.argv[1]; v='python%d.%d'%sys.version_info[:2]; \
        os.makedirs(to+'/bin'); shutil.copy(os.path.realpath(sys.executable), to+'/bin/python3'); \
        os.makedirs(to+'/lib'); \
        shutil.copytree(sysconfig.get_paths()['stdlib'], to+'/lib/'+v, symlinks=True, \
          ignore=lambda d,n:[x for x in n if x in ('site-packages','dist-packages','test','__pycache__','idlelib')])";
    project.python(&["-c", script, installation.to_str().unwrap()]);
    let (verdict, output) = {
        let python = installation.join("bin/python3");
        project.link(&python, ".venv/bin/python3");
        std::fs::write(
            project.repo().join(".venv/pyvenv.cfg"),
            format!("home = {}\n", python.parent().unwrap().display()),
        )
        .unwrap();
        project.run(".venv/bin/python3 -c \"import sys,json; print('prefix', sys.base_prefix)\"")
    };
    assert_eq!(verdict["tests"]["exit"], 0, "{output}");
    assert!(output.contains("prefix"), "{output}");
}

#[test]
fn a_folder_of_the_checkout_moves_as_programs_move_it() {
    let project = Project::new();
    project.commit();
    // In an overlay without privileges, rename of a folder below says EXDEV, as between file
    // systems; whoever moves folders copies then.
    let script = "import errno, os, shutil\n\n\ndef test_move():\n    try:\n        os.rename('src', 'src2')\n    \
        except OSError as error:\n        assert error.errno == errno.EXDEV\n        shutil.move('src', 'src2')\n    \
        os.system('mv src2 src3')\n    assert os.path.exists('src3/pkg/m.py') and not os.path.exists('src')\n";
    project.write("tests/test_move.py", script);
    project.commit();
    must_pass(&project, "python3 -m pytest -q", 1);
}

#[test]
fn the_candidate_is_what_an_editable_install_imports() {
    for kind in ["path file", "import hook"] {
        let project = Project::new();
        project.write("tests/test_m.py", FROM_CANDIDATE);
        project.commit();
        project.make_virtual_environment();
        project.install_editable(kind);
        let (verdict, output) = project.run(".venv/bin/python -m pytest -q");
        assert_eq!(verdict["status"], "SUCCESS", "{kind}: {output}");
    }
}

#[test]
fn a_built_folder_that_git_ignores_is_there() {
    let project = Project::new();
    project.write("tests/test_m.py", "import sys\nsys.path.insert(0, 'build')\n\n\ndef test_built():\n    import made\n    assert made.value == 7\n");
    project.commit();
    project.write("build/made.py", "value = 7\n");
    must_pass(&project, "python3 -m pytest -q", 1);
}

/// Every function of `tests/data/honest/test_honest.py`, inside: what suites rely on.
#[test]
fn what_honest_suites_do_works_inside() {
    let project = Project::new();
    let tests = include_str!("../data/honest/test_honest.py");
    project.write("tests/test_honest.py", tests);
    project.commit();
    let before = project.looked_at();
    let count = tests
        .lines()
        .filter(|line| line.starts_with("def test_"))
        .count();
    must_pass(
        &project,
        "python3 -m pytest -q -rA",
        u64::try_from(count).unwrap(),
    );
    assert_eq!(project.differences(&before), Vec::<String>::new());
}

#[test]
fn node_runs_where_it_is_installed() {
    let Ok(found) = Command::new("node").arg("--version").output() else {
        // Nothing to show on a machine without it; every other language has its own test.
        assert!(!Path::new("/usr/bin/node").exists());
        return;
    };
    assert!(found.status.success());
    let project = Project::new();
    project.write(
        "package.json",
        "{\"name\": \"x\", \"scripts\": {\"test\": \"node --test\"}}\n",
    );
    project.write(
        "a.test.js",
        "const { test } = require('node:test');\nconst assert = require('node:assert');\n\
         const http = require('node:http');\n\
         test('a server', async () => {\n  const server = http.createServer((_, r) => r.end('hello'));\n  \
         await new Promise(done => server.listen(0, '127.0.0.1', done));\n  \
         const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);\n  \
         assert.equal(await answer.text(), 'hello');\n  server.close();\n});\n",
    );
    project.commit();
    must_pass(&project, "node --test", 1);
}
