//! The store under normal use, misuse and attack.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use wasmer_cache::record::{self, MemoRecord, UseRecord};
use wasmer_cache::{
    ArtifactKey, Cache, CacheConfig, CacheError, ContentHash, FileIdentity, NotRemembered, Prune, Trust, Unrecognised,
};
use wasmer_runtime_core::compiler::KeyHasher;

fn key(name: &str) -> ArtifactKey {
    ArtifactKey::new(&ContentHash::of(name.as_bytes()), &KeyHasher::default())
}

fn cache(dir: &tempfile::TempDir) -> Cache {
    Cache::open(CacheConfig::new(dir.path().join("cache"))).unwrap()
}

/// A module file that was written long enough ago to be remembered.
fn settled_file(dir: &tempfile::TempDir, name: &str) -> (fs::File, FileIdentity) {
    let path = dir.path().join(name);
    fs::write(&path, b"module").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let identity = FileIdentity::of(&file).unwrap();
    (file, identity)
}

/// The cache remembers a file.
fn remember(cache: &Cache, (file, identity): &(fs::File, FileIdentity)) {
    let reason = cache.remember(file, identity, SystemTime::now(), &ContentHash::of(b"module")).unwrap();
    assert_eq!(reason, None);
}

#[test]
fn an_artifact_is_found_again_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    assert!(cache.get(&key("a")).is_none());
    cache.put(&key("a"), b"image").unwrap();
    let found = cache.get(&key("a")).unwrap();
    assert!(found.verified);
    assert_eq!(fs::read(cache.artifact_path(&key("a"))).unwrap(), b"image");
    assert!(cache.get(&key("b")).is_none());
}

#[test]
fn a_changed_artifact_is_not_verified() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    cache.put(&key("a"), b"image").unwrap();
    let path = cache.artifact_path(&key("a"));
    fs::write(&path, b"imbge").unwrap();
    assert!(!cache.get(&key("a")).unwrap().verified);
}

#[test]
fn the_folder_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    for folder in ["", "artifacts", "used", "memo", "locks"] {
        assert_eq!(fs::metadata(cache.dir().join(folder)).unwrap().mode() & 0o777, 0o700, "{folder}");
    }
}

#[test]
fn folders_that_others_can_write_to_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Cache::open(CacheConfig::new(&open)), Err(CacheError::Untrusted { .. })));
}

#[test]
fn links_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
    let link = dir.path().join("link");
    symlink(&target, &link).unwrap();
    assert!(matches!(Cache::open(CacheConfig::new(&link)), Err(CacheError::Untrusted { .. })));
    symlink("/", target.join("artifacts")).unwrap();
    assert!(matches!(Cache::open(CacheConfig::new(&target)), Err(CacheError::Untrusted { .. })));
}

#[test]
fn an_artifact_that_is_a_link_is_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    symlink("/etc/passwd", cache.artifact_path(&key("a"))).unwrap();
    assert!(cache.get(&key("a")).is_none());
}

#[test]
fn settled_files_are_recognised_and_fresh_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let path = dir.path().join("module.wasm");
    fs::write(&path, b"module").unwrap();
    let file = fs::File::open(&path).unwrap();
    let identity = FileIdentity::of(&file).unwrap();
    let content = ContentHash::of(b"module");
    assert_eq!(cache.recall(&identity), Err(Unrecognised::New));
    assert_eq!(cache.remember(&file, &identity, SystemTime::now(), &content).unwrap(), Some(NotRemembered::Fresh));
    assert_eq!(cache.recall(&identity), Err(Unrecognised::New), "changed within the clock's granularity");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(cache.remember(&file, &identity, SystemTime::now(), &content).unwrap(), None);
    assert_eq!(cache.recall(&identity), Ok(content));
    fs::write(&path, b"modulf").unwrap();
    let changed = FileIdentity::of(&file).unwrap();
    assert_eq!(cache.recall(&changed), Err(Unrecognised::Changed));
    assert_eq!(cache.remember(&file, &identity, SystemTime::now(), &content).unwrap(), Some(NotRemembered::Changing));
}

#[test]
fn a_change_that_keeps_size_and_modification_time_shows() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let module = settled_file(&dir, "module.wasm");
    remember(&cache, &module);
    let (file, identity) = module;
    let modified = file.metadata().unwrap().modified().unwrap();
    fs::write(dir.path().join("module.wasm"), b"modulf").unwrap();
    file.set_modified(modified).unwrap();
    let changed = FileIdentity::of(&file).unwrap();
    assert_eq!((changed.size, changed.modified_ns), (identity.size, identity.modified_ns));
    assert_eq!(cache.recall(&changed), Err(Unrecognised::Changed));
}

