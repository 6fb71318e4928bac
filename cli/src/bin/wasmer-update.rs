//! The helper of `wasmer self-update`; what it does is described in `src/update/mod.rs`.

fn main() {
    std::process::exit(wasmer_cli::update(std::env::args_os().skip(1)).into());
}
