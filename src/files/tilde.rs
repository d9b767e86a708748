//! `~` at the start of a path: shorthand that a shell expands, though not behind an `=` or in quotes, and that no file
//! has expanded.

use std::path::{Component, Path};

/// Why a path that begins with `~` is refused, and what to write instead, without an end; nothing for other paths,
/// `./~` among them.
pub fn mistake(path: &Path) -> Option<String> {
    told(path, std::env::var_os("HOME").as_deref().map(Path::new))
}

fn told(path: &Path, home: Option<&Path>) -> Option<String> {
    let Some(Component::Normal(first)) = path.components().next() else { return None };
    let name = first.to_string_lossy();
    if !name.starts_with('~') {
        return None;
    }
    let rest = path.strip_prefix(first).unwrap_or(Path::new(""));
    let below = |folder: &Path| if rest.as_os_str().is_empty() { folder.to_path_buf() } else { folder.join(rest) };
    let instead = match home.filter(|home| name == "~" && home.is_absolute()) {
        Some(home) => {
            let (whole, variable) = (below(home), below(Path::new("$HOME")));
            format!("write {}, or on the command line \"{}\"", whole.display(), variable.display())
        }
        None => "write the whole path".to_string(),
    };
    let literal = Path::new(".").join(path);
    let shown = [path, &literal].map(|path| path.display());
    Some(format!(
        "nothing expands the \"{name}\" of {} here: {instead}; {} is what is really called so",
        shown[0], shown[1]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_home_is_refused_with_the_path_that_was_meant() {
        let told = |path: &str| told(Path::new(path), Some(Path::new("/home/you")));
        let expected = "nothing expands the \"~\" of ~/x/y here: write /home/you/x/y, or on the command line \"$HOME/x/y\"; \
                        ./~/x/y is what is really called so";
        assert_eq!(told("~/x/y").unwrap(), expected);
        let expected = "nothing expands the \"~\" of ~ here: write /home/you, or on the command line \"$HOME\"; \
                        ./~ is what is really called so";
        assert_eq!(told("~").unwrap(), expected);
        let expected =
            "nothing expands the \"~bob\" of ~bob/x here: write the whole path; ./~bob/x is what is really called so";
        assert_eq!(told("~bob/x").unwrap(), expected);
        assert!(super::told(Path::new("~/x"), None).unwrap().contains("write the whole path; ./~/x"));
    }

    #[test]
    fn a_tilde_elsewhere_is_a_letter_like_others() {
        for path in ["./~/x", "a/~/b", "a~", "/~", "../~", "", "none"] {
            assert_eq!(mistake(Path::new(path)), None, "{path}");
        }
    }
}
