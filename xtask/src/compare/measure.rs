//! Measuring: every peer in turn, so that a machine that becomes slower does so for all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::artifacts::Artifacts;
use super::peers::{Build, Peer, Places, expand};
use super::results::Row;
use super::workloads::{self, GUEST_FOLDER, Section, Workload};
use super::{COMPILE_VARIANTS, Options, START_VARIANTS};
use crate::programs;

/// What has taken so long is not measured again.
const SECONDS_MAX: f64 = 20.0;

/// A command to measure, and what came of it so far.
struct Job {
    row: Row,
    command: Vec<String>,
    artifact: Option<PathBuf>,
}

/// Measures with all peers.
pub(super) struct Measurer<'a> {
    pub(super) artifacts: &'a Artifacts<'a>,
    pub(super) peers: &'a [&'static Peer],
    pub(super) options: &'a Options,
}

impl Measurer<'_> {
    /// Measures what all peers do with a program, in turns.
    pub(super) fn measure(&self, section: Section, workload: &Workload) -> Result<Vec<Row>> {
        println!("{section:?} {}", workload.program);
        let program = programs::find(workload.program)?;
        let wasm = programs::obtain(self.artifacts.root, program)?;
        let mut jobs = Vec::new();
        // What is not made from C cannot be native, and is too large for a C compiler when wasm2c has made C of it.
        let can_be_c = |peer: &Peer| matches!(peer.build, Build::Command(_) | Build::Nothing(_)) || program.is_c();
        for peer in self.peers.iter().filter(|peer| can_be_c(peer)) {
            if section != Section::Compile
                && let Err(error) = self.artifacts.make(peer, program, &wasm)
            {
                eprintln!("left out: `{}` with `{}`, because {error:#}", program.name, peer.name);
                let failure = Some("it cannot be compiled".to_owned());
                jobs.push(Job {
                    row: Row { failure, ..row(section, workload, peer, "") },
                    command: Vec::new(),
                    artifact: None,
                });
                continue;
            }
            jobs.extend(self.jobs(section, workload, peer, &wasm)?);
        }
        if !self.options.prepare {
            let runs = if self.options.quick { 1 } else { self.options.runs };
            // The first round fills caches, of the disk and of the peers. A compiler that takes seconds needs none.
            let warm_up = usize::from(section != Section::Compile);
            let mut expected = None;
            for round in 0..runs + warm_up {
                for job in &mut jobs {
                    self.round(job, round < warm_up, &mut expected);
                }
            }
        }
        Ok(jobs.into_iter().map(|job| job.row).collect())
    }

    /// Runs a job once.
    fn round(&self, job: &mut Job, is_warm_up: bool, expected: &mut Option<Vec<u8>>) {
        if job.row.failure.is_some() || job.row.seconds.iter().sum::<f64>() > SECONDS_MAX {
            return;
        }
        match self.artifacts.tools.run(&job.command) {
            Ok((_, printed))
                if job.row.section != Section::Compile && *expected.get_or_insert(printed.clone()) != printed =>
            {
                job.row.failure = Some("it prints something else".to_owned());
            }
            Ok((sample, _)) => {
                if !is_warm_up {
                    job.row.seconds.push(sample.seconds);
                    job.row.processor_seconds.push(sample.processor_seconds);
                }
                job.row.memory_bytes = job.row.memory_bytes.max(sample.memory_bytes);
                let size = |path: &PathBuf| fs::metadata(path).ok().map(|metadata| metadata.len());
                job.row.artifact_bytes = job.artifact.as_ref().and_then(size);
            }
            Err(error) => {
                eprintln!("left out: `{}` with `{}`, because {error:#}", job.row.program, job.row.peer);
                job.row.failure = Some("it fails".to_owned());
            }
        }
    }

    /// What is measured of one peer.
    fn jobs(&self, section: Section, workload: &Workload, peer: &Peer, wasm: &Path) -> Result<Vec<Job>> {
        let compile = match peer.build {
            Build::Command(words) | Build::Nothing(words) => Some(words),
            Build::Native(_) | Build::Wasm2c(_) => None,
        };
        let precompiled = Some(peer.run).filter(|_| !matches!(peer.build, Build::Nothing(_)));
        let templates = match section {
            Section::Run => vec![("", Some(peer.run))],
            Section::Compile => COMPILE_VARIANTS.map(|variant| (variant, compile)).to_vec(),
            Section::Start => START_VARIANTS.into_iter().zip([peer.cold, peer.hit, precompiled]).collect(),
        };
        let host = self.host_folder()?;
        let arguments = workload.arguments(self.artifacts.root)?;
        let words = self.artifacts.words(peer, wasm);
        let artifact = self.artifacts.artifact(peer, wasm);
        let job = |(variant, template): (&str, Option<&str>)| {
            let one_thread = section == Section::Compile && variant == COMPILE_VARIANTS[1];
            if one_thread && peer.one_thread.is_empty() {
                return None;
            }
            let folder = workload.needs_folder.then_some((&*host, GUEST_FOLDER));
            let command =
                expand(peer, template?, &Places { words: &words, folder, arguments: &arguments, one_thread })?;
            Some(Job { row: row(section, workload, peer, variant), command, artifact: Some(artifact.clone()) })
        };
        Ok(templates.into_iter().filter_map(job).collect())
    }

    /// The folder that programs get: a copy of the files of the workloads, into which they may write.
    fn host_folder(&self) -> Result<String> {
        let folder = self.artifacts.folder.join("files");
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(workloads::folder(self.artifacts.root))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name())).context("cannot copy the files of the workloads")?;
        }
        Ok(folder.to_string_lossy().into_owned())
    }
}

/// A row without a figure yet.
fn row(section: Section, workload: &Workload, peer: &Peer, variant: &str) -> Row {
    Row {
        section,
        program: workload.program.to_owned(),
        peer: peer.name.to_owned(),
        variant: variant.to_owned(),
        seconds: Vec::new(),
        processor_seconds: Vec::new(),
        memory_bytes: 0,
        artifact_bytes: None,
        failure: None,
    }
}
