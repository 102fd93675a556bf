# shellcheck shell=bash
# Uses the Rust toolchain that `prepare` has installed in /opt, if there is one.
use_own_rust() {
    export RUSTUP_HOME=/opt/rustup CARGO_HOME=/opt/cargo PATH="/opt/cargo/bin:$PATH"
}
[ ! -d /opt/cargo ] || use_own_rust
