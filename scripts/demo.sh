#!/bin/sh
# The main job of `make run`: a live session, DURATION long, on the embedded exchange; scripts/demo/demo.lua says of what.
set -eu
tidelock=$1
exec "$tidelock" run scripts/demo/demo.lua --duration "${DURATION:-20s}"
