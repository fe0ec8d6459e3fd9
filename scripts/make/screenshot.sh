#!/usr/bin/env bash
# Draw the top of a page as docs/images/NAME.png, for README and docs. Needs Chromium.
#
#   scripts/make/screenshot.sh reports/examples/cliff/report.html report 1360
#   scripts/make/screenshot.sh reports/examples/checkpoints/overview.html overview 1000
set -euo pipefail
cd "$(dirname "$0")/../.."
page=$(realpath "${1:-reports/examples/cliff/report.html}")
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
mkdir -p docs/images
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
  --user-data-dir="$profile" --screenshot="$PWD/docs/images/${2:-report}.png" \
  --window-size="1280,${3:-1360}" "file://$page"
