//! The proposal as JSON (`docs/`: CONTRACT, "Proposal"), and a bare patch as a proposal.

use std::collections::HashMap;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::edits::Edit;
use super::patch::{self, Patch};
use super::{Error, text};
use crate::model::FileMode;

/// A proposal that could be read; nothing of it is trusted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The goal in the proposer's words.
    pub goal: Option<String>,
    /// The topic that the proposer asks for.
    pub topic: Option<String>,
    /// What changes.
    pub edits: Edits,
    /// Commands that the proposer asks to run besides the suite: program and arguments.
    pub verify: Vec<Vec<String>>,
    /// Risks that the proposer names.
    pub risks: Vec<String>,
}

/// How a proposal says what changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edits {
    /// One edit after another.
    List(Vec<Edit>),
    /// A unified diff.
    Patch(Patch),
}

impl Edits {
    /// The paths that change, as written, in order; a path may occur twice.
    pub(super) fn paths(&self) -> Vec<&str> {
        match self {
            Self::List(edits) => edits.iter().map(Edit::path).collect(),
            Self::Patch(patch) => patch.paths(),
        }
    }
}

/// The largest proposal or patch that is read, in bytes (16 MiB): far above what the line limit
/// can ever let through, and small enough to hold several times.
const MAX_BYTES: usize = 16 << 20;

/// More edits, commands or risks than anybody could review; the policy's limits are far lower.
const MAX_EDITS: usize = 10_000;
const MAX_VERIFY: usize = 20;
const MAX_RISKS: usize = 100;

/// Reads a bare patch as a proposal without goal and topic.
pub fn read_patch(bytes: &[u8]) -> Result<Proposal, Error> {
    bound(bytes, "patch")?;
    Ok(Proposal {
        goal: None,
        topic: None,
        edits: Edits::Patch(patch::parse(bytes)?),
        verify: Vec::new(),
        risks: Vec::new(),
    })
}

/// Reads a proposal in JSON.
pub fn read_proposal(bytes: &[u8]) -> Result<Proposal, Error> {
    bound(bytes, "proposal")?;
    let raw = read_json(bytes)?;
    if raw.schema != 1 {
        return Err(Error::whole(
            format!("schema {} is not known", raw.schema),
            "this milton reads proposals with \"schema\": 1",
        ));
    }
    let edits = match (raw.edits, raw.patch) {
        (Some(edits), None) => Edits::List(read_edits(edits)?),
        (None, Some(text)) => Edits::Patch(patch::parse(text.as_bytes()).map_err(in_patch)?),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Error::whole(
                "a proposal has exactly one of `edits` and `patch`",
                "keep one of the two",
            ));
        }
    };
    let verify = raw.verify.unwrap_or_default();
    if verify
        .iter()
        .any(|argv| argv.first().is_none_or(String::is_empty))
    {
        return Err(Error::whole(
            "a command in `verify` has no program",
            "each command is a list: program and arguments, such as [\"pytest\", \"-q\"]",
        ));
    }
    let risks = raw.risks.unwrap_or_default();
    at_most(verify.len(), MAX_VERIFY, "commands in `verify`")?;
    at_most(risks.len(), MAX_RISKS, "entries in `risks`")?;
    Ok(Proposal {
        goal: raw.goal,
        topic: raw.topic,
        edits,
        verify,
        risks,
    })
}

/// Reads the JSON object. Serde would take a list of the fields' values for an object too, and its
/// messages would name types of this program.
fn read_json(bytes: &[u8]) -> Result<RawProposal, Error> {
    let hint = "the proposal must be one JSON object in UTF-8, without a byte order mark";
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Error::whole("it begins with a byte order mark", hint));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Error::whole("it is UTF-16", hint));
    }
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => serde_json::from_slice(bytes).map_err(|error| json_error(&error)),
        Some(_) | None => Err(Error::whole("it is not a JSON object", hint)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a proposal")]
struct RawProposal {
    schema: u32,
    goal: Option<String>,
    topic: Option<String>,
    edits: Option<Vec<Object<RawEdit>>>,
    patch: Option<String>,
    verify: Option<Vec<Vec<String>>>,
    risks: Option<Vec<String>>,
}

/// A value that is written as an object, and in no other way that serde would take.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an edit")]
struct RawEdit {
    path: String,
    op: Op,
    content: Option<String>,
    find: Option<String>,
    with: Option<String>,
    to: Option<String>,
    mode: Option<String>,
}

/// `rename` and `chmod` are spelled out besides the contract's three, because proposers ask for
/// them and a refusal that names the real rule is worth more than a parse error.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Write,
    Replace,
    Delete,
    Rename,
    Chmod,
}

fn read_edits(raw: Vec<Object<RawEdit>>) -> Result<Vec<Edit>, Error> {
    if raw.is_empty() {
        return Err(Error::whole(
            "`edits` is empty",
            "a proposal changes at least one file",
        ));
    }
    at_most(raw.len(), MAX_EDITS, "edits")?;
    let edits = raw.into_iter().enumerate();
    let edits = edits.map(|(index, Object(edit))| read_edit(edit, index + 1));
    let edits = edits.collect::<Result<Vec<_>, _>>()?;
    refuse_contradictions(&edits)?;
    Ok(edits)
}