#[test]
fn file_systems_that_keep_no_exact_times_are_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    // Neither its size nor its times say anything about what is read from it.
    let file = fs::File::open("/proc/self/status").unwrap();
    assert_eq!(cache(&dir).before_reading(&file), Err(NotRemembered::Inexact));
}

/// A write through a shared mapping, which changes no time on some file systems, and on others not every time.
fn write_mapped(map: &mut memmap2::MmapMut, byte: u8) {
    map[0] = byte;
    std::thread::sleep(Duration::from_millis(50));
}

#[test]
fn files_in_memory_are_not_trusted() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("left out: there is no /dev/shm");
        return;
    };
    let (file, identity) = settled_file(&dir, "module.wasm");
    assert_eq!(cache(&dir).before_reading(&file), Err(NotRemembered::Inexact));
    // The reason: should this fail one day, tmpfs can be trusted again.
    // SAFETY: nobody else changes the file.
    let mut map = unsafe { memmap2::MmapMut::map_mut(&file).unwrap() };
    // A page that is mapped already is written to without a fault.
    assert_eq!(map[0], b'm');
    write_mapped(&mut map, b'M');
    assert_eq!(FileIdentity::of(&file).unwrap(), identity);
}

#[test]
fn whoever_keeps_writing_through_a_mapping_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let (file, _) = settled_file(&dir, "module.wasm");
    // SAFETY: nobody else changes the file.
    let mut map = unsafe { memmap2::MmapMut::map_mut(&file).unwrap() };
    for byte in *b"ABC" {
        // Twice: the second time the page is dirty already.
        write_mapped(&mut map, byte);
        write_mapped(&mut map, byte);
        let before = match cache.before_reading(&file) {
            Ok(before) => before,
            Err(reason) => {
                eprintln!("left out: {reason}: {}", dir.path().display());
                return;
            }
        };
        let content = ContentHash::of(&map);
        assert_eq!(cache.remember(&file, &before, SystemTime::now(), &content).unwrap(), None);
        assert_eq!(cache.recall(&FileIdentity::of(&file).unwrap()), Ok(content));
        write_mapped(&mut map, b'x');
        assert_eq!(cache.recall(&FileIdentity::of(&file).unwrap()), Err(Unrecognised::Changed));
    }
}

#[test]
fn a_clock_set_back_is_no_reason_to_remember() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let (file, identity) = settled_file(&dir, "module.wasm");
    for back in [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(1 << 30), Duration::from_secs(1 << 40)] {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_nanos(identity.changed_ns as u64);
        let now = changed.checked_sub(back).unwrap();
        let reason = cache.remember(&file, &identity, now, &ContentHash::of(b"module")).unwrap();
        assert_eq!(reason, Some(NotRemembered::Fresh));
    }
}

/// Gives something to another user, and says whether that can be done here.
fn give_away(path: &Path) -> bool {
    let given = std::os::unix::fs::lchown(path, Some(65534), Some(65534));
    if let Err(error) = &given {
        eprintln!("left out: nothing can be given to another user here: {error}");
    }
    given.is_ok()
}

#[test]
fn what_others_left_in_the_folder_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, key) = (cache(&dir), key("a"));
    let path = cache.artifact_path(&key);
    for mode in [0o620, 0o602, 0o666, 0o777] {
        cache.put(&key, b"image").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(cache.get(&key).is_none(), "{mode:o}");
    }
    let report = cache.verify(|_, _| Ok(())).unwrap();
    assert_eq!((report.sound, report.damaged.len()), (0, 1));
    assert!(!path.exists());

    let module = settled_file(&dir, "module.wasm");
    remember(&cache, &module);
    cache.put(&key, b"image").unwrap();
    let records = [
        dir.path().join("cache/used").join(key.to_string()),
        dir.path().join("cache/memo").join(MemoRecord::name(&module.1)),
    ];
    for record in &records {
        if !give_away(record) {
            return;
        }
    }
    assert_eq!(cache.recall(&module.1), Err(Unrecognised::New));
    assert!(!cache.get(&key).unwrap().verified);
    assert!(give_away(&path));
    assert!(cache.get(&key).is_none());
    // What is made again takes its place.
    cache.put(&key, b"image").unwrap();
    assert!(cache.get(&key).unwrap().verified);
    // A lock of another user keeps nobody waiting.
    let lock = dir.path().join("cache/locks").join(key.to_string());
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    assert!(give_away(&lock));
    drop(cache.lock(&key).unwrap());
}

