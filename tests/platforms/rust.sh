# shellcheck shell=bash
# Uses the Rust that `prepare` has installed, if it has installed one.
use_own_rust() {
    export RUSTUP_HOME=/opt/rustup CARGO_HOME=/opt/cargo PATH="/opt/cargo/bin:$PATH"
}
[ ! -d /opt/cargo ] || use_own_rust
