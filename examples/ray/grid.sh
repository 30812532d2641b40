#!/bin/bash
# A grid of runs on a Ray cluster, from a machine of the cluster and the root of the repository.
set -euo pipefail

DATA=${DATA:-examples/irf1/IRF1_400bp.tsv.gz}
OUTPUT=${OUTPUT:-runs/ray/grid} # on a disk that all machines share
ADDRESS=${ADDRESS:-auto}        # that of the cluster which this machine belongs to

palindra compare "$DATA" -o "$OUTPUT" --strategies none,augment,regular --seeds 0-4 --width 32 --epochs 10 \
    --engine ray --address "$ADDRESS"
