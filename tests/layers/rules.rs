//! The rules, over facts of files.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::File;

/// What the source tree must keep to.
pub(crate) struct Rules {
    /// Top-level modules by rank, the lowest first.
    pub(crate) ranks: &'static [&'static [&'static str]],
    /// Crates, or modules of crates, and the only top-level modules that may name them.
    pub(crate) only: &'static [(&'static str, &'static [&'static str])],
    /// Longest file without a written reason.
    pub(crate) most_lines: usize,
}

/// One line for each breach.
pub(crate) fn violations(rules: &Rules, files: &[File]) -> Vec<String> {
    let tests: Vec<&Vec<String>> = files.iter().flat_map(|file| &file.test_modules).collect();
    let is_test = |file: &&File| tests.iter().any(|test| file.module.starts_with(test));
    let mut found = membership(rules, files);
    found.extend(files.iter().filter_map(|file| length(rules, file)));
    for file in files.iter().filter(|file| !is_test(file) && !file.module.is_empty()) {
        found.extend(imports(rules, file));
        found.extend(capabilities(rules, file));
        found.extend(file.unwraps.iter().map(|line| at(file, *line, ".unwrap() outside tests")));
        found.extend(sql(file));
    }
    found.extend(cycles(files, &is_test));
    // `use crate::a::{b, c}` names `a` twice and breaks a rule once.
    found.dedup();
    found
}

fn at(file: &File, line: usize, what: &str) -> String {
    format!("src/{}:{line}: {what}", file.path)
}

fn rank(rules: &Rules, module: &str) -> Option<usize> {
    rules.ranks.iter().position(|rank| rank.contains(&module))
}

/// Every module has a rank, and every name in the ranks is a module.
fn membership(rules: &Rules, files: &[File]) -> Vec<String> {
    let present: BTreeSet<&str> =
        files.iter().filter_map(|f| f.module.first()).map(String::as_str).collect();
    let listed: BTreeSet<&str> = rules.ranks.iter().copied().flatten().copied().collect();
    let stray = present.difference(&listed).map(|name| format!("module {name} is in no rank"));
    let gone = listed.difference(&present).map(|name| format!("{name} has a rank but no module"));
    stray.chain(gone).collect()
}

fn length(rules: &Rules, file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let reasoned = file.text.lines().take(20).any(|line| line.starts_with("// Long because"));
    (lines > rules.most_lines && !reasoned).then(|| {
        at(file, lines, &format!("{lines} lines, without a `// Long because …` in its head"))
    })
}

fn imports(rules: &Rules, file: &File) -> Vec<String> {
    let own = file.module[0].as_str();
    let Some(own_rank) = rank(rules, own) else { return Vec::new() };
    let fault = |target: Option<&str>| match target {
        Some(target) if target == own => None,
        Some(target) => match rank(rules, target) {
            None => Some(format!("crate::{target} is no module with a rank")),
            Some(rank) if rank > own_rank => {
                Some(format!("{own} (rank {own_rank}) imports {target} (rank {rank}) above it"))
            }
            Some(rank) if rank == own_rank => {
                Some(format!("{own} imports {target} of the same rank {rank}"))
            }
            Some(_) => None,
        },
        None => Some("the crate's root is imported whole".to_owned()),
    };
    let from_crate = file.paths.iter().filter(|(path, _)| path[0] == "crate");
    let lines = from_crate.filter_map(|(path, line)| {
        fault(path.get(1).map(String::as_str)).map(|what| at(file, *line, &what))
    });
    lines.collect()
}

fn capabilities(rules: &Rules, file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (path, line) in &file.paths {
        let path = path.join("::");
        for (capability, owners) in rules.only {
            let uses = path
                .strip_prefix(capability)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            if uses && !owners.contains(&file.module[0].as_str()) {
                let what = format!("{capability} belongs to {} alone", owners.join(", "));
                found.push(at(file, *line, &what));
            }
        }
    }
    found
}

/// SQL stands in files under `sql/`, where a DBA can read it and a test prepares it.
fn sql(file: &File) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let reasoned = |line: usize| {
        let above = lines[..line.saturating_sub(1)].iter().rev();
        let mut comments = above.take_while(|text| text.trim_start().starts_with("//"));
        comments.any(|text| text.contains("SQL here because"))
    };
    let in_strings = file.strings.iter().filter(|(text, line)| is_sql(text) && !reasoned(*line));
    in_strings.map(|(text, line)| at(file, *line, &format!("SQL in a string: {text}"))).collect()
}

/// Crude on purpose: a statement begins the literal. Advice to the reader does not.
fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['b', 'r', '#', '"']).trim_end_matches(['#', '"']);
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["select", rest @ ..] => rest.contains(&"from") || rest.iter().any(|w| w.contains('(')),
        ["insert", "into", ..] | ["delete", "from", ..] | ["truncate", "table", ..] => true,
        ["update", _, "set", _, ..] | ["create", "table" | "schema" | "view", ..] => true,
        ["with", _, "as", ..] => true,
        ["copy", rest @ ..] => rest.contains(&"stdin") || rest.contains(&"stdout"),
        _ => false,
    }
}

/// Cycles between the children of one module, at every level of the tree.
fn cycles(files: &[File], is_test: &dyn Fn(&&File) -> bool) -> Vec<String> {
    let modules: BTreeSet<&[String]> = files.iter().map(|file| file.module.as_slice()).collect();
    let mut edges: BTreeMap<&[String], BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for file in files.iter().filter(|file| !is_test(file)) {
        for (path, _) in file.paths.iter().filter(|(path, _)| path[0] == "crate") {
            let target = &path[1..];
            let common = file.module.iter().zip(target).take_while(|(a, b)| a == b).count();
            if common < file.module.len()
                && common < target.len()
                && modules.iter().any(|module| module.starts_with(&target[..=common]))
            {
                let siblings = edges.entry(&target[..common]).or_default();
                siblings.entry(&file.module[common]).or_default().insert(&target[common]);
            }
        }
    }
    edges.iter().filter_map(|(parent, graph)| cycle(&parent.join("::"), graph)).collect()
}

fn cycle(parent: &str, graph: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    let mut done = BTreeSet::new();
    let found = graph.keys().find_map(|start| visit(start, graph, &mut Vec::new(), &mut done))?;
    Some(format!("cycle in {}: {}", if parent.is_empty() { "the crate" } else { parent }, found))
}

fn visit<'a>(
    node: &'a str,
    graph: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<String> {
    if let Some(begin) = way.iter().position(|other| *other == node) {
        return Some([&way[begin..], &[node]].concat().join(" -> "));
    }
    if !done.insert(node) {
        return None;
    }
    way.push(node);
    let next = graph.get(node).into_iter().flatten();
    let found = next.copied().find_map(|next| visit(next, graph, way, done));
    way.pop();
    found
}
