//! Calls of WASI functions with arguments that no honest program makes, on folders with links that lead out.
//!
//! Two folders are granted, one of them read-only. Beside them lies a folder that nobody granted, with a secret. Whatever the guest
//! calls, the secret does not get into its memory, and what lies outside, or in the read-only folder, stays as it was.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmer_runtime::wasi::{GuestMemory, Snapshot, WasiCtx, WasiCtxBuilder, WasiFunction, WasmType, functions};

use super::Verdict;
use super::script::Script;
use crate::generate::Random;

/// Stands in a file that was not granted.
const SECRET: &[u8] = b"the secret that no guest may read";
/// Of the guest's memory.
const MEMORY_BYTES: usize = 64 << 10;
/// Around the guest's memory; must stay as they are.
const CANARY: [u8; 64] = [0xc5; 64];
/// Where [`PATHS`] stand, one every [`PATH_ROOM`] bytes.
const PATHS_AT: usize = 1024;
const PATH_ROOM: usize = 64;
/// Where lists of buffers stand.
const BUFFERS_AT: usize = 512;
/// More is not allocated by one call; a negative number stays one.
const ALLOCATED_BYTES_MAX: u64 = 0xf_ffff;
/// How long one input may take before the guest is interrupted.
const PATIENCE: Duration = Duration::from_millis(20);

/// Paths that lead somewhere: inside, outside, nowhere.
const PATHS: &[&str] = &[
    "",
    ".",
    "..",
    "/",
    "a",
    "a/",
    "a/b",
    "d",
    "d/",
    "d/e",
    "d/../a",
    "../outside",
    "../outside/secret",
    "d/../../outside/secret",
    "out",
    "out/secret",
    "out/",
    "abs",
    "abs/secret",
    "loop",
    "loop/x",
    "dangling",
    "new",
    "new/",
    "d/new",
    "/etc/passwd",
    "./d/./e",
    "d//e",
    "up",
    "up/outside/secret",
    "\u{1}",
    "a\0b",
    "fifo",
];

/// Numbers at the edges of something.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    7,
    8,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    MEMORY_BYTES as u64 - 1,
    MEMORY_BYTES as u64 - 8,
    MEMORY_BYTES as u64,
    1 << 32,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
    0x1fff_ffff,
];

pub(super) fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 1);
    let len = 40 + random.below(600);
    random.bytes(len)
}

/// The granted folders, and what lies beside them.
struct World {
    root: tempfile::TempDir,
}

impl World {
    fn new() -> std::io::Result<Self> {
        let root = tempfile::tempdir()?;
        let [granted, frozen, outside] = Self::folders(root.path());
        for folder in [&granted, &frozen] {
            fs::create_dir_all(folder.join("d"))?;
            fs::write(folder.join("a"), b"some bytes of a file")?;
            fs::write(folder.join("d/e"), b"more")?;
            for (name, target) in
                [("out", "../outside"), ("loop", "loop"), ("dangling", "../outside/new"), ("up", "..")]
            {
                symlink(target, folder.join(name))?;
            }
            symlink(&outside, folder.join("abs"))?;
        }
        fs::create_dir(&outside)?;
        fs::write(outside.join("secret"), SECRET)?;
        Ok(Self { root })
    }

    /// The writable folder, the read-only one, and the one that is not granted.
    fn folders(root: &Path) -> [std::path::PathBuf; 3] {
        ["granted", "frozen", "outside"].map(|name| root.join(name))
    }

    fn context(&self) -> WasiCtx {
        let [granted, frozen, _] = Self::folders(self.root.path());
        let begun = Instant::now();
        let builder = WasiCtxBuilder::new().arg("program").arg("argument").env("NAME", "value");
        let builder = builder.dir(granted, "/granted").read_only_dir(frozen, "/frozen");
        builder.interrupt_check(Box::new(move || begun.elapsed() > PATIENCE)).build().expect("folders that exist")
    }

    /// Everything that no guest may change: names, contents and targets, in order.
    fn untouchable(&self) -> std::io::Result<Vec<(String, Vec<u8>)>> {
        let [_, frozen, outside] = Self::folders(self.root.path());
        let mut found = Vec::new();
        for folder in [frozen, outside] {
            list(&folder, &mut found)?;
        }
        found.sort();
        Ok(found)
    }
}

