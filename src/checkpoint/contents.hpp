#pragma once
// Private to this room: a checkpoint's digest of everything but the values of its tensors.
#include "checkpoint/digest.hpp"
#include "checkpoint/h5_file.hpp"

namespace modr {

/// The digest of what a checkpoint says: the config, the guard's window, the name, type and shape of every dataset, and
/// every attribute of the file, of a group or of a dataset (the sums of chunks and the tensors' digests among them) but
/// the one that holds it. Throws Error when something cannot be read.
Digest contents_digest(const H5File& file);

}  // namespace modr
