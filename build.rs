//! Passes the link arguments of `/init`, so that a plain `cargo build --release` gives the shipped bytes.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/bin/init/no_tables.ld");
    println!("cargo::rerun-if-changed=src/bin/init/boot_order.ld");
    println!("cargo::rerun-if-changed=src/bin/init/data_order.ld");
    println!("cargo::rustc-check-cfg=cfg(from_registry)");
    // Sources that cargo fetched from a registry or repository: `cargo install` would put the binary on PATH.
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    if folder.contains("/registry/src/") || folder.contains("/git/checkouts/") {
        println!("cargo::rustc-cfg=from_registry");
    }
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    // Only the shipped target is linked by rust-lld, which takes these words as they are.
    if target("ENV") == "musl" && release {
        for script in ["no_tables.ld", "boot_order.ld", "data_order.ld"] {
            println!("cargo::rustc-link-arg-bin=init=-T{folder}/src/bin/init/{script}");
        }
        println!("cargo::rustc-link-arg-bin=init=--no-eh-frame-hdr");
        // Folds equal functions, equal constants and equal ends of strings: nothing compares the addresses of two.
        println!("cargo::rustc-link-arg-bin=init=--icf=all");
        println!("cargo::rustc-link-arg-bin=init=--ignore-data-address-equality");
        println!("cargo::rustc-link-arg-bin=init=-O2");
    }
}
