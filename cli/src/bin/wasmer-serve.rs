//! The program that `wasmer serve` starts; what it does is described in `src/serve.rs`.

fn main() {
    std::process::exit(wasmer_cli::serve(std::env::args_os()).into());
}