#[test]
fn folders_that_others_left_in_the_folder_are_not_used() {
    for name in ["artifacts", "used", "memo", "locks"] {
        let dir = tempfile::tempdir().unwrap();
        drop(cache(&dir));
        let folder = dir.path().join("cache").join(name);
        let open = || Cache::open(CacheConfig::new(dir.path().join("cache")));
        for mode in [0o777, 0o770, 0o701] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            let message = open().unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("remove it"), "{message}");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        open().unwrap();
        if give_away(&folder) {
            let message = open().unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("belongs to another user"), "{message}");
        }
    }
}

#[test]
fn with_trust_in_hashes_nothing_is_recalled() {
    let dir = tempfile::tempdir().unwrap();
    let module = settled_file(&dir, "module.wasm");
    remember(&cache(&dir), &module);
    let (_, identity) = module;
    assert!(cache(&dir).recall(&identity).is_ok());
    let config = CacheConfig { trust: Trust::Hash, ..CacheConfig::new(dir.path().join("cache")) };
    assert_eq!(Cache::open(config).unwrap().recall(&identity), Err(Unrecognised::Distrusted));
}

#[test]
fn a_hit_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let module = settled_file(&dir, "module.wasm");
    cache(&dir).put(&key("a"), b"image").unwrap();
    remember(&cache(&dir), &module);
    let (_, identity) = module;
    let state = || -> Vec<_> {
        let folders = ["", "artifacts", "used", "memo", "locks"].map(|name| dir.path().join("cache").join(name));
        let entries =
            folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = folders.iter().cloned().chain(entries).collect();
        paths.sort();
        // The change time moves with every change of contents, name or attributes.
        let stat = |path: &std::path::PathBuf| fs::symlink_metadata(path).unwrap();
        paths.into_iter().map(|path| (stat(&path).ctime(), stat(&path).ctime_nsec(), path)).collect()
    };
    let before = state();
    std::thread::sleep(Duration::from_millis(50));
    for _ in 0..3 {
        let cache = cache(&dir);
        assert!(cache.recall(&identity).is_ok());
        assert!(cache.get(&key("a")).unwrap().verified);
    }
    assert_eq!(state(), before);
}

#[test]
fn the_day_of_use_is_renewed_once_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let file = cache.put(&key("a"), b"image").unwrap();
    set_used(&cache, "a", &UseRecord { identity: FileIdentity::of(&file).unwrap(), day: 1 });
    assert_eq!(cache.entries().unwrap()[0].day, 1);
    assert!(cache.get(&key("a")).unwrap().verified);
    assert!(cache.entries().unwrap()[0].day > 1);
    let (_, identity) = settled_file(&dir, "module.wasm");
    set_memo(&cache, &identity, 1);
    assert_eq!(cache.recall(&identity), Ok(ContentHash::of(b"module")));
    assert!(memo_day(&cache, &identity).unwrap() > 1);
}

/// Replaces the record of a module file.
fn set_memo(cache: &Cache, identity: &FileIdentity, day: u64) {
    let memo = MemoRecord { identity: *identity, content: ContentHash::of(b"module"), day };
    let folder = fs::File::open(cache.dir().join("memo")).unwrap();
    record::write(folder.as_fd(), &MemoRecord::name(identity), &memo.encode()).unwrap();
}

/// When the record of a module file was last of use, if there is one.
fn memo_day(cache: &Cache, identity: &FileIdentity) -> Option<u64> {
    let folder = fs::File::open(cache.dir().join("memo")).unwrap();
    let text = record::read(folder.as_fd(), &MemoRecord::name(identity))?;
    Some(MemoRecord::decode(&text).unwrap().day)
}

/// Replaces the record of an artifact.
fn set_used(cache: &Cache, name: &str, record: &UseRecord) {
    let used = fs::File::open(cache.dir().join("used")).unwrap();
    record::write(used.as_fd(), &key(name).to_string(), &record.encode()).unwrap();
}

#[test]
fn twenty_racers_make_an_artifact_once() {
    let dir = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let cache = cache(&dir);
                if cache.get(&key("a")).is_some() {
                    return;
                }
                let _lock = cache.lock(&key("a")).unwrap();
                if cache.get(&key("a")).is_none() {
                    made.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(20));
                    cache.put(&key("a"), b"image").unwrap();
                }
            });
        }
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(fs::read_dir(cache(&dir).dir().join("locks")).unwrap().count(), 0);
}

