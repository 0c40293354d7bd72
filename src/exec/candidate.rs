//! Which files the tested tree has, seen from outside of the view.
//!
//! In the sandbox the view exists for the command only; from outside its files are those of its
//! layers, and the checkout alone does not show what the candidate adds.

use std::path::{Path, PathBuf};

/// The tree that a command saw at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    root: PathBuf,
    layers: Vec<PathBuf>,
}

impl Candidate {
    /// A tree that stands where the command saw it.
    pub fn at(root: &Path) -> Self {
        Self::of_layers(root, vec![root.to_owned()])
    }

    /// A tree that the command saw at `root`, put together of folders, the uppermost first.
    pub fn of_layers(root: &Path, layers: Vec<PathBuf>) -> Self {
        Self {
            root: root.to_owned(),
            layers,
        }
    }

    /// Where the command saw it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is a file of that path in the tree.
    pub fn holds_file(&self, relative: &str) -> bool {
        self.found(relative).is_some_and(|found| found.is_file())
    }

    /// Whether there is a folder of that path in the tree.
    pub fn holds_folder(&self, relative: &str) -> bool {
        self.found(relative).is_some_and(|found| found.is_dir())
    }

    /// What stands at the path in the uppermost layer that has something there. A mark of absence
    /// is something, and neither file nor folder.
    fn found(&self, relative: &str) -> Option<std::fs::Metadata> {
        self.layers
            .iter()
            .find_map(|layer| std::fs::metadata(layer.join(relative)).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_whichever_layer_has_it() {
        let place = tempfile::tempdir().unwrap();
        let (upper, lower) = (place.path().join("upper"), place.path().join("lower"));
        for (layer, file) in [(&upper, "new.py"), (&lower, "pkg/old.py")] {
            let path = layer.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let candidate = Candidate::of_layers(Path::new("/seen/here"), vec![upper, lower]);
        assert!(candidate.holds_file("new.py") && candidate.holds_file("pkg/old.py"));
        assert!(candidate.holds_folder("pkg") && !candidate.holds_file("pkg"));
        assert!(!candidate.holds_file("gone.py"));
    }
}
