"""Dataset versions as MLflow's dataset inputs, so that a run says which rows it learnt from."""

from importlib import import_module

# MLflow, while it is imported, loads our source by its entry point. It has to come first: begun from our module, that
# module would be asked for its source before it has one.
import_module("mlflow.data")
