//! What the store keeps for making better artifacts in the background: origins, runs, and the lock of the one process that does it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command};

use wasmer_cache::{
    ArtifactKey, Cache, CacheConfig, ContentHash, Finisher, FinisherLock, OriginRecord, Prune, RunRecord,
};
use wasmer_runtime_core::compiler::KeyHasher;

fn content(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

fn key(name: &str) -> ArtifactKey {
    ArtifactKey::new(&content(name), &KeyHasher::default())
}

fn cache(dir: &tempfile::TempDir) -> Cache {
    Cache::open(CacheConfig::new(dir.path().join("cache"))).unwrap()
}

/// Adds an artifact of a module that has run.
fn add(cache: &Cache, name: &str) {
    cache.put(&key(name), b"image").unwrap();
    let origin = OriginRecord { content: content(name), name: name.to_owned() };
    cache.note_origin(&key(name), &origin).unwrap();
    cache.record_runs(&content(name), &RunRecord { runs: 1, ran_us: 10, ..RunRecord::default() }).unwrap();
    assert_eq!(cache.origin(&key(name)), Some(origin));
}

fn names(cache: &Cache, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(cache.dir().join(folder)).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn nothing_is_known_at_first() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    assert_eq!(cache.origin(&key("a")), None);
    assert_eq!(cache.recorded_runs(&content("a")), RunRecord::default());
    assert_eq!(cache.finisher().unwrap(), None);
    assert_eq!(cache.stop_finisher().unwrap(), None);
    cache.forget_runs(&content("a")).unwrap();
    assert!(names(&cache, "locks").is_empty());
}

#[test]
fn runs_are_replaced_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    for runs in 1..4 {
        let record = RunRecord { runs, ran_us: 1000 * runs, tries: 1, failure: "no luck".to_owned() };
        cache.record_runs(&content("a"), &record).unwrap();
        assert_eq!(cache.recorded_runs(&content("a")), record);
    }
    assert_eq!(cache.recorded_runs(&content("b")), RunRecord::default());
    cache.forget_runs(&content("a")).unwrap();
    assert_eq!(cache.recorded_runs(&content("a")), RunRecord::default());
}

#[test]
fn records_go_with_what_they_are_about() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    add(&cache, "kept");
    add(&cache, "removed");
    cache.remove(&key("removed")).unwrap();
    assert_eq!(cache.origin(&key("removed")), None);
    symlink("what another version left", cache.dir().join("made").join("unknown")).unwrap();
    cache.prune(Prune::default()).unwrap();
    assert_eq!(names(&cache, "made"), [key("kept").to_string()]);
    assert_eq!(names(&cache, "runs"), [content("kept").to_string()]);
    cache.clean().unwrap();
    for folder in ["artifacts", "used", "memo", "locks", "made", "runs"] {
        assert!(names(&cache, folder).is_empty(), "{folder}");
    }
}

#[test]
fn folders_that_others_can_enter_are_not_used() {
    for folder in ["made", "runs"] {
        let dir = tempfile::tempdir().unwrap();
        add(&cache(&dir), "a");
        fs::set_permissions(dir.path().join("cache").join(folder), fs::Permissions::from_mode(0o777)).unwrap();
        let cache = cache(&dir);
        assert!(cache.get(&key("a")).is_some(), "an artifact needs none of it");
        match folder {
            "made" => assert_eq!(cache.origin(&key("a")), None),
            _ => assert_eq!(cache.recorded_runs(&content("a")), RunRecord::default()),
        }
        assert!(cache.record_runs(&content("a"), &RunRecord::default()).is_err() == (folder == "runs"));
    }
}

