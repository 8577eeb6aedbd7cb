# What launch/demo and launch/test share; sourced, not run. Everything it does is printed.
# shellcheck shell=bash

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_folder=${MODR_BUILD:-$repository/build/release}

# (oneDNN's CMake package asks for OpenCL, which nothing here uses.)
packages=(g++ cmake ninja-build pkg-config git
  libopenmpi-dev openmpi-bin libhdf5-openmpi-dev hdf5-tools libdnnl-dev ocl-icd-opencl-dev libyaml-cpp-dev
  libboost-program-options-dev libpcre2-dev libicu-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libgtest-dev
  libbenchmark-dev iproute2)

# A heading, bold on a terminal.
say() {
  if [[ -t 1 ]]; then printf '\033[1m== %s\033[0m\n' "$*"; else printf '== %s\n' "$*"; fi
}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "installing packages needs root or sudo; install these first: ${packages[*]}"
  fi
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

# Python wheels of NVIDIA's, where there is nvcc, into build/python, where cmake looks: the headers that attention by cuDNN
# is built with (cmake/Cudnn.cmake; without them it is our own kernels'), and what shows machine code (a test is skipped
# without). So it is no mistake where PyPI cannot be reached.
install_wheels_for_cuda() {
  local folder=$repository/build/python
  if [[ -e $folder/include/cudnn_frontend.h && -e $folder/nvidia/cu13/bin/cuobjdump ]]; then return; fi
  if ! command -v nvcc >/dev/null && [[ ! -x /usr/local/cuda/bin/nvcc ]]; then return; fi
  say "packages: installing nvidia-cudnn-frontend, -cuda-cuobjdump and -cuda-nvdisasm (Python) into build/python"
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --retries 1 --timeout 20 \
    --upgrade --target "$folder" nvidia-cuda-cuobjdump==13.* nvidia-cuda-nvdisasm==13.* nvidia-cudnn-frontend==1.18.0 \
    >"$folder.log" 2>&1 || say "packages: could not, see build/python.log: no attention by cuDNN"
}

# Installs by name what is missing; does nothing, and needs no root, when all is there.
install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "expected a Debian or Ubuntu system (dpkg-query); cmake/Dependencies.cmake names what is needed elsewhere"
  local missing
  mkdir -p "$repository/build"
  install_wheels_for_cuda
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then
    say "packages: all there"
    return
  fi
  say "packages: installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Configures and builds all, or `build_targets`; with the CMake preset `build_preset`, else release, whose warnings are
# errors where CI is set, and with CMake's `build_options`. A second call finds nothing to do.
build() {
  local preset=${build_preset:-release} start=$SECONDS
  if [[ $preset == release && -n ${CI:-} ]]; then preset=ci; fi
  mkdir -p "$(dirname "$build_folder")"
  say "build: preset $preset in ${build_folder#"$repository"/}"
  cmake -S "$repository" -B "$build_folder" --preset "$preset" ${build_options:+"${build_options[@]}"} >"$build_folder.log" 2>&1 ||
    { cat "$build_folder.log" >&2; fail "cmake failed"; }
  cmake --build "$build_folder" ${build_targets:+--target "${build_targets[@]}"}
  say "build: done in $((SECONDS - start)) s"
}

# Open MPI refuses to run as root unless it is told to; containers and CI machines often are root.
if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
