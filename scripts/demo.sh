#!/bin/sh
# The main job of `make run`: a synthetic session, a market maker on it, the results and a report.
set -eu
tidelock=$1
data=build/demo.itch
[ -s "$data" ] || "$tidelock" generate --seed 42 --out "$data"
"$tidelock" backtest scripts/market_maker.lua --data "$data" --report report.html
