"""The paper's theorems, checked on data of known dimension and density."""
