//! Making a new repository of one commit, for the demo. Never used on an existing one.

use std::path::Path;

use git2::{IndexAddOption, RepositoryInitOptions, Signature};

use crate::git::Error;

/// Makes a repository with these files as its first commit on `main`, with a user of its own, so
/// that it works on a machine whose git was never set up.
pub fn create_repository(dir: &Path, files: &[(&str, &str)], message: &str) -> Result<(), Error> {
    for (path, content) in files {
        let path = dir.join(path);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|source| Error::ExportWrite {
                path: path.clone(),
                source,
            })?;
    }
    first_commit(dir, message).map_err(|error| Error::Git {
        doing: "make the demo repository".to_owned(),
        detail: error.message().to_owned(),
    })
}

fn first_commit(dir: &Path, message: &str) -> Result<(), git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options
        .no_reinit(true)
        .initial_head("main")
        .external_template(false);
    let repository = git2::Repository::init_opts(dir, &options)?;
    let mut config = repository.config()?;
    config.set_str("user.name", "Milton Demo")?;
    config.set_str("user.email", "demo@example.invalid")?;
    let mut index = repository.index()?;
    index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let who = Signature::now("Milton Demo", "demo@example.invalid")?;
    repository.commit(Some("HEAD"), &who, &who, message, &tree, &[])?;
    Ok(())
}
