#!/usr/bin/env bash
# The wheel of dist/ in empty environments, tried as a user would: version, a comparison of a file, a Hessian.
# Usage: .ci/try_wheel.sh [minimal] [jax] [all]   (default: each of them)
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3} constraints=$PWD/constraints.txt wheels=("$PWD"/dist/hessbench-*.whl)
[ -f "${wheels[0]}" ] && [ ${#wheels[@]} -eq 1 ] || { echo "dist/ has to hold one wheel: make dist" >&2; exit 2; }

# What each of them has to find right, beside a strategy that is wrong on purpose.
declare -A strategies=([minimal]="discrete-adjoint" [jax]="discrete-adjoint jax-adjoint" [all]="hand-adjoint heyoka-taylor torchdiffeq-backprop@torch")

try() {
    local extra=$1 folder start size
    folder=$(mktemp -d) start=$SECONDS
    trap 'rm -rf "$folder"' RETURN
    "$python" -m venv "$folder/env"
    local pip=("$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check)
    [ "$extra" != all ] || "${pip[@]}" torch==2.13.0 -c "$constraints"  # the CPU build
    "${pip[@]}" "${wheels[0]}$([ "$extra" = minimal ] || echo "[$extra]")" -c "$constraints"
    local installed=$((SECONDS - start))
    size=$(du -sm "$folder/env" | cut -f1)
    cp .ci/tried/*.py "$folder"
    cd "$folder"
    export HESSBENCH_CACHE=$folder/cache
    local options=(--budget 0 -s spoiled.py)
    for name in ${strategies[$extra]}; do options+=(-s "$name"); done
    env/bin/hessbench --version
    env/bin/hessbench list >/dev/null
    env/bin/hessbench compare pendulum.py "${options[@]}" --json >found.json || true
    env/bin/python judge.py found.json ${strategies[$extra]}
    cd - >/dev/null
    echo "$extra: installed in $installed s, $size MB; tried in $((SECONDS - start - installed)) s"
}

[ $# -gt 0 ] || set -- minimal jax all
for extra in "$@"; do
    [ -n "${strategies[$extra]:-}" ] || { echo "'$extra' is none of minimal, jax, all" >&2; exit 2; }
    try "$extra"
done
