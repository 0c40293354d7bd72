//! Finding renames as `git diff` does, so that the diff is the same to the byte.
//!
//! libgit2 has its own rename detection, but measures similarity differently, so its percentages
//! (and with them the pairs) differ from git's. The rules, from git's documentation (gitdiffcore)
//! and behaviour: first equal contents; then files whose base name is unique on both sides and
//! which are at least 75 % similar; then the best pairs of a matrix, at least 50 % similar. The
//! tests compare with the real git on random renames.

use std::collections::{BTreeMap, HashMap};

use crate::git::changes::{Changed, Side};
use crate::git::{Error, Repository};
use crate::model::FileMode;

/// The scale of similarity; equal contents have this score.
pub(super) const MAX_SCORE: u64 = 60_000;
/// The least similarity of a rename (50 %).
const MIN_SCORE: u64 = MAX_SCORE / 2;
/// The least similarity of a rename found by its base name alone (75 %).
const MIN_BASENAME_SCORE: u64 = MIN_SCORE + (MAX_SCORE - MIN_SCORE) / 2;
/// Git's default `diff.renameLimit`: a larger matrix than its square is not searched.
const LIMIT: usize = 1000;
/// How many candidates git remembers for one added file.
const CANDIDATES: usize = 4;
/// How many equal contents git looks at for one added file.
const MAX_ALTERNATIVES: usize = 100;

/// A changed path, with the deleted path it came from.
pub(super) struct Pair {
    pub changed: Changed,
    pub renamed: Option<Renamed>,
}

/// Where a renamed file came from.
pub(super) struct Renamed {
    pub from: Vec<u8>,
    pub score: u64,
}

/// One deleted or added file.
struct File {
    /// Its position in the list of changes.
    index: usize,
    path: Vec<u8>,
    side: Side,
    /// The other file of its rename, and the score.
    matched: Option<(usize, u64)>,
}

impl File {
    fn base_name(&self) -> &[u8] {
        self.path.rsplit(|b| *b == b'/').next().unwrap_or_default()
    }

    fn is_regular(&self) -> bool {
        matches!(self.side.mode, FileMode::Regular | FileMode::Executable)
    }
}

impl Repository {
    /// Joins deletions and additions to renames. The order stays; a deletion that became the old
    /// side of a rename disappears.
    pub(super) fn find_renames(&self, changes: Vec<Changed>) -> Result<Vec<Pair>, Error> {
        let mut search = Search::new(self, &changes);
        search.exact();
        search.by_base_name()?;
        search.by_similarity()?;
        let Search {
            sources, targets, ..
        } = search;
        let moved: HashMap<usize, &File> = sources
            .iter()
            .filter(|file| file.matched.is_some())
            .map(|file| (file.index, file))
            .collect();
        let arrived: HashMap<usize, &File> =
            targets.iter().map(|file| (file.index, file)).collect();
        let mut pairs = Vec::new();
        for (index, mut changed) in changes.into_iter().enumerate() {
            if moved.contains_key(&index) {
                continue;
            }
            let origin = arrived
                .get(&index)
                .and_then(|target| target.matched)
                .and_then(|(source, score)| Some((sources.get(source)?, score)));
            let renamed = origin.map(|(source, score)| {
                changed.old = Some(source.side);
                Renamed {
                    from: source.path.clone(),
                    score,
                }
            });
            pairs.push(Pair { changed, renamed });
        }
        Ok(pairs)
    }
}

struct Search<'r> {
    repository: &'r Repository,
    sources: Vec<File>,
    targets: Vec<File>,
    prints: HashMap<git2::Oid, Fingerprint>,
}

/// A candidate of the matrix.
#[derive(Clone, Copy)]
struct Candidate {
    source: usize,
    target: usize,
    score: u64,
    same_name: bool,
}

impl Candidate {
    fn rank(&self) -> (u64, bool) {
        (self.score, self.same_name)
    }
}

