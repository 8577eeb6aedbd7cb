#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace modr {

/// What reading a checkpoint from end to end found.
struct CheckpointVerification {
  int64_t schema = 0;
  int64_t num_tensors = 0;
  int64_t value_bytes = 0;
  bool has_digests = false;           ///< false in files of schema 1: then only HDF5's checksums were checked
  bool has_contents_digest = false;   ///< false in files up to schema 2: config and attributes have checksums only
  std::string weights_digest, optimizer_digest;  ///< of the values found
  std::vector<std::string> problems;   ///< one line each; empty when the file is as it was saved
};

/// Reads everything in the file, which checks HDF5's checksums on data and structure and the sums of every chunk, and
/// compares the digests. Does not throw for damage, however early it is found; throws WrongFile for what is no
/// checkpoint at all.
CheckpointVerification verify_checkpoint(const std::filesystem::path& path);

}  // namespace modr
