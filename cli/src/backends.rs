//! `wasmer backends`.

use crate::exit::ExitCode;
use std::fmt::Write;

use wasmer_runtime::{Backend, Cpu, CpuFeatures, FEATURES};

use crate::{output, worker};

/// Lists compilers and features of WebAssembly, and what the processor has.
pub(crate) fn backends() -> anyhow::Result<ExitCode> {
    let mut out = String::from("backends:\n");
    // Writing to a string cannot fail.
    for backend in Backend::ALL {
        let state = match worker::config(backend, Cpu::Native, None) {
            Ok(_) if backend == Backend::Llvm => match worker::find() {
                Some(path) => format!("by the compile worker `{}`", path.display()),
                None => "no compile worker; `cargo install --path cli --features llvm` installs it".to_owned(),
            },
            Ok(_) if Some(backend) == Backend::default_backend() => "built in, the default of `compile`".to_owned(),
            Ok(_) => "built in".to_owned(),
            Err(_) if !backend.is_built() => format!("not built in; build with `--features {backend}`"),
            Err(error) => error.to_string(),
        };
        let _ = writeln!(out, "  {:11} {} ({state})", backend.name(), backend.description());
    }
    let _ = writeln!(out, "features of WebAssembly (`--enable`, `--disable`):");
    let on = wasmer_runtime::default_features();
    for (name, feature) in FEATURES {
        let _ = writeln!(out, "  {name:24} {}", if on.contains(*feature) { "on" } else { "off" });
    }
    let _ = writeln!(out, "processor: {}", std::env::consts::ARCH);
    let host = CpuFeatures::host();
    let names: Vec<_> = host.iter().map(|feature| feature.name()).collect();
    let _ = writeln!(out, "  {}: {}", host.level().name(), names.join(" "));
    output::data(out)?;
    Ok(ExitCode::SUCCESS)
}
