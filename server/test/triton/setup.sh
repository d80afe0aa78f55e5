#!/usr/bin/env bash
# Installs a real Triton server (2.51, CPU, Python backend) from PyPI for the tests beside this file; safe to run again.
#   setup.sh [FOLDER]      FOLDER or $DDN_TRITON_HOME, else .server beside this file
# Needs Linux on x86-64 with glibc 2.35 or newer, Python 3.11 with venv, and its shared library (Debian 12: apt-get install
# python3.11-venv libpython3.11).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(realpath -m "${1:-${DDN_TRITON_HOME:-$here/.server}}")
packages=(nvidia-pytriton==0.7.0 numpy==1.26.4 onnxruntime==1.23.2)
installed=$(printf '%s\n' "${packages[@]}")

if [ "$(cat "$folder/installed" 2>/dev/null)" = "$installed" ]; then
  echo "Triton is ready in $folder"
  exit
fi

mkdir -p "$folder"
rm -f "$folder/installed"
python3.11 -m venv --clear "$folder/venv"
# Without dependencies: of PyTriton only the server inside is used, of ONNX Runtime only its sessions.
"$folder/venv/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: "${packages[@]}"

# The stub of this Python has to lie beside the backend that starts it.
site=$("$folder/venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
rm -rf "$folder/backends"
mkdir -p "$folder/backends"
cp -r "$site/pytriton/tritonserver/backends/python" "$folder/backends/"
cp "$site/pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub" "$folder/backends/python/"

library=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
cat >"$folder/tritonserver" <<SCRIPT
#!/bin/sh
# Written by setup.sh: the server with what it needs around it; flags pass through.
export PATH="$folder/venv/bin:\$PATH" PYTHONPATH="$site" PYTHONDONTWRITEBYTECODE=1
export LD_LIBRARY_PATH="$library:$site/nvidia_pytriton.libs"
exec "$site/pytriton/tritonserver/bin/tritonserver" --backend-directory "$folder/backends" \\
  --cache-directory "$site/pytriton/tritonserver/caches" "\$@"
SCRIPT
chmod +x "$folder/tritonserver"
"$folder/venv/bin/python" -c 'import onnxruntime'
# Printing its help it loads all its libraries, and exits with 1.
grep -q -- --model-repository < <("$folder/tritonserver" --help 2>&1)
echo "$installed" >"$folder/installed"
echo "Triton is ready in $folder"