fn list(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let kind = fs::symlink_metadata(&path)?.file_type();
        let contents = if kind.is_symlink() {
            fs::read_link(&path)?.into_os_string().into_encoded_bytes()
        } else if kind.is_dir() {
            list(&path, found)?;
            Vec::new()
        } else {
            fs::read(&path)?
        };
        found.push((path.display().to_string(), contents));
    }
    Ok(())
}

/// The guest's memory with canaries around it.
struct GuestBytes(Vec<u8>);

impl GuestBytes {
    fn new() -> Self {
        let mut bytes = vec![0; MEMORY_BYTES];
        for (position, path) in PATHS.iter().enumerate() {
            let at = PATHS_AT + position * PATH_ROOM;
            bytes[at..at + path.len()].copy_from_slice(path.as_bytes());
        }
        // Buffers: an ordinary one, an empty one, one that overlaps itself, one that ends at the end, one that does not.
        let end = MEMORY_BYTES as u32;
        for (position, (ptr, len)) in
            [(8192, 4096), (0, 0), (BUFFERS_AT as u32, 64), (end - 16, 16), (end - 8, 16), (u32::MAX, 2)]
                .iter()
                .enumerate()
        {
            let at = BUFFERS_AT + position * 8;
            bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(*ptr));
            bytes[at + 4..at + 8].copy_from_slice(&u32::to_le_bytes(*len));
        }
        Self([&CANARY[..], &bytes, &CANARY].concat())
    }

    fn guest(&mut self) -> &mut [u8] {
        &mut self.0[CANARY.len()..CANARY.len() + MEMORY_BYTES]
    }

    fn canaries_stand(&self) -> bool {
        self.0.starts_with(&CANARY) && self.0.ends_with(&CANARY)
    }
}

fn function(script: &mut Script<'_>) -> &'static WasiFunction {
    let all = functions(Snapshot::Preview1);
    &all[usize::from(script.byte()) % all.len()]
}

/// Raw arguments. A pointer to a path comes with its length behind it, for otherwise hardly any path would be one.
fn arguments(script: &mut Script<'_>, params: &[WasmType]) -> Vec<u64> {
    let mut arguments = Vec::with_capacity(params.len() + 1);
    while arguments.len() < params.len() {
        match script.byte() % 8 {
            0 | 1 => arguments.push(u64::from(script.byte() % 10)),
            2 | 3 => {
                let path = usize::from(script.byte()) % PATHS.len();
                arguments.push((PATHS_AT + path * PATH_ROOM) as u64);
                arguments.push(PATHS[path].len() as u64);
            }
            4 => arguments.push(BUFFERS_AT as u64 + 8 * u64::from(script.byte() % 6)),
            5 => arguments.push(EDGES[usize::from(script.byte()) % EDGES.len()]),
            6 => arguments.push(4096 + 16 * u64::from(script.byte())),
            _ => arguments.push(script.wide()),
        }
    }
    arguments.truncate(params.len());
    arguments
}

/// Any bytes: a function, its arguments, the next function.
pub(super) fn judge(script: &[u8]) -> Verdict {
    let world = World::new().map_err(|error| format!("no folders to grant: {error}"))?;
    let before = world.untouchable().map_err(|error| format!("the folders cannot be read: {error}"))?;
    let (mut ctx, mut bytes, mut script) = (world.context(), GuestBytes::new(), Script::new(script));
    let mut verdict = "called";
    while !script.is_over() {
        let function = function(&mut script);
        let mut arguments = arguments(&mut script, function.params);
        if function.name == "fd_allocate" {
            // A disk is easily filled, which is the guest's right and would end the run.
            arguments[2] &= (1 << 63) | ALLOCATED_BYTES_MAX;
        }
        let result = (function.call)(&mut ctx, &GuestMemory::from_slice(bytes.guest()), &arguments);
        if !bytes.canaries_stand() {
            return Err(format!("{} {arguments:x?} wrote beside the memory", function.name));
        }
        if bytes.guest().windows(SECRET.len()).any(|window| window == SECRET) {
            return Err(format!("{} {arguments:x?} read what was not granted", function.name));
        }
        if result.is_err() {
            verdict = "ended";
            break;
        }
    }
    drop(ctx);
    let after = world.untouchable().map_err(|error| format!("the folders cannot be read any more: {error}"))?;
    if before == after { Ok(verdict) } else { Err(format!("changed: {before:?} to {after:?}")) }
}
