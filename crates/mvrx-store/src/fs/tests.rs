//! The battery on every kind of disk; what is on the disk; what happens when it is damaged, fails or stops.

use std::path::PathBuf;

use super::*;
use crate::Store;
use crate::battery::{SimDisk, Subject};

mod crashes;
mod damage;
mod every_operation;
mod failures;
mod folder;
mod fsck;
mod history;
mod killed;
mod retain;
mod view;

struct OnDisk {
    folder: tempfile::TempDir,
    system_calls: SystemCalls,
}

impl OnDisk {
    fn new(system_calls: SystemCalls) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("user")).unwrap();
        Self { folder, system_calls }
    }

    fn options(&self) -> FsOptions {
        FsOptions { system_calls: self.system_calls, ..FsOptions::default() }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn open(&self) -> FsStore {
        FsStore::open_with(self.directory(), self.options()).unwrap()
    }

    /// What lies beside the records, sorted.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.directory().join(COMMITS)).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory().join(COMMITS).join(name)
    }
}

/// Each store is in a directory of its own, so that one subject can make several.
fn store_of(subject: &OnDisk, limits: Limits) -> Arc<dyn Store> {
    let directory = tempfile::tempdir_in(subject.folder.path()).unwrap().keep();
    Arc::new(FsStore::open_with(directory, FsOptions { limits, ..subject.options() }).unwrap())
}

struct Native(OnDisk);

impl Subject for Native {
    fn fresh() -> Self {
        Self(OnDisk::new(SystemCalls::Native))
    }

    fn store(&self, limits: Limits) -> Arc<dyn Store> {
        store_of(&self.0, limits)
    }

    fn folder(&self) -> PathBuf {
        self.0.folder.path().join("user")
    }
}

struct Portable(OnDisk);

impl Subject for Portable {
    fn fresh() -> Self {
        Self(OnDisk::new(SystemCalls::Portable))
    }

    fn store(&self, limits: Limits) -> Arc<dyn Store> {
        store_of(&self.0, limits)
    }

    fn folder(&self) -> PathBuf {
        self.0.folder.path().join("user")
    }
}

struct Simulated(SimDisk);

impl Subject for Simulated {
    fn fresh() -> Self {
        let disk = SimDisk::new();
        disk.create_folders(Path::new("user")).unwrap();
        Self(disk)
    }

    fn store(&self, limits: Limits) -> Arc<dyn Store> {
        let directory = PathBuf::from(format!("store-{}", self.0.operations()));
        let options = FsOptions { limits, ..FsOptions::default() };
        Arc::new(FsStore::open_on(Arc::new(self.0.clone()), &directory, options).unwrap())
    }

    fn folder(&self) -> PathBuf {
        "user".into()
    }

    fn write(&self, path: &Path, bytes: &[u8]) {
        self.0.put(path, bytes);
    }

    fn age(&self, _: &Path) {
        // Every write has a time of its own here.
    }

    fn bytes(&self, path: &Path) -> Vec<u8> {
        self.0.bytes(path).unwrap()
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        self.0.names(folder)
    }
}

mod native {
    use super::Native;
    crate::store_battery!(Native);
}

mod portable {
    use super::Portable;
    crate::store_battery!(Portable);
}

mod simulated {
    use super::Simulated;
    crate::store_battery!(Simulated);
}
