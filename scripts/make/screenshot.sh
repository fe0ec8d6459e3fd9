#!/usr/bin/env bash
# Draw the top of a report as docs/images/report.png, for the README. Needs Chromium.
#
#   make demo && scripts/make/screenshot.sh runs/demo/overtrained/report.html
set -euo pipefail
cd "$(dirname "$0")/../.."
page=$(realpath "${1:-runs/demo/overtrained/report.html}")
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
mkdir -p docs/images
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
  --user-data-dir="$profile" --screenshot="$PWD/docs/images/report.png" \
  --window-size=1280,1120 "file://$page"
