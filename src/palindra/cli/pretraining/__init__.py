"""From a genome to the run folder of a pretrained language model."""
