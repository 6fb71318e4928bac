//! How fast modules compile, one thread, validation included: `compile_speed MODULE…` prints megabytes of code section per second.

use std::time::{Duration, Instant};

use wasmer_backend_singlepass::Singlepass;
use wasmer_runtime_core::compiler::{Batch, Compiler, Output};
use wasmer_runtime_core::translate::module::{default_features, translate_module};

const RUNS: u32 = 5;

/// A clock that stands still while other processes run, where the system has one.
struct Clock {
    start: Instant,
    cpu: Option<Duration>,
}

impl Clock {
    fn cpu() -> Option<Duration> {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }

    fn start() -> Self {
        Self { start: Instant::now(), cpu: Self::cpu() }
    }

    fn elapsed(&self) -> Duration {
        match (self.cpu, Self::cpu()) {
            (Some(before), Some(after)) => after - before,
            _ => self.start.elapsed(),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let compiler = Singlepass::new()?;
    for path in std::env::args_os().skip(1) {
        let wasm = std::fs::read(&path)?;
        let mut best = Duration::MAX;
        let mut sizes = (0, 0, 0);
        for _ in 0..RUNS {
            let translation = translate_module(&wasm, default_features())?;
            let code_bytes: usize = translation.info.bodies.iter().map(|body| body.len()).sum();
            let mut output = Output::default();
            let mut functions = translation.functions.into_iter();
            let start = Clock::start();
            let mut worker = compiler.worker();
            worker.functions(&mut Batch { module: &translation.info, functions: &mut functions }, &mut output)?;
            best = best.min(start.elapsed());
            sizes = (code_bytes, output.text.len(), output.traps.len() * 8 + output.locations.len() * 8);
        }
        let (code_bytes, text_bytes, table_bytes) = sizes;
        println!(
            "{}: {:.1} MB/s ({:.0} ms for {:.1} MB), machine code {:.2} times as large, tables {:.2}",
            std::path::Path::new(&path).display(),
            code_bytes as f64 / 1e6 / best.as_secs_f64(),
            best.as_secs_f64() * 1e3,
            code_bytes as f64 / 1e6,
            text_bytes as f64 / code_bytes as f64,
            table_bytes as f64 / code_bytes as f64,
        );
    }
    Ok(())
}
