//! The Node packages of the end-to-end tests, kept in the cache.

use std::fs;

use crate::run::{Result, cache, root, run};

/// The `node_modules` of `folder`'s lock file, installed in the cache; gives its path.
pub fn modules(name: &str, folder: &str) -> Result<String> {
    let home = cache().join(format!("node-{name}"));
    let modules = home.join("node_modules");
    let lock = root().join(folder).join("package-lock.json");
    let stamp = home.join("installed.json");
    let wanted = fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && modules.is_dir() {
        return Ok(modules.display().to_string());
    }
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    for file in ["package.json", "package-lock.json"] {
        let from = root().join(folder).join(file);
        fs::copy(&from, home.join(file)).map_err(|error| format!("{}: {error}", from.display()))?;
    }
    let prefix = home.display().to_string();
    run("npm", &["ci", "--prefix", &prefix, "--no-audit", "--no-fund", "--ignore-scripts"])?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(modules.display().to_string())
}

/// Builds the web console where the server's build finds it, and runs its unit tests.
pub fn console() -> Result {
    let folder = root().join("console");
    let prefix = folder.display().to_string();
    let read = |path: &std::path::Path| fs::read_to_string(path).unwrap_or_default();
    let (lock, stamp) = (folder.join("package-lock.json"), folder.join("node_modules/.adit-lock.json"));
    if read(&lock) != read(&stamp) {
        run("npm", &["ci", "--prefix", &prefix, "--no-audit", "--no-fund", "--ignore-scripts"])?;
        fs::copy(&lock, &stamp).map_err(|error| format!("{}: {error}", stamp.display()))?;
    }
    for script in ["test", "build"] {
        run("npm", &["run", "--silent", "--prefix", &prefix, script])?;
    }
    Ok(())
}
