"""Writes seeds/checkpoint/old_format.h5: a checkpoint in HDF5's oldest format, whose metadata has no checksums, with
what this program does not write but HDF5 reads (h5py 3.16)."""

import pathlib

import h5py
import numpy as np

CONFIG = "model: {n_embd: 8, n_heads: 2, intermediate_size: 16, vocab_size: 9}\ndata: {train: [a.jsonl]}\n"

path = pathlib.Path(__file__).parent / "seeds" / "checkpoint" / "old_format.h5"
path.parent.mkdir(parents=True, exist_ok=True)
with h5py.File(path, "w", libver=("earliest", "v108")) as file:
    file.attrs["format"] = np.bytes_(b"modr-checkpoint")
    file.attrs["modr_version"] = "0.1.0"  # of variable length
    file.attrs["mode"] = np.bytes_(b"pretrain")
    for name, value in (("schema_version", 1), ("step", 7), ("samples_consumed", 28), ("optimizer_step", 7)):
        file.attrs[name] = np.int32(value)
    file.attrs["seed"] = np.uint64(3)
    file["config"] = CONFIG
    values = np.arange(36, dtype="float32").reshape(9, 4)
    file["weights/contiguous"] = values
    filters = {"compression": "gzip", "shuffle": True, "fletcher32": True}
    file.create_dataset("weights/chunked", data=values, chunks=(4, 3), **filters)
    file["weights/half"] = values.astype("float16")
    for name in ("contiguous", "chunked", "half"):
        file["weights/" + name].attrs["trainable"] = np.int8(1)
    file["optimizer/exp_avg/contiguous"] = values.astype(">f8")
    file["soft"] = h5py.SoftLink("/weights")
