//! The store under normal use, misuse and attack.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wasmer_cache::{ArtifactKey, Cache, CacheConfig, CacheError, ContentHash, FileIdentity, Trust};
use wasmer_runtime_core::compiler::KeyHasher;

fn key(name: &str) -> ArtifactKey {
    ArtifactKey::new(&ContentHash::of(name.as_bytes()), &KeyHasher::default())
}

fn cache(dir: &tempfile::TempDir) -> Cache {
    Cache::open(CacheConfig::new(dir.path().join("cache"))).unwrap()
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
    cache.remember(&file, &identity, &content).unwrap();
    assert_eq!(cache.recall(&identity), None, "changed within the clock's granularity");
    std::thread::sleep(Duration::from_millis(50));
    cache.remember(&file, &identity, &content).unwrap();
    assert_eq!(cache.recall(&identity), Some(content));
    fs::write(&path, b"modulf").unwrap();
    let changed = FileIdentity::of(&file).unwrap();
    assert_eq!(cache.recall(&changed), None);
}

#[test]
fn with_trust_in_hashes_nothing_is_recalled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("module.wasm");
    fs::write(&path, b"module").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let file = fs::File::open(&path).unwrap();
    let identity = FileIdentity::of(&file).unwrap();
    cache(&dir).remember(&file, &identity, &ContentHash::of(b"module")).unwrap();
    assert!(cache(&dir).recall(&identity).is_some());
    let config = CacheConfig { trust: Trust::Hash, ..CacheConfig::new(dir.path().join("cache")) };
    assert_eq!(Cache::open(config).unwrap().recall(&identity), None);
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
    let identity = FileIdentity::of(&old).unwrap();
    let record = wasmer_cache::record::UseRecord { identity, day: 1 }.encode();
    let used = cache.dir().join("used").join(key("old").to_string());
    fs::remove_file(&used).unwrap();
    symlink(record, used).unwrap();
    cache.put(&key("middle"), &[0; 10]).unwrap();
    cache.put(&key("new"), &[0; 10]).unwrap();
    assert!(!cache.contains(&key("old")));
    assert!(cache.contains(&key("middle")) && cache.contains(&key("new")));
    assert_eq!(cache.stats().unwrap().bytes, 20);
}

#[test]
fn left_overs_of_killed_writers_are_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    cache.put(&key("a"), b"image").unwrap();
    let left = cache.dir().join("artifacts").join(format!(".{}.12345", key("b")));
    fs::write(&left, b"half").unwrap();
    let lock = cache.lock(&key("b")).unwrap();
    cache.prune(None).unwrap();
    assert!(left.exists(), "its writer may still be alive");
    drop(lock);
    cache.prune(None).unwrap();
    assert!(!left.exists());
    assert!(cache.contains(&key("a")));
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
fn a_full_disk_costs_the_artifact_only() {
    // The temporary file cannot be made where its name is taken by a folder: stands for every failing write.
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    fs::create_dir(cache.dir().join("artifacts").join(format!(".{}.{}", key("a"), std::process::id()))).unwrap();
    assert!(matches!(cache.put(&key("a"), b"image"), Err(CacheError::Io { .. })));
    assert!(cache.get(&key("a")).is_none());
}
