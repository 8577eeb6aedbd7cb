"""Writes foreign_types.h5: what other programs put into HDF5 files, made by h5py (h5py 3.16, HDF5 2.0)."""

import pathlib

import h5py
import numpy as np

path = pathlib.Path(__file__).with_name("foreign_types.h5")
with h5py.File(path, "w", libver=("v108", "v110")) as file:
    file.attrs["variable"] = "länge"  # variable-length UTF-8
    file.attrs["fixed"] = np.bytes_(b"fixed")
    file.attrs["small"] = np.int8(-7)
    file.attrs["large"] = np.uint64(2**64 - 1)
    file.attrs["half"] = np.float16(0.5)
    file.attrs["several"] = np.arange(3)
    for name in ("int8", "int32", "int64"):
        file["ints/" + name] = np.array([[-1, 2], [3, -128]], dtype=name)
    file["floats/f16"] = np.array([1.5, -2.0, 65504.0], dtype="float16")
    file["floats/f64"] = np.array([1.0, 1.0 / 3.0])
    bf16 = h5py.h5t.IEEE_F32LE.copy()  # shrunk to 16 bits: 1 sign, 8 exponent, 7 mantissa
    bf16.set_fields(15, 7, 8, 0, 7)
    bf16.set_size(2)
    bf16.set_ebias(127)
    space = h5py.h5s.create_simple((3,))
    dataset = h5py.h5d.create(file["floats"].id, b"bf16", bf16, space)
    dataset.write(space, space, np.array([1.0, -0.15625, 3.0e38], dtype="float32"))
    file["floats/big_endian"] = np.array([1.0, 2.5], dtype=">f4")
    file.create_dataset("floats/deflated", data=np.zeros((64, 1024), dtype="float32"), compression="gzip")
    file.create_dataset("floats/empty", shape=(0, 5), dtype="float32")
    file.create_dataset("bad/huge", shape=(2**40, 2**20), dtype="float32", chunks=(1024, 1024))
    file.create_dataset("bad/no_space", dtype="float32", data=h5py.Empty("f"))
    file["text/variable"] = "hello"
    file["text/several"] = ["a", "b"]
    file["soft"] = h5py.SoftLink("/floats/f64")
    file["external"] = h5py.ExternalLink("elsewhere.h5", "/x")
    file["floats/loop"] = file["/"]  # a hard link to an ancestor