impl<'r> Search<'r> {
    fn new(repository: &'r Repository, changes: &[Changed]) -> Self {
        let file = |index, changed: &Changed, side| File {
            index,
            path: changed.path.clone(),
            side,
            matched: None,
        };
        let mut sources = Vec::new();
        let mut targets = Vec::new();
        for (index, changed) in changes.iter().enumerate() {
            match (changed.old, changed.new) {
                (Some(side), None) => sources.push(file(index, changed, side)),
                (None, Some(side)) => targets.push(file(index, changed, side)),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Self {
            repository,
            sources,
            targets,
            prints: HashMap::new(),
        }
    }

    fn join(&mut self, source: usize, target: usize, score: u64) {
        if let (Some(from), Some(to)) = (self.sources.get_mut(source), self.targets.get_mut(target))
        {
            from.matched = Some((target, score));
            to.matched = Some((source, score));
        }
    }

    /// Equal contents; a file of the same base name first.
    fn exact(&mut self) {
        let mut by_content: HashMap<git2::Oid, Vec<usize>> = HashMap::new();
        for (index, source) in self.sources.iter().enumerate() {
            by_content.entry(source.side.oid).or_default().push(index);
        }
        for target in 0..self.targets.len() {
            if let Some(source) = self.equal_source(target, &by_content) {
                self.join(source, target, MAX_SCORE);
            }
        }
    }

    fn equal_source(
        &self,
        target: usize,
        by_content: &HashMap<git2::Oid, Vec<usize>>,
    ) -> Option<usize> {
        let target = self.targets.get(target)?;
        let mut best = None;
        let candidates = by_content
            .get(&target.side.oid)?
            .iter()
            .filter_map(|index| Some((*index, self.sources.get(*index)?)))
            .filter(|(_, source)| source.matched.is_none())
            .filter(|(_, source)| {
                source.is_regular() && target.is_regular() || source.side.mode == target.side.mode
            })
            .take(MAX_ALTERNATIVES);
        for (index, source) in candidates {
            if source.base_name() == target.base_name() {
                return Some(index);
            }
            best = best.or(Some(index));
        }
        best
    }

    /// Files whose base name is unique among what is left on both sides.
    fn by_base_name(&mut self) -> Result<(), Error> {
        let sources = unique_base_names(&self.sources);
        let targets = unique_base_names(&self.targets);
        for source in 0..self.sources.len() {
            let Some(file) = self.sources.get(source) else {
                continue;
            };
            let name = file.base_name();
            if sources.get(name) != Some(&Some(source)) {
                continue;
            }
            let Some(Some(target)) = targets.get(name).copied() else {
                continue;
            };
            let score = self.similarity(source, target, MIN_BASENAME_SCORE)?;
            if score >= MIN_BASENAME_SCORE {
                self.join(source, target, score);
            }
        }
        Ok(())
    }

    /// The best pairs among all that is left.
    fn by_similarity(&mut self) -> Result<(), Error> {
        let open = |files: &[File]| -> Vec<usize> {
            let left = files
                .iter()
                .enumerate()
                .filter(|(_, f)| f.matched.is_none());
            left.map(|(index, _)| index).collect()
        };
        let (sources, targets) = (open(&self.sources), open(&self.targets));
        if sources.len().saturating_mul(targets.len()) > LIMIT * LIMIT {
            return Ok(());
        }
        let mut matrix = Vec::new();
        for target in targets {
            let mut best: Vec<Candidate> = Vec::with_capacity(CANDIDATES + 1);
            for &source in &sources {
                let candidate = Candidate {
                    source,
                    target,
                    score: self.similarity(source, target, MIN_SCORE)?,
                    same_name: self.same_base_name(source, target),
                };
                remember(&mut best, candidate);
            }
            matrix.extend(best);
        }
        matrix.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank()));
        for candidate in matrix {
            let free = |files: &[File], i: usize| files.get(i).is_some_and(|f| f.matched.is_none());
            if candidate.score >= MIN_SCORE
                && free(&self.targets, candidate.target)
                && free(&self.sources, candidate.source)
            {
                self.join(candidate.source, candidate.target, candidate.score);
            }
        }
        Ok(())
    }

    fn same_base_name(&self, source: usize, target: usize) -> bool {
        let source = self.sources.get(source).map(File::base_name);
        source == self.targets.get(target).map(File::base_name)
    }

