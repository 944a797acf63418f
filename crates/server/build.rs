//! Writes the table of the console's built files, `console/dist`, for the binary to hold. Without the folder's files
//! the table is empty and the server says how to get them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../console/dist");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    if folder.is_dir() {
        collect(&folder, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let Some(name) = file.strip_prefix(&folder).ok().and_then(Path::to_str) else { continue };
        let beside = |ending: &str| {
            let other = PathBuf::from(format!("{}.{ending}", file.display()));
            if other.is_file() { format!("Some(include_bytes!({other:?}))") } else { "None".to_owned() }
        };
        let (br, gzip) = (beside("br"), beside("gz"));
        let _ = writeln!(
            table,
            "File {{ path: {:?}, bytes: include_bytes!({file:?}), br: {br}, gzip: {gzip} }},",
            format!("/{name}")
        );
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("console_files.rs"), table)
}

/// Every file that a browser asks for by name.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let packed = path.extension().is_some_and(|ending| ending == "br" || ending == "gz");
        if path.is_dir() {
            collect(&path, files)?;
        } else if !hidden && !packed {
            files.push(path);
        }
    }
    Ok(())
}
