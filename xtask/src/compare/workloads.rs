//! What the programs do that are compared.

use std::path::Path;

use anyhow::{Context, Result};

use crate::programs;

/// A program and its arguments. `@name` stands for the text of that file of `benches/programs/workloads`.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) program: &'static str,
    arguments: &'static [&'static str],
    /// It works on a folder, which it sees as `/w`: a copy of the workloads.
    pub(crate) needs_folder: bool,
}

/// The name by which programs know their folder.
pub(crate) const GUEST_FOLDER: &str = "/w";

/// Whole programs at work, measured beside the kernels.
const AT_WORK: &[Workload] = &[
    workload("lua", &["@lua.lua"]),
    workload("quickjs", &["-e", "@quickjs.js"]),
    workload("sqlite", &[":memory:", "@sqlite.sql"]),
    workload("zstd", &["8", "3"]),
    workload("python", &["-c", "@python.py"]),
    Workload {
        program: "cc1plus",
        arguments: &["-quiet", "-O2", "/w/cc1plus.cpp", "-o", "/w/cc1plus.s"],
        needs_folder: true,
    },
];

/// Programs that do almost nothing: what is measured is how they start.
const STARTING: &[Workload] =
    &[workload("hello", &[]), workload("quickjs", &["-e", "1"]), workload("python", &["-c", "print(1)"])];

/// Programs whose compilation is measured.
const COMPILED: &[Workload] =
    &[workload("quickjs", &[]), workload("sqlite", &[]), workload("python", &[]), workload("cc1plus", &[])];

const fn workload(program: &'static str, arguments: &'static [&'static str]) -> Workload {
    Workload { program, arguments, needs_folder: false }
}

impl Workload {
    pub(crate) fn arguments(&self, root: &Path) -> Result<Vec<String>> {
        let text = |argument: &&str| match argument.strip_prefix('@') {
            None => Ok((*argument).to_owned()),
            Some(name) => {
                std::fs::read_to_string(folder(root).join(name)).with_context(|| format!("cannot read `{name}`"))
            }
        };
        self.arguments.iter().map(text).collect()
    }
}

/// Where the files of the workloads are.
pub(crate) fn folder(root: &Path) -> std::path::PathBuf {
    root.join("benches/programs/workloads")
}

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Section {
    /// How fast the compiled code is.
    Run,
    /// How long compiling takes, how much memory, and how large the result is.
    Compile,
    /// How soon a program is at work.
    Start,
}

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Run, Self::Compile, Self::Start];

    /// What is measured in it, in the order of the report.
    pub(crate) fn workloads(self) -> Vec<Workload> {
        match self {
            Self::Run => {
                let kernels = programs::kernels().iter().map(|kernel| workload(kernel.name, &[]));
                kernels.chain(AT_WORK.iter().copied()).collect()
            }
            Self::Compile => COMPILED.to_vec(),
            Self::Start => STARTING.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_its_program_and_its_files() {
        for workload in Section::ALL.into_iter().flat_map(Section::workloads) {
            programs::find(workload.program).unwrap();
            let arguments = workload.arguments(&crate::workspace_root()).unwrap();
            assert!(arguments.iter().all(|argument| !argument.starts_with('@')), "{}", workload.program);
        }
        assert!(Section::Run.workloads().len() >= 40);
    }
}
