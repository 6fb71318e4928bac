//! How the command is linked: see `docs/adr/0014-the-command-has-a-fixed-address.md`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).is_ok_and(|is| is == value);
    if is("OS", "linux") && is("ENV", "gnu") {
        // With a fixed address nothing of the command has to be relocated when it starts.
        println!("cargo:rustc-link-arg-bin=wasmer=-no-pie");
        // What debuggers look for (`src/debugger.rs`) is to be found in a stripped command too.
        for symbol in ["__jit_debug_descriptor", "__jit_debug_register_code"] {
            println!("cargo:rustc-link-arg-bin=wasmer=-Wl,--export-dynamic-symbol={symbol}");
        }
    }
}
