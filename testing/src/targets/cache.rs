//! Damage to the store of artifacts, between runs and during them.
//!
//! Some modules, each with an answer, are loaded through one store again and again, while its files are flipped, cut, swapped, replaced and
//! taken away, its disk is full, modules change their contents, and several threads want the same. Whatever becomes of the store, a module that is loaded
//! gives the answer that stands in its file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmer_runtime::cache::{Cache, CacheConfig, Prune, Trust};
use wasmer_runtime::cached::{CachedLoader, Outcome};
use wasmer_runtime::{Engine, Error, Linker, Module, Store};

use super::Verdict;
use super::modules::engines;
use super::script::Script;
use crate::generate::Random;

/// Modules in the folder.
const MODULES: usize = 4;
/// Steps of one input.
const STEPS_MAX: usize = 24;
/// Room on a full disk.
const FULL_DISK_BYTES: [u64; 4] = [0, 100, 5000, 100_000];

pub(super) fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 1);
    let len = 10 + random.below(120);
    random.bytes(len)[..len].to_vec()
}

struct World {
    root: tempfile::TempDir,
    engine: &'static Engine,
    trust: Trust,
    /// What each module answers.
    answers: [u16; MODULES],
    /// Loads that found something wrong with the store, and those that it served.
    warned: AtomicU64,
    served: AtomicU64,
}

impl World {
    fn new(script: &mut Script<'_>) -> Result<Self, String> {
        let (_, engine) = script.one(engines());
        let trust = *script.one(&[Trust::Stat, Trust::Hash]);
        let root = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (warned, served) = (AtomicU64::new(0), AtomicU64::new(0));
        let answers = std::array::from_fn(|index| index as u16);
        let world = Self { root, engine, trust, answers, warned, served };
        for index in 0..MODULES {
            world.write(index).map_err(|error| error.to_string())?;
        }
        Ok(world)
    }

    fn module(&self, index: usize) -> PathBuf {
        self.root.path().join(format!("{index}.wasm"))
    }

    /// Writes a module. Its length is the same whatever its answer.
    fn write(&self, index: usize) -> std::io::Result<()> {
        fs::write(self.module(index), wasm(self.answers[index]))
    }

    fn cache(&self) -> Option<Cache> {
        let config = CacheConfig { trust: self.trust, ..CacheConfig::new(self.root.path().join("cache")) };
        // A store that is not a private folder any more is refused, which is right.
        Cache::open(config).ok()
    }

    /// Loads a module and asks it.
    fn ask(&self, index: usize) -> Result<(), String> {
        let cache = self.cache();
        let loader = match &cache {
            Some(cache) => CachedLoader::new(self.engine, cache),
            None => CachedLoader::without_cache(self.engine),
        };
        let loaded = loader.load_file(&self.module(index), &Ok);
        let (module, report) = loaded.map_err(|error| format!("module {index} was not loaded: {error}"))?;
        self.warned.fetch_add(u64::from(!report.warnings.is_empty()), Ordering::Relaxed);
        self.served.fetch_add(u64::from(report.outcome == Outcome::Hit), Ordering::Relaxed);
        match answer(self.engine, &module) {
            Ok(answer) if answer == i32::from(self.answers[index]) => Ok(()),
            Ok(answer) => Err(format!("module {index} answered {answer} and not {}", self.answers[index])),
            Err(error) => Err(format!("module {index} gave no answer: {error}")),
        }
    }

    fn ask_all(&self) -> Result<(), String> {
        (0..MODULES).try_for_each(|index| self.ask(index))
    }

