//! The name by which programs that are linked with the shared library find it when they start.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The number goes up with the first release whose functions take something else than those of the release before.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libwasmer.so.0");
    }
}