#[test]
fn there_is_one_finisher() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let lock = cache.become_finisher().unwrap().expect("there is none yet");
    assert!(cache.become_finisher().unwrap().is_none());
    let starting = cache.finisher().unwrap().expect("it is at work");
    assert_eq!((starting.pid, starting.backend.as_str()), (None, ""));
    lock.announce("llvm", "a module.wasm\u{1b}\n").unwrap();
    let at_work = cache.finisher().unwrap().expect("it is at work");
    let Finisher { pid, backend, name, .. } = at_work;
    assert_eq!((pid, backend.as_str(), name.as_str()), (Some(std::process::id()), "llvm", "a module.wasm"));
    // Neither a writer nor who tidies up takes the lock away.
    cache.put(&key("a"), b"image").unwrap();
    cache.prune(Prune::default()).unwrap();
    cache.clean().unwrap();
    assert!(cache.become_finisher().unwrap().is_none());
    // Another open copy of the file goes on holding it.
    let copy = lock.into_file().try_clone().unwrap();
    assert!(cache.become_finisher().unwrap().is_none());
    let adopted = cache.adopt_finisher(copy).unwrap().expect("it is the file of the lock");
    cache.retire_finisher(adopted);
    assert_eq!(cache.finisher().unwrap(), None);
    assert!(names(&cache, "locks").is_empty());
    let other = fs::File::create(dir.path().join("other")).unwrap();
    assert!(cache.adopt_finisher(other.try_clone().unwrap()).unwrap().is_none());
    let _lock = cache.become_finisher().unwrap();
    assert!(cache.adopt_finisher(other).unwrap().is_none());
}

#[test]
fn a_finisher_that_was_killed_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let kill = |lock: Option<FinisherLock>| {
        let lock = lock.expect("there is none");
        lock.announce("llvm", "a.wasm").unwrap();
        drop(lock);
        assert_eq!(names(&cache, "locks"), ["finisher"]);
    };
    kill(cache.become_finisher().unwrap());
    assert_eq!(cache.finisher().unwrap(), None);
    assert!(names(&cache, "locks").is_empty());
    kill(cache.become_finisher().unwrap());
    let next = cache.become_finisher().unwrap().expect("the other one is gone");
    assert_eq!(cache.finisher().unwrap().expect("it is at work").pid, None, "what it says is not the other's");
    cache.retire_finisher(next);
    kill(cache.become_finisher().unwrap());
    cache.put(&key("a"), b"image").unwrap();
    assert!(names(&cache, "locks").is_empty(), "every writer tidies up");
}

/// A process that goes on with the lock and says that it is this one.
fn finisher(cache: &Cache, pid: &str) -> Child {
    let lock = cache.become_finisher().unwrap().expect("there is none").into_file();
    let script = format!("echo {pid} 7 llvm a.wasm; exec sleep 100");
    Command::new("sh").args(["-c", &script]).stdout(lock).spawn().expect("a shell starts")
}

#[test]
fn a_finisher_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let mut child = finisher(&cache, "$$");
    fs::write(cache.dir().join("artifacts").join(format!(".{}.1.0", key("b"))), b"half").unwrap();
    let stopped = cache.stop_finisher().unwrap().expect("it was at work");
    assert_eq!((stopped.pid, stopped.since_s, stopped.name.as_str()), (Some(child.id()), 7, "a.wasm"));
    assert!(!child.wait().unwrap().success());
    assert_eq!(cache.stop_finisher().unwrap(), None);
    assert!(names(&cache, "locks").is_empty() && names(&cache, "artifacts").is_empty());
}

/// Its number may be of another container, where it is somebody else's here.
#[test]
fn nobody_else_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let mut bystander = Command::new("sleep").arg("100").spawn().expect("a process starts");
    let mut child = finisher(&cache, &bystander.id().to_string());
    let message = cache.stop_finisher().unwrap_err().to_string();
    assert!(message.contains("another container"), "{message}");
    assert!(bystander.try_wait().unwrap().is_none() && child.try_wait().unwrap().is_none());
    for process in [&mut bystander, &mut child] {
        process.kill().unwrap();
        process.wait().unwrap();
    }
}
