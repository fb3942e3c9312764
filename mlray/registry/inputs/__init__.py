"""Dataset versions as MLflow's dataset inputs, so that a run says which rows it learnt from."""
