use super::*;

fn both() -> [RealDisk; 2] {
    [RealDisk::new(SystemCalls::Native), RealDisk::new(SystemCalls::Portable)]
}

#[test]
fn reads_at_positions_in_both_ways() {
    for disk in both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut writer = disk.create(&path).unwrap();
        writer.write_all(b"0123456789").unwrap();
        let reader = disk.open(&path).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(reader.read_at(8, &mut buffer).unwrap(), 2);
        assert_eq!(&buffer[..2], b"89");
        assert_eq!(reader.read_at(1, &mut buffer).unwrap(), 4);
        assert_eq!(&buffer, b"1234");
        assert_eq!(reader.read_at(10, &mut buffer).unwrap(), 0);
        // A reader never moves the writer's cursor.
        writer.write_all(b"ab").unwrap();
        assert_eq!(reader.read_at(10, &mut buffer).unwrap(), 2);
        assert_eq!(&buffer[..2], b"ab");
    }
}

#[test]
fn creating_and_renaming_never_overwrite() {
    for disk in both() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(disk.create(&to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(disk.rename_new(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "old");
        disk.remove(&to).unwrap();
        disk.rename_new(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
        assert!(!from.exists());
        assert_eq!(disk.rename_new(&from, &to).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

#[test]
#[cfg(unix)]
fn renaming_does_not_replace_a_dangling_link() {
    for disk in both() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "new").unwrap();
        std::os::unix::fs::symlink("nowhere", &to).unwrap();
        assert_eq!(disk.rename_new(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(disk.stat(&to, Links::Keep).unwrap().kind, Kind::Other);
    }
}

#[test]
fn sharing_bytes_gives_the_same_bytes_or_says_that_it_cannot() {
    for disk in both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, vec![7; 10_000]).unwrap();
        let source = disk.open(&path).unwrap();
        let mut copy = disk.create(&folder.path().join("b")).unwrap();
        if copy.share_bytes_of(&*source).unwrap() {
            copy.write_all(b"end").unwrap();
            assert_eq!(copy.length().unwrap(), 10_003);
        } else {
            assert_eq!(copy.length().unwrap(), 0);
        }
    }
}
