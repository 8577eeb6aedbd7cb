#pragma once
// A training job's state as one HDF5 file, the same however the job was laid out over ranks:
//   /                             attributes format, schema_version, modr_version, step, seed, samples_consumed,
//                                 mode, optimizer_step; tokenizer_digest, rows_digest; weights_digest and
//                                 optimizer_digest (digest.hpp), and contents_digest, of all the rest (contents.hpp)
//   /config                       the resolved config, YAML text
//   /guard                        what the guard against bad steps remembers, float64; not always there
//   /weights/<upstream name>      one dataset a parameter or buffer; attributes trainable (0 or 1), and chunk_sums:
//                                 for each range of ChunkGrid the ValueSums of its values
//   /optimizer/<moment>/<name>    the optimizer's state, e.g. optimizer/exp_avg/transformer.wte.weight; chunk_sums
// Schema 1 had no digests, sums or guard, schema 2 no contents_digest.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/h5_file.hpp"
#include "tensor/tensor_part.hpp"

namespace modr {

/// The newest layout, which is the one that is written. Older ones are read, newer ones refused by number.
constexpr int64_t kCheckpointSchema = 3;

/// Everything about a checkpoint but its tensors.
struct CheckpointInfo {
  int64_t step = 0;              // training steps done
  uint64_t seed = 0;             // of all counter-based random numbers
  int64_t samples_consumed = 0;  // the data cursor: samples taken by all ranks together
  int64_t optimizer_step = 0;    // updates made (bias correction)
  std::string mode;              // "pretrain", "lora" or "modr"
  std::string config;            // the resolved config, YAML text
  std::vector<double> guard;     // what the guard against bad steps remembers
  std::string tokenizer_digest;  // of the tokenizer's file and of the rows that were trained on; empty: not known
  std::string rows_digest;
  std::string modr_version;      // of the program that wrote it; set when it is saved
};

/// A parameter or buffer (the router's bias) under its upstream name.
struct CheckpointWeight {
  std::string name;
  Tensor tensor;
  bool trainable = false;
};

/// Tensors of the optimizer under the names that AdamW::state() gives them: "exp_avg/<parameter>",
/// "exp_avg_sq/<parameter>".
using OptimizerTensors = std::vector<std::pair<std::string, Tensor>>;

/// Writes a checkpoint of this process alone, as CheckpointSave does for a job: it is on the disk, whole, when this
/// returns. Throws one Error when it cannot (full disk, read-only folder, values that are not finite); files that were
/// there before, and one at `path`, are then as they were.
void save_checkpoint(const std::filesystem::path& path, const CheckpointInfo& info,
                     const std::vector<CheckpointWeight>& weights, const OptimizerTensors& optimizer);

/// An open checkpoint. Reads tensors one by one, holding their values against the sums in the file; every failure throws
/// Error naming the file and the object.
class CheckpointReader {
 public:
  enum class Contents { checked, not_checked };
  /// Throws WrongFile when the file is missing, not HDF5, not a checkpoint, or of an unknown schema, and Error when it
  /// is damaged, as check_contents() does.
  explicit CheckpointReader(const std::filesystem::path& path, Contents contents = Contents::checked);

  /// Throws Error unless everything in the file but its tensors' values is as it was saved. Files up to schema 2 cannot
  /// tell.
  void check_contents() const;

  const std::filesystem::path& path() const { return file_.path(); }
  const CheckpointInfo& info() const { return info_; }
  int64_t schema() const { return schema_; }

  /// Sorted names of the weights.
  const std::vector<std::string>& weight_names() const { return weight_names_; }
  bool has_weight(const std::string& name) const;
  Shape weight_shape(const std::string& name) const;
  /// The type in the file, e.g. "f32" (H5File::dataset_type).
  std::string weight_type(const std::string& name) const;
  bool is_trainable(const std::string& name) const;
  /// Values of all weights that the run trained.
  int64_t num_trainable_values() const;
  Tensor read_weight(const std::string& name, DType dtype) const;
  /// Reads a weight, or the rows of it that this rank holds, converting to the dtype at hand. Throws Error when it is
  /// missing or of another shape.
  void read_weight_into(const TensorPart& part) const;

  bool has_optimizer() const { return file_.has("optimizer"); }
  /// Sorted names of the optimizer's tensors, "<moment>/<parameter>".
  std::vector<std::string> optimizer_names() const;
  Shape optimizer_shape(const std::string& name) const;
  /// In the type that it is stored in (float32 for types that a DType has no name for), as is the next.
  Tensor read_optimizer_tensor(const std::string& name) const;
  Tensor read_weight_as_stored(const std::string& name) const;
  /// As read_weight_into().
  void read_optimizer_into(const TensorPart& part) const;

  /// The digests in the file; nothing in files of schema 1.
  std::optional<std::string> weights_digest() const;
  std::optional<std::string> optimizer_digest() const;
  /// The digest of the rest; nothing in files of schemas 1 and 2.
  std::optional<std::string> contents_digest() const;

 private:
  Tensor read_whole(const std::string& dataset) const;
  void read_part(const std::string& dataset, const TensorPart& part) const;
  void read_stored(const std::string& dataset, const Shape& whole, const Tensor& values, int64_t first_row) const;

  H5File file_;
  int64_t schema_;
  CheckpointInfo info_;
  std::vector<std::string> weight_names_;
};

}  // namespace modr
