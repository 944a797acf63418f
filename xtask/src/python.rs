//! Python environments of the tests and generators, kept in the cache.

use crate::run::{Result, cache, root, run, works};

/// A Python environment of its own for `requirements`, kept in the cache; gives its interpreter.
pub fn interpreter(name: &str, requirements: &str) -> Result<String> {
    let folder = cache().join(format!("python-{name}"));
    let interpreter = folder.join("bin/python").display().to_string();
    let stamp = folder.join("requirements.txt");
    let wanted = std::fs::read_to_string(root().join(requirements))
        .map_err(|error| format!("{requirements}: {error}"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && works(&interpreter, &["--version"])
    {
        return Ok(interpreter);
    }
    let _ = std::fs::remove_dir_all(&folder);
    run("python3", &["-m", "venv", &folder.display().to_string()])?;
    run(
        &interpreter,
        &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements],
    )?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(interpreter)
}
