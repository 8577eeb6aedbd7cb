#pragma once
// What the ranks of a job have for a checkpoint, put together into what the file is to hold.
#include <cstdint>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "tensor/tensor_part.hpp"

namespace modr {

/// A tensor that goes into a checkpoint, or the rows of it that a rank holds, as this rank sees it.
struct CheckpointTensor {
  TensorPart part;  ///< its name is the dataset's, e.g. "weights/transformer.wte.weight"
  bool trainable = false;
  Communicator holders = Communicator::self();  ///< the ranks that hold the same rows: they share the writing
  bool constant = false;                        ///< does not change while the job runs
};

/// A dataset of the file.
struct CheckpointDataset {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
  bool trainable = false;
};

/// What this rank tells the root: the tensors of which it is the first holder.
std::string manifest_of(const std::vector<CheckpointTensor>& tensors);

/// The datasets that the manifests of all ranks make up, sorted by name. Throws Error when ranks disagree about one, or
/// when rows of one are missing or given twice.
std::vector<CheckpointDataset> merge_manifests(const std::vector<std::string>& manifests);

/// Datasets as text for the other ranks, and back.
std::string datasets_text(const std::vector<CheckpointDataset>& datasets);
std::vector<CheckpointDataset> parse_datasets(const std::string& text);

}  // namespace modr