#[test]
fn the_budget_evicts_the_least_recently_used() {
    let dir = tempfile::tempdir().unwrap();
    let config = CacheConfig { budget_bytes: 25, ..CacheConfig::new(dir.path().join("cache")) };
    let cache = Cache::open(config).unwrap();
    let old = cache.put(&key("old"), &[0; 10]).unwrap();
    let record = UseRecord { identity: FileIdentity::of(&old).unwrap(), day: 1 };
    cache.put(&key("middle"), &[0; 10]).unwrap();
    set_used(&cache, "old", &record);
    cache.put(&key("new"), &[0; 10]).unwrap();
    assert!(!cache.contains(&key("old")));
    assert!(cache.contains(&key("middle")) && cache.contains(&key("new")));
    assert_eq!(cache.stats().unwrap().bytes, 20);
    // Of those used on the same day, the older one goes.
    std::thread::sleep(Duration::from_millis(20));
    cache.put(&key("newest"), &[0; 10]).unwrap();
    assert!(!cache.contains(&key("middle")));
    assert!(cache.contains(&key("new")) && cache.contains(&key("newest")));
}

#[test]
fn eviction_leaves_open_artifacts_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = CacheConfig { budget_bytes: 5, ..CacheConfig::new(dir.path().join("cache")) };
    let cache = Cache::open(config).unwrap();
    cache.put(&key("a"), b"image").unwrap();
    let mut open = cache.get(&key("a")).unwrap().file;
    cache.put(&key("b"), b"other").unwrap();
    assert!(!cache.contains(&key("a")));
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "image");
}

#[test]
fn pruning_obeys_days_and_size() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    for (name, day) in [("ancient", 1), ("new", u64::MAX)] {
        let file = cache.put(&key(name), &[0; 10]).unwrap();
        set_used(&cache, name, &UseRecord { identity: FileIdentity::of(&file).unwrap(), day });
    }
    assert_eq!(cache.prune(Prune::default()).unwrap(), 0);
    assert_eq!(cache.prune(Prune { unused_days: Some(30), ..Prune::default() }).unwrap(), 10);
    assert!(!cache.contains(&key("ancient")) && cache.contains(&key("new")));
    assert_eq!(cache.prune(Prune { budget_bytes: Some(9), ..Prune::default() }).unwrap(), 10);
    assert_eq!(cache.stats().unwrap().artifacts, 0);
    assert_eq!(fs::read_dir(cache.dir().join("used")).unwrap().count(), 0);
}

#[test]
fn pruning_forgets_files_whose_artifacts_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let (old, new) = (settled_file(&dir, "old.wasm").1, settled_file(&dir, "new.wasm").1);
    let artifact = cache.put(&key("new"), b"image").unwrap();
    let today = cache.entries().unwrap()[0].day;
    set_used(&cache, "new", &UseRecord { identity: FileIdentity::of(&artifact).unwrap(), day: today - 5 });
    set_memo(&cache, &old, today - 6);
    set_memo(&cache, &new, today - 5);
    cache.prune(Prune::default()).unwrap();
    assert_eq!([&old, &new].map(|file| memo_day(&cache, file)), [None, Some(today - 5)]);
    set_memo(&cache, &old, today);
    cache.prune(Prune { unused_days: Some(5), ..Prune::default() }).unwrap();
    assert_eq!(cache.stats().unwrap().memos, 2);
    cache.put(&key("other"), b"image").unwrap();
    cache.prune(Prune { unused_days: Some(4), ..Prune::default() }).unwrap();
    assert_eq!([&old, &new].map(|file| memo_day(&cache, file)), [Some(today), None]);
    cache.prune(Prune { budget_bytes: Some(0), ..Prune::default() }).unwrap();
    assert_eq!(cache.stats().unwrap().memos, 0);
}

#[test]
fn the_next_writer_removes_what_killed_ones_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let half = cache.dir().join("artifacts").join(format!(".{}.12345.0", key("b")));
    let lock = cache.dir().join("locks").join(key("b").to_string());
    fs::write(&half, b"half").unwrap();
    fs::write(&lock, b"").unwrap();
    let writers = [&half, &lock].map(|path| fs::OpenOptions::new().write(true).open(path).unwrap());
    writers.iter().for_each(|writer| writer.lock().unwrap());
    cache.put(&key("a"), b"image").unwrap();
    cache.prune(Prune::default()).unwrap();
    cache.clean().unwrap();
    assert!(half.exists() && lock.exists(), "their writer lives");
    drop(writers);
    cache.put(&key("a"), b"image").unwrap();
    assert!(!half.exists() && !lock.exists());
    assert!(cache.contains(&key("a")));
}

