//! The program that `wasmer serve` starts; what it does is described in `src/serve.rs`.

/// Each request makes an instance and drops it, on all threads at once: the system's allocator spends a third of their time then.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    std::process::exit(wasmer_cli::serve(std::env::args_os()).into());
}
