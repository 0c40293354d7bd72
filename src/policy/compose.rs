//! Compose files: a change may not open or move a port.
//!
//! Both sides are parsed, anchors and merge keys resolved, and the parts that expose a service are
//! compared. A file that cannot be parsed exposes who knows what, so it is refused.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode as _, Mapping, Yaml};

/// Larger files than this are not written by hand.
const MAX_BYTES: usize = 256 * 1024;
/// The deepest that block nesting can start on a line; bounds the recursion of everything below.
const MAX_LEAD: usize = 100;
/// How many merges may be nested.
const MAX_MERGES: usize = 16;
/// What exposes a service. `extends` takes the others from another service or file.
const EXPOSING: [&str; 4] = ["ports", "expose", "network_mode", "extends"];

/// What a change does to the exposure of the services of a file; the text names the service.
pub(super) fn compare(before: Option<&[u8]>, after: Option<&[u8]>) -> Result<Vec<String>, String> {
    let old = exposure(before).map_err(|why| format!("the base's version {why}"))?;
    let new = exposure(after).map_err(|why| format!("the new version {why}"))?;
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = keys
        .into_iter()
        .filter(|key| old.get(*key) != new.get(*key));
    Ok(changed
        .map(|(service, what)| {
            if service.is_empty() {
                format!("changes `{what}` of the file, which can bring services of other files in")
            } else {
                format!("changes `{what}` of service {service:?}")
            }
        })
        .collect())
}

/// (service, key) and the value as text.
type Exposure = BTreeMap<(String, &'static str), String>;

fn exposure(content: Option<&[u8]>) -> Result<Exposure, String> {
    let Some(content) = content else {
        return Ok(Exposure::new());
    };
    let text = std::str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    if text.len() > MAX_BYTES {
        return Err(format!(
            "has {} bytes; at most {MAX_BYTES} are parsed",
            text.len()
        ));
    }
    let lead = |line: &str| {
        let trimmed = line.trim_start_matches([' ', '\t', '-', '?', ':', '\u{feff}']);
        line.len() - trimmed.len()
    };
    if text.lines().any(|line| lead(line) > MAX_LEAD) {
        return Err("is nested too deeply".to_owned());
    }
    let documents =
        Yaml::load_from_str(text).map_err(|error| format!("cannot be parsed: {error}"))?;
    let root = match documents.as_slice() {
        [] => return Ok(Exposure::new()),
        [root] => root,
        _ => return Err("holds more than one document".to_owned()),
    };
    let mut exposure = Exposure::new();
    let root = match mapping(root) {
        Some(root) => merged(root, 0)?,
        None if is_null(root) => return Ok(exposure),
        None => return Err("is not a mapping".to_owned()),
    };
    if let Some(include) = root.get("include") {
        exposure.insert((String::new(), "include"), format!("{include:?}"));
    }
    // Before version 2 the services stood at the top.
    let services = match root.get("services") {
        Some(services) if is_null(services) => BTreeMap::new(),
        Some(services) => merged(
            mapping(services).ok_or("has `services` that are no mapping")?,
            0,
        )?,
        None => root,
    };
    for (name, service) in services {
        collect(&mut exposure, &name, service)?;
    }
    Ok(exposure)
}

fn collect(exposure: &mut Exposure, name: &str, service: &Yaml<'_>) -> Result<(), String> {
    let Some(service) = mapping(service) else {
        return Ok(());
    };
    let service = merged(service, 0)?;
    for key in EXPOSING {
        if let Some(value) = service.get(key) {
            exposure.insert((name.to_owned(), key), format!("{value:?}"));
        }
    }
    Ok(())
}

/// The entries of a mapping with its `<<` merges resolved; its own entries win.
fn merged<'a>(
    map: &'a Mapping<'a>,
    depth: usize,
) -> Result<BTreeMap<String, &'a Yaml<'a>>, String> {
    if depth > MAX_MERGES {
        return Err("nests merges too deeply".to_owned());
    }
    let mut entries = BTreeMap::new();
    for (key, value) in map {
        if key.as_str() != Some("<<") {
            continue;
        }
        let sources: Vec<&Yaml<'_>> = match untagged(value).as_vec() {
            Some(list) => list.iter().collect(),
            None => vec![value],
        };
        for source in sources {
            let source = mapping(source).ok_or("merges something that is no mapping")?;
            for (name, value) in merged(source, depth + 1)? {
                // The first of several merged mappings wins.
                entries.entry(name).or_insert(value);
            }
        }
    }
    for (key, value) in map {
        let name = match key.as_str() {
            Some("<<") => continue,
            Some(name) => name.to_owned(),
            None => format!("{key:?}"),
        };
        entries.insert(name, value);
    }
    Ok(entries)
}

