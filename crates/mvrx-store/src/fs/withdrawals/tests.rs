use super::*;
use crate::battery::{file, publish};
use crate::store::Store;
use crate::{Cancel, FsStore, Keep, OpenStoreError, Retention};

// proves: STO-28
#[test]
fn a_commit_is_withdrawn_beside_the_running_store_and_stays_so_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    for number in 1..=2 {
        publish(&store, number, b"rig");
    }
    let beside = Withdrawals::of(folder.path());
    assert_eq!(beside.add(file(9)), Err(WithdrawError::FileNotListed { file: file(9) }));
    assert_eq!(
        (beside.add(file(1)), beside.add(file(1)), store.withdraw(file(1))),
        (Ok(true), Ok(false), Ok(false))
    );
    assert_eq!(store.withdrawn().unwrap(), [file(1)].into(), "the running store sees it");
    drop(store);
    let store = FsStore::open(folder.path()).unwrap();
    assert_eq!(store.withdrawn().unwrap(), [file(1)].into());
    let withdrawn: Vec<bool> = store.revisions().iter().map(|revision| revision.withdrawn).collect();
    let view = FsView::open(folder.path(), FsOptions::default()).unwrap();
    assert_eq!((withdrawn, view.revisions()), (vec![true, false], store.revisions()));
    // Who opens the store clears the marks of what is gone, and nothing else that lies there.
    store.remove(file(1)).unwrap();
    let others =
        ["notes.txt", "1.withdrawn", &format!("{}.withdrawn", file(0xab).to_string().to_uppercase())];
    others.iter().for_each(|name| std::fs::write(folder.path().join(FOLDER).join(name), "").unwrap());
    drop((store, view));
    let store = FsStore::open(folder.path()).unwrap();
    let left = std::fs::read_dir(folder.path().join(FOLDER)).unwrap().count();
    assert_eq!(
        (left, beside.list(), store.withdrawn().unwrap().len()),
        (others.len(), Ok(HashSet::new()), 0)
    );
    assert!(matches!(FsStore::open(folder.path()), Err(OpenStoreError::DirectoryInUse { .. })));
}

#[test]
fn what_was_withdrawn_may_go_also_where_it_is_the_newest_or_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    for number in 1..=3 {
        publish(&store, number, b"rig");
    }
    store.withdraw(file(3)).unwrap();
    let none = Retention::of_each_group(Keep { newest: Some(0), ..Keep::default() });
    let gone = store.retain(&none, &Cancel::new()).unwrap();
    let gone: Vec<_> = gone.iter().map(|going| going.stored.commit.file).collect();
    assert_eq!(gone, [file(1), file(3)], "the newest that is offered stays");
}
