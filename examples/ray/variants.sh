#!/bin/bash
# Score the variants of a VCF on a Ray cluster with the language model that ships; any run folder does as well.
set -euo pipefail

MODEL=${MODEL:-default}
GENOME=${GENOME:-examples/yeast/R64-1-1_II_IV.fa.gz}
CALLS=${CALLS:-runs/ray/calls.vcf}
OUTPUT=${OUTPUT:-runs/ray/variants} # on a disk that all machines share
ADDRESS=${ADDRESS:-auto}

if [ ! -e "$CALLS" ]; then # without calls of your own: a change in each of the first lines of each chromosome
    mkdir -p "$(dirname "$CALLS")"
    gzip -dc "$GENOME" | awk -v OFS='\t' '
        BEGIN { print "##fileformat=VCFv4.2"; print "#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO" }
        /^>/ { name = substr($1, 2); start = 0; next }
        start < 20000 { ref = toupper(substr($0, 30, 1)); print name, start + 30, ".", ref, ref == "A" ? "G" : "A", ".", ".", "." }
        { start += length($0) }' >"$CALLS.partial"
    mv "$CALLS.partial" "$CALLS"
fi
palindra variants "$MODEL" "$CALLS" "$GENOME" -o "$OUTPUT" --engine ray --address "$ADDRESS"
