"""What shows how a compilation went: observers of the pipeline, dumps, comparisons."""
