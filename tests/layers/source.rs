//! Source files as facts: which paths they name, at which line; which strings they hold.

use std::fs;
use std::io;
use std::path::Path;

use proc_macro2::{Delimiter, Group, Ident, LexError, TokenStream, TokenTree};

/// What the rules need to know of one file.
pub(crate) struct File {
    /// Path below `src`, with slashes.
    pub(crate) path: String,
    /// Module path: `high/b/mod.rs` is `["high", "b"]`, `lib.rs` and `main.rs` are `[]`.
    pub(crate) module: Vec<String>,
    /// The text.
    pub(crate) text: String,
    /// Paths named outside tests, absolute ones beginning with `crate`, and their lines.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// String literals outside tests and attributes, as written, and their lines.
    pub(crate) strings: Vec<(String, usize)>,
    /// Lines of `.unwrap()` outside tests.
    pub(crate) unwraps: Vec<usize>,
    /// Child modules that are compiled for tests only.
    pub(crate) test_modules: Vec<Vec<String>>,
}

/// All files below `root`.
pub(crate) fn tree(root: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it is below root").to_string_lossy();
                let text = fs::read_to_string(&path)?;
                files.push(
                    File::parse(&name, &text)
                        .map_err(|error| io::Error::other(format!("{name}: {error}")))?,
                );
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

impl File {
    /// Reads `text` as the file `path` below `src`.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, LexError> {
        let mut module: Vec<String> =
            path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") || matches!(path, "lib.rs" | "main.rs") {
            module.pop();
        }
        let mut file = Self {
            path: path.to_owned(),
            module: module.clone(),
            text: text.to_owned(),
            paths: Vec::new(),
            strings: Vec::new(),
            unwraps: Vec::new(),
            test_modules: Vec::new(),
        };
        file.walk(text.parse()?, &module);
        Ok(file)
    }

    /// Walks the tokens of `module`, which is this file's or one written inside it.
    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let rest = &tokens[at..];
            at += match token {
                TokenTree::Punct(hash) if hash.as_char() == '#' => self.attribute(rest, module),
                TokenTree::Ident(word) if word == "mod" => self.inline_module(rest, module),
                TokenTree::Ident(word) if word == "use" => self.import(rest, module),
                TokenTree::Ident(first) => self.path(first, rest, module),
                TokenTree::Punct(dot) if dot.as_char() == '.' => self.method(rest),
                TokenTree::Group(group) => {
                    self.walk(group.stream(), module);
                    1
                }
                TokenTree::Literal(literal) => {
                    self.strings.push((literal.to_string(), literal.span().start().line));
                    1
                }
                TokenTree::Punct(_) => 1,
            };
        }
    }

    /// `#[…]` or `#![…]`; with `cfg(test)` the item behind it too. Returns the tokens consumed.
    fn attribute(&mut self, rest: &[TokenTree], module: &[String]) -> usize {
        let length = if matches!(rest.get(1), Some(TokenTree::Punct(_))) { 3 } else { 2 };
        let Some(TokenTree::Group(content)) = rest.get(length - 1) else { return 1 };
        let text = content.stream().to_string().replace(' ', "");
        if text == "cfg(test)" {
            return length + self.test_item(&rest[length..], module);
        }
        if !text.starts_with("doc=") {
            self.attribute_strings(content, module);
        }
        length
    }

    /// Macros of derive take paths in strings: `with = "crate::x"`.
    fn attribute_strings(&mut self, group: &Group, module: &[String]) {
        for token in group.stream() {
            match token {
                TokenTree::Group(inner) => self.attribute_strings(&inner, module),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let content = literal.to_string().trim_matches('"').to_owned();
                    let parts = content.split("::").map(str::to_owned).collect::<Vec<_>>();
                    if parts.len() > 1 {
                        self.paths.extend(absolute(&parts, module).map(|path| (path, line)));
                    }
                }
                _ => {}
            }
        }
    }

    /// Skips the item after `#[cfg(test)]`; remembers a test module that has its own file.
    fn test_item(&mut self, rest: &[TokenTree], module: &[String]) -> usize {
        let is_import = matches!(rest.first(), Some(TokenTree::Ident(word)) if word == "use");
        for (index, token) in rest.iter().enumerate() {
            match token {
                TokenTree::Punct(end) if end.as_char() == ';' => {
                    if let Some(TokenTree::Ident(name)) = rest[..index].last() {
                        self.test_modules.push(child(module, name));
                    }
                    return index + 1;
                }
                // `use a::{b};` ends at its semicolon, other items at their braces.
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace && !is_import => {
                    return index + 1;
                }
                _ => {}
            }
        }
        rest.len()
    }

    fn inline_module(&mut self, rest: &[TokenTree], module: &[String]) -> usize {
        if let [_, TokenTree::Ident(name), TokenTree::Group(body), ..] = rest {
            self.walk(body.stream(), &child(module, name));
            return 3;
        }
        1
    }

    fn import(&mut self, rest: &[TokenTree], module: &[String]) -> usize {
        let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ';');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        self.use_tree(&rest[1.min(length)..length], &[], module);
        length
    }

    /// One tree of a `use`: `a::b`, `a::{b, c::*}`, `a as b`.
    fn use_tree(&mut self, tokens: &[TokenTree], prefix: &[String], module: &[String]) {
        let mut path = prefix.to_vec();
        let mut line = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(word) => {
                    line = word.span().start().line;
                    if word != "self" || path.is_empty() {
                        path.push(word.to_string());
                    }
                }
                TokenTree::Punct(star) if star.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
                    for tree in inner.split(comma).filter(|tree| !tree.is_empty()) {
                        self.use_tree(tree, &path, module);
                    }
                    return;
                }
                _ => {}
            }
        }
        self.paths.extend(absolute(&path, module).map(|path| (path, line)));
    }

    /// A path in an expression or a type, from its first word. Returns the tokens consumed.
    fn path(&mut self, first: &Ident, rest: &[TokenTree], module: &[String]) -> usize {
        let mut path = vec![first.to_string()];
        let mut length = 1;
        while let [TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Ident(word), ..] =
            &rest[length..]
        {
            if a.as_char() != ':' || b.as_char() != ':' {
                break;
            }
            path.push(word.to_string());
            length += 3;
        }
        if path.len() > 1 {
            let line = first.span().start().line;
            self.paths.extend(absolute(&path, module).map(|path| (path, line)));
        }
        length
    }

    fn method(&mut self, rest: &[TokenTree]) -> usize {
        if let [_, TokenTree::Ident(name), TokenTree::Group(arguments), ..] = rest
            && name == "unwrap"
            && arguments.stream().is_empty()
        {
            self.unwraps.push(name.span().start().line);
        }
        1
    }
}

fn child(module: &[String], name: &Ident) -> Vec<String> {
    [module, &[name.to_string()]].concat()
}

/// `path` as seen from the root: `super` and `self` resolved, `crate` in front; a path into
/// another crate stays as it is.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let root = || "crate".to_owned();
    let supers = path.iter().take_while(|word| *word == "super").count();
    match path.first()?.as_str() {
        "super" => {
            let base = &module[..module.len().checked_sub(supers)?];
            Some([&[root()], base, &path[supers..]].concat())
        }
        "self" => Some([&[root()], module, &path[1..]].concat()),
        _ => Some(path.to_vec()),
    }
}
