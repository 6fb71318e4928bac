//! Loading components through the store of artifacts.
//!
//! Core modules and adapters are in the store as any module is, under the hash of their own bytes. Beside them is a *record* of the component, under the hash
//! of its file: the hashes of its modules, and how they belong together. A start that finds all of them reads neither the component nor anything that takes
//! one apart.

use std::io::Read;
use std::time::Instant;

use wasmer_api::{Module, Result};
use wasmer_cache::{ArtifactKey, Cache, ContentHash, Found, OriginRecord};
use wasmer_component::{Component, ComponentInfo, SOURCE_DIGEST, refused, translate};
use wasmer_runtime_core::compiler::KeyHasher;

use crate::cached::{CachedLoader, Outcome, Program, Report, timed};

/// First bytes of a record. No artifact of a module begins so.
const MAGIC: &[u8] = b"wasmer component\0";
const HASH_BYTES: usize = 32;

/// What the store has of a component besides its modules.
struct Record {
    /// The hashes of its modules.
    modules: Vec<ContentHash>,
    info: ComponentInfo,
}

impl Record {
    /// The magic, a hash of the rest; how many modules, their hashes, the metadata.
    fn encode(&self) -> Vec<u8> {
        let mut body = (self.modules.len() as u32).to_le_bytes().to_vec();
        for module in &self.modules {
            body.extend_from_slice(&module.0);
        }
        body.extend_from_slice(&self.info.to_bytes());
        [MAGIC, &ContentHash::of(&body).0, &body].concat()
    }

    /// `is_verified` says that the hash was compared before.
    fn decode(bytes: &[u8], is_verified: bool) -> Option<Self> {
        let (hash, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(HASH_BYTES)?;
        if !is_verified && ContentHash::of(body).0 != hash {
            return None;
        }
        let (count, rest) = body.split_at_checked(4)?;
        let count = u32::from_le_bytes(count.try_into().ok()?) as usize;
        let (hashes, info) = rest.split_at_checked(count.checked_mul(HASH_BYTES)?)?;
        let hash = |hash: &[u8]| hash.try_into().ok().map(ContentHash);
        let modules = hashes.chunks_exact(HASH_BYTES).map(hash).collect::<Option<_>>()?;
        Some(Self { modules, info: ComponentInfo::from_bytes(info)? })
    }
}

/// Whether a file of the store is the record of a component, and a sound one: `None` if it is something else.
pub fn is_sound_record(bytes: &[u8]) -> Option<bool> {
    bytes.starts_with(MAGIC).then(|| Record::decode(bytes, false).is_some())
}

impl CachedLoader<'_> {
    fn record_key(&self, content: &ContentHash) -> Result<ArtifactKey> {
        let engine = self.tiers.engines().next().unwrap_or_else(|| self.tiers.compiling())?;
        let mut material = KeyHasher::default();
        material.setting("record", MAGIC);
        material.setting("translation", SOURCE_DIGEST);
        material.setting("wasm features", engine.features().bits().to_le_bytes());
        Ok(ArtifactKey::new(content, &material))
    }

    /// The component of a file, if the store has its record and all of its modules.
    pub(crate) fn find_component(&mut self, cache: &Cache, content: &ContentHash) -> Result<Option<Component>> {
        let started = Instant::now();
        let key = self.record_key(content)?;
        let Some(found) = cache.get(&key) else { return Ok(None) };
        let Some(record) = self.read_record(cache, &key, found) else { return Ok(None) };
        let mut modules = Vec::with_capacity(record.modules.len());
        for hash in &record.modules {
            // One that is gone was not used for long; all are looked for again when the component is taken apart.
            let Some(module) = self.find_best(cache, hash)? else { return Ok(None) };
            modules.push(module);
        }
        self.report.content = Some(*content);
        let component = self.assemble(record.info, modules)?;
        self.report.load += started.elapsed();
        Ok(Some(component))
    }

    fn read_record(&mut self, cache: &Cache, key: &ArtifactKey, mut found: Found) -> Option<Record> {
        let mut bytes = Vec::new();
        if let Err(error) = found.file.read_to_end(&mut bytes) {
            self.store_failed(&format_args!("a component's record could not be read: {error}"));
            return None;
        }
        let record = Record::decode(&bytes, found.verified);
        let outcome = match &record {
            Some(_) if found.verified => Ok(()),
            Some(_) => cache.mark_verified(key, &found.file),
            None => cache.remove(key),
        };
        if let Err(error) = outcome {
            self.store_failed(&error);
        }
        if record.is_none() {
            let path = cache.artifact_path(key);
            self.store_failed(&format_args!("the artifact `{}` is damaged and is removed", path.display()));
        }
        record
    }