    /// Every file of the store, in order.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        list(&self.root.path().join("cache"), &mut files);
        files.sort();
        files
    }

    fn step(&mut self, script: &mut Script<'_>) -> Result<(), String> {
        match script.byte() % 10 {
            0 | 1 => self.ask(script.below(MODULES))?,
            2..5 => {
                // What cannot be damaged so stays as it is.
                let _ = damage(script, &self.files());
                self.ask_all()?;
            }
            5 => {
                let index = script.below(MODULES);
                self.answers[index] = self.answers[index].wrapping_add(MODULES as u16);
                self.rewrite(script, index).map_err(|error| error.to_string())?;
                self.ask_all()?;
            }
            6 => self.maintain(script),
            7 => self.on_a_full_disk(*script.one(&FULL_DISK_BYTES))?,
            8 => self.race()?,
            _ => std::thread::sleep(Duration::from_millis(u64::from(script.byte() % 60))),
        }
        Ok(())
    }

    /// Gives a module its new contents, in one of the ways in which files change.
    fn rewrite(&self, script: &mut Script<'_>, index: usize) -> std::io::Result<()> {
        let path = self.module(index);
        let modified = fs::metadata(&path)?.modified()?;
        match script.byte() % 3 {
            0 => self.write(index)?,
            1 => {
                let other = self.root.path().join("new.wasm");
                fs::write(&other, wasm(self.answers[index]))?;
                fs::rename(other, &path)?;
            }
            _ => {
                fs::remove_file(&path)?;
                self.write(index)?;
            }
        }
        if script.byte().is_multiple_of(2) {
            File::options().write(true).open(&path)?.set_modified(modified)?;
        }
        Ok(())
    }

    /// Nothing that is done for order fails so that a module is wrong.
    fn maintain(&self, script: &mut Script<'_>) {
        let Some(cache) = self.cache() else { return };
        let _ = match script.byte() % 4 {
            0 => cache.prune(Prune { unused_days: Some(0), budget_bytes: None }).map(drop),
            1 => cache.clean().map(drop),
            2 => cache.stats().map(drop),
            _ => cache.entries().map(drop),
        };
    }

    /// Without room for what is to be stored, modules run all the same.
    fn on_a_full_disk(&self, room: u64) -> Result<(), String> {
        let before = getrlimit(Resource::Fsize);
        let set = |limit: Rlimit| setrlimit(Resource::Fsize, limit).map_err(|error| error.to_string());
        set(Rlimit { current: Some(room), ..before })?;
        let asked = self.ask_all();
        set(before)?;
        asked
    }

    /// Some threads want every module while another one clears the store away.
    fn race(&self) -> Result<(), String> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|first| {
                    scope.spawn(move || (0..MODULES).try_for_each(|index| self.ask((first + index) % MODULES)))
                })
                .collect();
            scope.spawn(|| self.cache().map(|cache| cache.clean()));
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
        })
    }
}

/// A module that answers.
fn wasm(answer: u16) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x05\x01\x01f\0\0".to_vec();
    // The memory makes the artifact one with pages, and the number always takes three bytes.
    let number = [answer as u8 & 0x7f | 0x80, (answer >> 7) as u8 & 0x7f | 0x80, (answer >> 14) as u8];
    wasm.extend_from_slice(&[0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, number[0], number[1], number[2], 0x0b]);
    wasm
}

fn answer(engine: &Engine, module: &Module) -> Result<i32, Error> {
    let mut store = Store::new(engine, ());
    let instance = Linker::new().instantiate(&mut store, module)?;
    instance.typed_func::<(), i32>(&mut store, "f")?.call(&mut store, ())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Damages one of the files.
fn damage(script: &mut Script<'_>, files: &[PathBuf]) -> std::io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let (file, other) = (script.one(files).clone(), script.one(files).clone());
    if let Ok(record) = fs::read_link(&file) {
        return damage_record(script, &file, record.into_os_string().into_encoded_bytes());
    }
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(&file)?;
        change(&mut bytes);
        // Replaced, because a file that somebody has mapped is not written to.
        let part = file.with_extension("damaged");
        fs::write(&part, bytes)?;
        fs::set_permissions(&part, fs::Permissions::from_mode(0o600))?;
        fs::rename(&part, &file)
    };
    let (place, bits) = (script.wide() as usize, script.byte());
    match script.byte() % 12 {
        0..3 => change(&|bytes| {
            let len = bytes.len().max(1);
            bytes.get_mut(place % len).into_iter().for_each(|byte| *byte ^= bits);
        }),
        3 => change(&|bytes| bytes.truncate(place % bytes.len().max(1))),
        4 => change(&|bytes| bytes.push(bits)),
        5 => change(&|bytes| bytes.fill(0)),
        6 => fs::remove_file(&file),
        7 => fs::copy(&other, &file).map(drop),
        8 => fs::rename(&other, &file),
        9 => {
            fs::remove_file(&file)?;
            symlink(&other, &file)
        }
        10 => {
            fs::remove_file(&file)?;
            fs::create_dir(&file)
        }
        _ => {
            fs::set_permissions(&file, fs::Permissions::from_mode(u32::from(bits)))?;
            File::options().write(true).open(&file)?.set_modified(SystemTime::UNIX_EPOCH)
        }
    }
}

/// Records are links: what they say is where they point to.
fn damage_record(script: &mut Script<'_>, file: &Path, mut record: Vec<u8>) -> std::io::Result<()> {
    let (place, bits) = (script.below(record.len()), script.byte());
    match script.byte() % 4 {
        0 => record.truncate(place),
        1 => record.push(bits),
        2 => record = b"elsewhere".to_vec(),
        _ => record.get_mut(place).into_iter().for_each(|byte| *byte ^= bits),
    }
    fs::remove_file(file)?;
    symlink(OsString::from_vec(record), file)
}

/// Any bytes: the backend, then a step and what it needs, then the next.
pub(super) fn judge(bytes: &[u8]) -> Verdict {
    let mut script = Script::new(bytes);
    let mut world = World::new(&mut script)?;
    world.ask_all()?;
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        world.step(&mut script)?;
    }
    world.ask_all()?;
    Ok(match (world.warned.into_inner(), world.served.into_inner()) {
        (1.., _) => "damage noticed",
        (0, 1..) => "served",
        (0, 0) => "compiled",
    })
}
