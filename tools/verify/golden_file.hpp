#pragma once
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "checkpoint/h5_file.hpp"
#include "model/modr_model.hpp"

namespace modr::tools {

/// A file of reference numbers: configuration, weights, inputs and what a reference implementation computed from them
/// in float64 (layout: shared/golden/README.md). What is read through it is noted as an input of the computation, and
/// with that not as something to compare with.
class GoldenFile {
 public:
  /// Throws Error for a file that is not a golden file.
  explicit GoldenFile(const std::filesystem::path& path);

  /// For attributes, shapes and names.
  const H5File& file() const { return file_; }
  bool has(const std::string& object) const { return file_.has(object); }
  bool has_branches() const { return file_.has_attribute("", "n_branches"); }
  ModelConfig model_config() const;
  /// Recurrences of the file's forward pass.
  Depth depth() const;
  Trainable trainable() const;
  /// The model with the file's weights, router bias and RoPE table. Throws Error when a weight is missing or has
  /// another shape.
  std::unique_ptr<ModrModel> model(TensorType type) const;
  /// input_ids, labels and padding_mask of the forward pass.
  TokenBatch batch() const;
  Indices ids(const std::string& dataset) const;
  Tensor tensor(const std::string& dataset, TensorType type) const;
  /// Every dataset that was read so far.
  const std::set<std::string>& inputs() const { return inputs_; }

 private:
  int64_t integer(const std::string& name) const { return file_.attribute_int("", name); }
  std::string text(const std::string& name) const { return file_.attribute_string("", name); }

  const std::string& input(const std::string& dataset) const { return *inputs_.insert(dataset).first; }

  H5File file_;
  mutable std::set<std::string> inputs_;
};

}  // namespace modr::tools