    fn assemble(&self, info: ComponentInfo, modules: Vec<Module>) -> Result<Component> {
        match modules.first().map(Module::engine).cloned() {
            Some(engine) => Component::from_parts(&engine, info, modules),
            None => Component::from_parts(self.tiers.compiling()?, info, modules),
        }
    }

    /// Takes a component apart, loads its modules through the store, and stores its record.
    pub(crate) fn make_component(
        mut self,
        cache: &Cache,
        content: &ContentHash,
        name: &str,
        wasm: &[u8],
    ) -> Result<(Program, Report)> {
        let features = self.tiers.compiling()?.features();
        let translation = timed(&mut self.report.compile, || translate(wasm, features));
        let translation = translation.map_err(|error| refused(&error))?;
        let mut hashes = Vec::with_capacity(translation.modules.len());
        let mut modules = Vec::with_capacity(translation.modules.len());
        for (wasm, number) in translation.modules.iter().zip(0..) {
            let name = format!("{name} (core module {number})");
            let mut loader = CachedLoader::new(self.tiers.clone(), cache).name(&name);
            loader.progress = self.progress;
            let (module, report) = loader.load_bytes(wasm)?;
            self.add(&report);
            hashes.push(report.content.unwrap_or_else(|| ContentHash::of(wasm)));
            modules.push(module);
        }
        let record = Record { modules: hashes, info: translation.info };
        let key = self.record_key(content)?;
        let stored = timed(&mut self.report.save, || cache.put(&key, &record.encode()));
        let outcome = match stored {
            Ok(_) => {
                // Only lists of what the store has miss it.
                let _ = cache.note_origin(&key, &OriginRecord { content: *content, name: name.to_owned() });
                Outcome::Stored
            }
            Err(error) => {
                self.store_failed(&error);
                Outcome::NotStored
            }
        };
        self.report.content = Some(*content);
        let component = self.assemble(record.info, modules)?;
        Ok(self.found(Program::Component(component), outcome))
    }

    /// Without a store.
    pub(crate) fn compile_component(mut self, wasm: &[u8]) -> Result<(Program, Report)> {
        let tiers = self.tiers.clone();
        let engine = tiers.compiling()?;
        let component = timed(&mut self.report.compile, || Component::new(engine, wasm))?;
        Ok(self.found(Program::Component(component), Outcome::Uncached))
    }

    /// Loads a module or a component from its bytes.
    pub fn load_program_bytes(mut self, wasm: &[u8]) -> Result<(Program, Report)> {
        if !wasmer_component::is_component(wasm) {
            return self.load_bytes(wasm).map(|(module, report)| (Program::Module(module), report));
        }
        let Some(cache) = self.cache() else { return self.compile_component(wasm) };
        let content = timed(&mut self.report.hash, || ContentHash::of(wasm));
        match self.find_component(cache, &content)? {
            Some(component) => Ok(self.found(Program::Component(component), Outcome::Hit)),
            None => self.make_component(cache, &content, "", wasm),
        }
    }

    /// What loading one module took is a part of what loading the component takes.
    fn add(&mut self, report: &Report) {
        self.report.hash += report.hash;
        self.report.wait += report.wait;
        self.report.compile += report.compile;
        self.report.save += report.save;
        self.report.load += report.load;
        if let Some(warning) = report.warnings.first() {
            self.store_failed(warning);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let wasm = wat::parse_str("(component (core module) (import \"a\" (func (param \"b\" string))))").unwrap();
        let translation = translate(&wasm, wasmer_runtime_core::translate::module::default_features()).unwrap();
        Record { modules: vec![ContentHash::of(b"a"), ContentHash::of(b"b")], info: translation.info }
    }

    #[test]
    fn records_come_back_as_they_went() {
        let record = record();
        for is_verified in [true, false] {
            let found = Record::decode(&record.encode(), is_verified).unwrap();
            assert_eq!((found.modules, found.info), (record.modules.clone(), record.info.clone()));
        }
    }

    #[test]
    fn damaged_records_are_none() {
        let bytes = record().encode();
        for len in 0..bytes.len() {
            assert!(Record::decode(&bytes[..len], false).is_none(), "{len}");
        }
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x40;
            assert!(Record::decode(&damaged, false).is_none(), "{position}");
            assert_ne!(is_sound_record(&damaged), Some(true));
        }
        assert_eq!(is_sound_record(&bytes), Some(true));
        assert_eq!(is_sound_record(b"\0asm"), None);
    }
}
