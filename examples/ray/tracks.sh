#!/bin/bash
# Train a model of tracks on this machine, then predict the whole genome on a Ray cluster.
set -euo pipefail

SETTINGS=${SETTINGS:-examples/yeast/tracks.toml}
GENOME=${GENOME:-examples/yeast/R64-1-1_II_IV.fa.gz}
OUTPUT=${OUTPUT:-runs/ray/yeast} # on a disk that all machines share
ADDRESS=${ADDRESS:-auto}

palindra data build "$SETTINGS" -o "$OUTPUT/data"
palindra train "$OUTPUT/data" -o "$OUTPUT/model" --bin-size 16 --epochs 2
palindra predict "$OUTPUT/model" "$GENOME" --bigwig "$OUTPUT/predicted" --engine ray --address "$ADDRESS"