    /// How much of the larger file the two have in common, at most [`MAX_SCORE`]; 0 when the sizes
    /// alone exclude `least`. Symbolic links and submodules are renamed only unchanged.
    fn similarity(&mut self, source: usize, target: usize, least: u64) -> Result<u64, Error> {
        let (Some(source), Some(target)) = (self.sources.get(source), self.targets.get(target))
        else {
            return Ok(0);
        };
        if !source.is_regular() || !target.is_regular() {
            return Ok(0);
        }
        let (source, target) = (source.side.oid, target.side.oid);
        self.fingerprint(source)?;
        self.fingerprint(target)?;
        let (Some(old), Some(new)) = (self.prints.get(&source), self.prints.get(&target)) else {
            return Ok(0);
        };
        let larger = old.size.max(new.size);
        let smaller = old.size.min(new.size);
        if new.size == 0 || larger * (MAX_SCORE - least) < (larger - smaller) * MAX_SCORE {
            return Ok(0);
        }
        Ok(old.common(new) * MAX_SCORE / larger)
    }

    fn fingerprint(&mut self, oid: git2::Oid) -> Result<(), Error> {
        if !self.prints.contains_key(&oid) {
            let print = Fingerprint::of(&self.repository.blob(oid)?);
            self.prints.insert(oid, print);
        }
        Ok(())
    }
}

/// The base names of unmatched files: the index where it is unique, `None` where it is not.
fn unique_base_names(files: &[File]) -> HashMap<Vec<u8>, Option<usize>> {
    let mut names: HashMap<Vec<u8>, Option<usize>> = HashMap::new();
    for (index, file) in files
        .iter()
        .enumerate()
        .filter(|(_, f)| f.matched.is_none())
    {
        names
            .entry(file.base_name().to_vec())
            .and_modify(|unique| *unique = None)
            .or_insert(Some(index));
    }
    names
}

/// Keeps the best [`CANDIDATES`]. A newcomer replaces the first of the worst in its place; places
/// matter because the later sort is stable.
fn remember(best: &mut Vec<Candidate>, candidate: Candidate) {
    if best.len() < CANDIDATES {
        best.push(candidate);
        return;
    }
    let mut worst: Option<&mut Candidate> = None;
    for kept in best.iter_mut() {
        if worst
            .as_ref()
            .is_none_or(|worst| kept.rank() < worst.rank())
        {
            worst = Some(kept);
        }
    }
    if let Some(worst) = worst.filter(|worst| worst.rank() < candidate.rank()) {
        *worst = candidate;
    }
}

/// A file as the multiset of its lines (cut at 64 bytes), by hash, with the bytes in each.
struct Fingerprint {
    size: u64,
    spans: BTreeMap<u32, u64>,
}

impl Fingerprint {
    /// Git's hash of a span: two 32-bit accumulators rotated by seven, modulo this prime. Two spans
    /// with the same hash count as equal, so the numbers have to be the same as git's.
    const PRIME: u32 = 107_927;
    /// The longest span, in bytes.
    const SPAN: u64 = 64;

    fn of(content: &[u8]) -> Self {
        let text = !super::diff::is_binary(content);
        let mut spans = BTreeMap::new();
        let (mut low, mut high, mut length) = (0_u32, 0_u32, 0_u64);
        let mut bytes = content.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            // The CR of CRLF does not count in text.
            if text && byte == b'\r' && bytes.peek() == Some(&b'\n') {
                continue;
            }
            let before = low;
            low = (low << 7) ^ (high >> 25);
            high = (high << 7) ^ (before >> 25);
            low = low.wrapping_add(u32::from(byte));
            length += 1;
            if length < Self::SPAN && byte != b'\n' && bytes.peek().is_some() {
                continue;
            }
            let hash = low.wrapping_add(high.wrapping_mul(0x61)) % Self::PRIME;
            *spans.entry(hash).or_default() += length;
            (low, high, length) = (0, 0, 0);
        }
        Self {
            size: content.len() as u64,
            spans,
        }
    }

    /// The bytes that both have.
    fn common(&self, other: &Self) -> u64 {
        let shared =
            |(hash, count): (&u32, &u64)| other.spans.get(hash).map(|n| n.min(count)).copied();
        self.spans.iter().filter_map(shared).sum()
    }
}
