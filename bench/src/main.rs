//! Measures the functions' release binaries: `cargo run --release -p bench`. What the figures mean is in
//! `docs/performance.md`.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<std::process::ExitCode> {
    bench::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("the bench measures processes by what Linux tells of them, and this is another system")
}