#[test]
fn what_another_version_left_is_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let path = |name: &str| cache.dir().join(name);
    cache.put(&key("a"), b"image").unwrap();
    fs::write(path("version"), b"99").unwrap();
    fs::create_dir(path("artifacts/by-module")).unwrap();
    fs::write(path("artifacts/a.wart2"), b"?").unwrap();
    fs::write(path(&format!("artifacts/{}.wart", key("old"))), b"an older format").unwrap();
    symlink("a record of another kind", path(&format!("used/{}", key("old")))).unwrap();
    symlink("a record of another kind", path("memo/1-2")).unwrap();
    assert!(cache.get(&key("a")).unwrap().verified);
    assert!(!cache.get(&key("old")).unwrap().verified);
    let file = fs::File::open("/proc/self/exe").unwrap();
    let identity = FileIdentity { device: 1, inode: 2, ..FileIdentity::of(&file).unwrap() };
    assert_eq!(cache.recall(&identity), Err(Unrecognised::New));
    cache.prune(Prune::default()).unwrap();
    assert!(!path("artifacts/a.wart2").exists());
    assert_eq!(fs::read_dir(path("memo")).unwrap().count(), 0);
    assert!(cache.contains(&key("a")));
}

#[test]
fn a_name_that_is_no_file_is_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    fs::create_dir(cache.artifact_path(&key("folder"))).unwrap();
    assert!(cache.get(&key("folder")).is_none());
    // Opening a pipe that nobody writes to would wait for ever.
    rustix::fs::mkfifoat(rustix::fs::CWD, cache.artifact_path(&key("pipe")), rustix::fs::Mode::RUSR).unwrap();
    assert!(cache.get(&key("pipe")).is_none());
    cache.put(&key("pipe"), b"image").unwrap();
    assert!(cache.get(&key("pipe")).unwrap().verified);
}

#[test]
fn records_are_replaced_and_survive_races() {
    let dir = tempfile::tempdir().unwrap();
    let folder = fs::File::open(dir.path()).unwrap();
    let identity = FileIdentity::of(&folder).unwrap();
    let memo = |number: u8| MemoRecord { identity, content: ContentHash([number; 32]), day: number.into() };
    std::thread::scope(|scope| {
        for number in 0..8 {
            let folder = &folder;
            scope.spawn(move || {
                for _ in 0..200 {
                    record::write(folder.as_fd(), "memo", &memo(number).encode()).unwrap();
                    // There may be none at the moment, but never a part of one.
                    if let Some(text) = record::read(folder.as_fd(), "memo") {
                        assert_eq!(MemoRecord::decode(&text).unwrap().identity, identity);
                    }
                }
            });
        }
    });
    record::write(folder.as_fd(), "memo", &memo(9).encode()).unwrap();
    assert_eq!(MemoRecord::decode(&record::read(folder.as_fd(), "memo").unwrap()), Some(memo(9)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn threads_that_put_the_same_artifact_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let image = vec![7; 1 << 20];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(cache.put(&key("a"), &image).unwrap())));
        }
    });
    assert_eq!(fs::read(cache.artifact_path(&key("a"))).unwrap(), image);
    assert_eq!(fs::read_dir(cache.dir().join("artifacts")).unwrap().count(), 1);
}

#[test]
fn cleaning_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    cache.put(&key("a"), b"image").unwrap();
    assert_eq!(cache.clean().unwrap(), 5);
    assert_eq!(cache.stats().unwrap().artifacts, 0);
}

#[test]
fn verification_removes_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    cache.put(&key("good"), b"good").unwrap();
    cache.put(&key("bad"), b"bad").unwrap();
    let report =
        cache.verify(|key_seen, _| if *key_seen == key("bad") { Err("checksum".to_owned()) } else { Ok(()) }).unwrap();
    assert_eq!((report.sound, report.damaged), (1, vec![(key("bad"), "checksum".to_owned())]));
    assert!(!cache.contains(&key("bad")));
}

#[test]
fn a_failed_write_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    // The name is taken by something that no file replaces.
    fs::create_dir(cache.artifact_path(&key("a"))).unwrap();
    assert!(matches!(cache.put(&key("a"), b"image"), Err(CacheError::Io { .. })));
    assert!(cache.get(&key("a")).is_none());
    assert_eq!(fs::read_dir(cache.dir().join("artifacts")).unwrap().count(), 1);
}
