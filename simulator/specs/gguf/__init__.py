"""GGUF, the files of llama.cpp: what their headers say, and how llama.cpp mixes formats."""