fn read_edit(raw: RawEdit, number: usize) -> Result<Edit, Error> {
    let name = format!("edit {number} ({:?})", raw.path);
    let missing = |field: &str| {
        Error::whole(
            format!("{name} has no `{field}`"),
            "write needs `content`; replace `find` and `with`; rename `to`; chmod `mode`",
        )
    };
    raw.refuse_surplus(&name)?;
    let mode = raw.read_mode(&name)?;
    let path = raw.path;
    Ok(match raw.op {
        Op::Write => {
            let content = raw.content.ok_or_else(|| missing("content"))?.into_bytes();
            Edit::Write {
                path,
                content,
                mode,
            }
        }
        Op::Replace => {
            let find = raw.find.filter(|text| !text.is_empty());
            Edit::Replace {
                path,
                find: find.ok_or_else(|| missing("find"))?,
                with: raw.with.ok_or_else(|| missing("with"))?,
                mode,
            }
        }
        // A delete may say what it believes to delete; nothing depends on it.
        Op::Delete => Edit::Delete { path },
        Op::Rename => Edit::Rename {
            path,
            to: raw.to.ok_or_else(|| missing("to"))?,
            content: raw.content.map(String::into_bytes),
            mode,
        },
        Op::Chmod => Edit::Chmod {
            path,
            mode: mode.ok_or_else(|| missing("mode"))?,
        },
    })
}

impl RawEdit {
    /// A field that the op does not take is refused: it would be dropped without a word.
    fn refuse_surplus(&self, name: &str) -> Result<(), Error> {
        let is_replace = matches!(self.op, Op::Replace);
        let surplus = if !is_replace && self.find.is_some() {
            "find"
        } else if !is_replace && self.with.is_some() {
            "with"
        } else if !matches!(self.op, Op::Rename) && self.to.is_some() {
            "to"
        } else if matches!(self.op, Op::Replace | Op::Chmod) && self.content.is_some() {
            "content"
        } else {
            return Ok(());
        };
        Err(Error::whole(
            format!("{name} has a `{surplus}` that its op does not take"),
            "`find` and `with` belong to replace, `to` to rename, `content` to write and rename",
        ))
    }

    fn read_mode(&self, name: &str) -> Result<Option<FileMode>, Error> {
        let Some(text) = &self.mode else {
            return Ok(None);
        };
        let unknown = || {
            let shown = text::visible(text.as_bytes());
            Error::whole(
                format!("{name} has an unknown mode {shown:?}"),
                "the modes of a file are \"100644\" and \"100755\"",
            )
        };
        FileMode::parse(text).map(Some).ok_or_else(unknown)
    }
}

/// What edits do to a path: bring content to it, or take the file away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// A path that one edit writes and another removes has no clear meaning; the same act twice has,
/// and stays for the gate to judge.
fn refuse_contradictions(edits: &[Edit]) -> Result<(), Error> {
    let mut fates: HashMap<&str, (Fate, usize)> = HashMap::new();
    for (index, edit) in edits.iter().enumerate() {
        let acts: Vec<(&str, Fate)> = match edit {
            Edit::Write { path, .. } | Edit::Replace { path, .. } | Edit::Chmod { path, .. } => {
                vec![(path, Fate::Stays)]
            }
            Edit::Delete { path } => vec![(path, Fate::Goes)],
            Edit::Rename { path, to, .. } => vec![(path, Fate::Goes), (to, Fate::Stays)],
        };
        for (path, fate) in acts {
            let (first, number) = *fates.entry(path).or_insert((fate, index + 1));
            if first != fate {
                return Err(Error::whole(
                    format!(
                        "contradictory: {path:?} is written and removed (edits {number} and {})",
                        index + 1
                    ),
                    "say once what shall become of the file",
                ));
            }
        }
    }
    Ok(())
}

fn bound(bytes: &[u8], what: &str) -> Result<(), Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::whole(
            format!("the {what} is empty"),
            "check the file or the pipe it comes from",
        ));
    }
    if bytes.len() > MAX_BYTES {
        return Err(Error::whole(
            format!("the {what} is larger than {} MiB", MAX_BYTES >> 20),
            "split the change; the policy allows only small ones in any case",
        ));
    }
    Ok(())
}

fn at_most(found: usize, limit: usize, what: &str) -> Result<(), Error> {
    if found > limit {
        return Err(Error::whole(
            format!("{found} {what}, at most {limit} are read"),
            "split the proposal",
        ));
    }
    Ok(())
}

/// The place inside the embedded patch stays; the message says what it counts.
fn in_patch(error: Error) -> Error {
    Error {
        message: format!("in `patch`: {}", error.message),
        ..error
    }
}

fn json_error(error: &serde_json::Error) -> Error {
    let hint = match error.classify() {
        serde_json::error::Category::Syntax => "the proposal must be one JSON object in UTF-8",
        serde_json::error::Category::Eof => "the JSON ends too early; was it cut off?",
        serde_json::error::Category::Data => {
            "fields: schema, goal, topic, edits or patch, verify, risks; an edit has path, op and \
             what its op needs"
        }
        serde_json::error::Category::Io => "the proposal could not be read",
    };
    // serde_json writes the place behind the message; it is told apart here.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let message: String = message.chars().take(400).collect();
    let placed = error.line() > 0;
    Error {
        message,
        line: placed.then(|| error.line()),
        column: placed.then(|| error.column().max(1)),
        hint: hint.to_owned(),
    }
}
