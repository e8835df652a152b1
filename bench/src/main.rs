//! Measures the functions' release binaries: `cargo run --release -p bench`. `docs/performance.md` explains
//! the figures.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<std::process::ExitCode> {
    bench::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("the bench reads the figures of processes from Linux, and this is another system")
}
