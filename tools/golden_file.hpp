#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "checkpoint/h5_file.hpp"
#include "model/modr_model.hpp"

namespace modr::tools {

/// A file of reference numbers: configuration, weights, inputs and what a reference implementation computed from them
/// in float64 (layout: shared/golden/README.md).
class GoldenFile {
 public:
  /// Throws Error for a file that is not a golden file.
  explicit GoldenFile(const std::filesystem::path& path);

  const H5File& file() const { return file_; }
  bool has(const std::string& object) const { return file_.has(object); }
  bool has_branches() const { return file_.has_attribute("", "n_branches"); }
  ModelConfig model_config() const;
  /// Recurrences of the file's forward pass.
  Depth depth() const;
  Trainable trainable() const;
  /// The model with the file's weights, router bias and RoPE table. Throws Error when a weight is missing or has
  /// another shape.
  std::unique_ptr<ModrModel> model(DType dtype) const;
  /// input_ids, labels and padding_mask of the forward pass.
  TokenBatch batch() const;
  Indices ids(const std::string& dataset) const;

 private:
  int64_t integer(const std::string& name) const { return file_.attribute_int("", name); }
  std::string text(const std::string& name) const { return file_.attribute_string("", name); }

  H5File file_;
};

}  // namespace modr::tools