fn untagged<'a>(mut node: &'a Yaml<'a>) -> &'a Yaml<'a> {
    while let Yaml::Tagged(_, inner) = node {
        node = inner;
    }
    node
}

fn mapping<'a>(node: &'a Yaml<'a>) -> Option<&'a Mapping<'a>> {
    match untagged(node) {
        Yaml::Mapping(map) => Some(map),
        Yaml::Representation(..)
        | Yaml::Value(_)
        | Yaml::Sequence(_)
        | Yaml::Tagged(..)
        | Yaml::Alias(_)
        | Yaml::BadValue => None,
    }
}

fn is_null(node: &Yaml<'_>) -> bool {
    untagged(node).is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: &str, after: &str) -> Vec<String> {
        compare(Some(before.as_bytes()), Some(after.as_bytes())).unwrap()
    }

    const BASE: &str =
        "services:\n  web:\n    image: a:1\n    ports: [\"80:80\"]\n  db:\n    image: b\n";

    #[test]
    fn another_image_passes() {
        assert!(changed(BASE, &BASE.replace("a:1", "a:2")).is_empty());
        assert!(
            compare(None, Some(b"services:\n  web:\n    image: a\n"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn every_way_to_expose_a_service_is_seen() {
        for after in [
            BASE.replace("80:80", "81:80"),
            BASE.replace("    ports: [\"80:80\"]\n", ""),
            format!("{BASE}    expose: [1]\n"),
            format!("{BASE}    network_mode: host\n"),
            format!("{BASE}    ports:\n      - target: 1\n        published: 2\n"),
            format!("{BASE}    extends: {{file: x.yml, service: y}}\n"),
            format!("{BASE}    ports: !override [\"1:1\"]\n"),
            format!("{BASE}include: [x.yml]\n"),
            format!("x-p: &p {{ports: [\"1:1\"]}}\n{BASE}    <<: *p\n"),
            format!("x-p: &p [\"1:1\"]\n{BASE}    ports: *p\n"),
            format!("{BASE}  new:\n    <<: [{{ports: [1]}}]\n"),
        ] {
            assert!(!changed(BASE, &after).is_empty(), "{after}");
        }
        assert!(changed(BASE, &BASE.replace("80:80", "81:80"))[0].contains("\"web\""));
        assert!(!compare(Some(BASE.as_bytes()), None).unwrap().is_empty());
        assert!(
            !compare(None, Some(b"web:\n  ports: [1]\n"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn an_own_entry_wins_over_a_merged_one() {
        let before = "services:\n  web:\n    ports: [1]\n";
        let after = "x: &x {ports: [2]}\nservices:\n  web:\n    <<: *x\n    ports: [1]\n";
        assert!(changed(before, after).is_empty());
    }

    #[test]
    fn what_cannot_be_parsed_is_refused() {
        let deep = format!("services:\n{}x", "- ".repeat(5000));
        let bomb = {
            let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
            for i in 1..9 {
                let alias = format!("*a{},", i - 1).repeat(10);
                text = format!("{text}a{i}: &a{i} [{alias}]\n");
            }
            text
        };
        for bad in [
            "services: [",
            "a: 1\na: 2",
            "- 1",
            "a: 1\n---\nb: 2",
            "services: 1",
            &deep,
            &bomb,
            "\u{1}: [",
        ] {
            assert!(compare(None, Some(bad.as_bytes())).is_err(), "{bad:.60}");
        }
        assert!(compare(None, Some(b"\xff")).is_err());
    }
}
