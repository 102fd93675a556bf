# shellcheck shell=bash
# Finds the Rust that `prepare` has installed, if it had to.
use_own_rust() {
    export RUSTUP_HOME=/opt/rustup CARGO_HOME=/opt/cargo PATH="/opt/cargo/bin:$PATH"
}
[ ! -d /opt/cargo ] || use_own_rust
