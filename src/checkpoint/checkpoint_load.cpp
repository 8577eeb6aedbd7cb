#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "base/error.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_attributes.hpp"
#include "checkpoint/chunk_grid.hpp"
#include "checkpoint/digest.hpp"

namespace modr {

namespace {

// HDF5 trusts metadata without checksums: where they are damaged it crashes, hangs or takes all memory (1.10.8). Ours
// has them, as all files have from version 2 of the superblock on, which stands at the front.
const std::filesystem::path& checked_format(const std::filesystem::path& path) {
  constexpr std::string_view signature = "\211HDF\r\n\032\n";
  std::array<char, signature.size() + 1> head{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(head.data(), head.size())) return path;  // H5File::open() says what is wrong
  if (!std::string_view(head.data(), head.size()).starts_with(signature)) fail("{}: not an HDF5 file", path.string());
  if (const int version = static_cast<unsigned char>(head.back()); version < 2)
    fail("{}: an HDF5 file of the old format without checksums (superblock {}), which no modr checkpoint has",
         path.string(), version);
  return path;
}

// The schema, once it is known to be one.
int64_t checked_schema(const H5File& file) {
  if (!file.has_attribute("", "format") || file.attribute_string("", "format") != "modr-checkpoint")
    fail("{}: an HDF5 file, but not a modr checkpoint (expected the attribute format = modr-checkpoint)",
         file.path().string());
  const int64_t schema = file.attribute_int("", "schema_version");
  if (schema < 1 || schema > kCheckpointSchema)
    fail("{}: checkpoint schema {}, this modr {} reads schemas 1 to {}", file.path().string(), schema, MODR_VERSION,
         kCheckpointSchema);
  return schema;
}

int64_t read_count(const H5File& file, const std::string& name) {
  const int64_t value = file.attribute_int("", name);
  if (value < 0) fail("{}: attribute '{}' is {}, expected 0 or more", file.path().string(), name, value);
  return value;
}

CheckpointInfo read_info(const H5File& file) {
  CheckpointInfo info;
  info.step = read_count(file, "step");
  info.seed = file.attribute_uint("", "seed");
  info.samples_consumed = read_count(file, "samples_consumed");
  info.optimizer_step = read_count(file, "optimizer_step");
  info.mode = file.attribute_string("", "mode");
  info.config = file.read_string("config");
  if (file.has("guard")) info.guard = file.read_tensor("guard", DType::f64).to_vector();
  info.modr_version = file.attribute_string("", "modr_version");
  return info;
}

DType stored_dtype(const H5File& file, const std::string& dataset) {
  const std::string type = file.dataset_type(dataset);
  for (const DType dtype : {DType::f64, DType::bf16})
    if (type == name_of(dtype)) return dtype;
  return DType::f32;
}

std::optional<std::string> find_digest(const H5File& file, const char* name) {
  return file.has_attribute("", name) ? std::optional(file.attribute_string("", name)) : std::nullopt;
}

}  // namespace

CheckpointReader::CheckpointReader(const std::filesystem::path& path)
    : file_(H5File::open(checked_format(path))), schema_(checked_schema(file_)), info_(read_info(file_)),
      weight_names_(file_.datasets("weights")) {}

bool CheckpointReader::has_weight(const std::string& name) const {
  return std::binary_search(weight_names_.begin(), weight_names_.end(), name);
}

Shape CheckpointReader::weight_shape(const std::string& name) const { return file_.dataset_shape(kWeights + name); }

std::string CheckpointReader::weight_type(const std::string& name) const { return file_.dataset_type(kWeights + name); }

bool CheckpointReader::is_trainable(const std::string& name) const {
  return file_.attribute_int(kWeights + name, "trainable") != 0;
}

Tensor CheckpointReader::read_weight(const std::string& name, DType dtype) const {
  return read_whole(kWeights + name).to(dtype);
}

Tensor CheckpointReader::read_weight_as_stored(const std::string& name) const { return read_whole(kWeights + name); }

void CheckpointReader::read_weight_into(const TensorPart& part) const { read_part(kWeights + part.name, part); }

std::vector<std::string> CheckpointReader::optimizer_names() const {
  return has_optimizer() ? file_.datasets("optimizer") : std::vector<std::string>();
}

Shape CheckpointReader::optimizer_shape(const std::string& name) const {
  return file_.dataset_shape(kOptimizer + name);
}

Tensor CheckpointReader::read_optimizer_tensor(const std::string& name) const { return read_whole(kOptimizer + name); }

void CheckpointReader::read_optimizer_into(const TensorPart& part) const { read_part(kOptimizer + part.name, part); }

std::optional<std::string> CheckpointReader::weights_digest() const { return find_digest(file_, kWeightsDigest); }

std::optional<std::string> CheckpointReader::optimizer_digest() const { return find_digest(file_, kOptimizerDigest); }

Tensor CheckpointReader::read_whole(const std::string& dataset) const {
  const Tensor values = file_.read_tensor(dataset, stored_dtype(file_, dataset));
  check_values(dataset, values.shape(), values, 0);
  return values;
}

void CheckpointReader::read_part(const std::string& dataset, const TensorPart& part) const {
  const DType stored = stored_dtype(file_, dataset);
  const bool direct = part.tensor.is_contiguous() && part.tensor.dtype() == stored;
  const Tensor values = direct ? part.tensor : Tensor::empty(part.tensor.shape(), stored);
  file_.read_rows_into(dataset, values, part.first_row, part.num_rows);
  check_values(dataset, part.whole_shape(), values, part.first_row);
  if (!direct) part.tensor.copy_from(values);
}

// Checks the chunks that `values`, rows of the dataset from `first_row` on, hold in full.
void CheckpointReader::check_values(const std::string& dataset, const Shape& whole, const Tensor& values,
                                    int64_t first_row) const {
  if (values.numel() == 0 || whole.rank() == 0 || !file_.has_attribute(dataset, kChunkSums)) return;
  const ChunkGrid grid(whole, size_of(values.dtype()));
  const std::vector<uint64_t> sums =
      file_.attribute_uints(dataset, kChunkSums, static_cast<std::size_t>(2 * grid.count()));
  const auto bytes = dispatch(values.dtype(), [&]<typename T>() { return std::as_bytes(values.span<T>()); });
  const int64_t first = first_row * (whole.numel() / whole[0]);
  for (int64_t chunk = 0; chunk < grid.count(); ++chunk) {
    const Slice slice = grid.values(chunk);
    if (slice.begin < first || slice.end > first + values.numel()) continue;
    const std::size_t value_bytes = size_of(values.dtype());
    const auto of_chunk = bytes.subspan(static_cast<std::size_t>(slice.begin - first) * value_bytes,
                                        static_cast<std::size_t>(slice.count()) * value_bytes);
    const auto entry = static_cast<std::size_t>(2 * chunk);
    if (sums_of(values.dtype(), of_chunk, slice.begin) != ValueSums{{sums[entry], sums[entry + 1]}})
      fail("{}: {}: values {} to {} are not those that were saved: the file is damaged", path().string(), dataset,
           slice.begin, slice.end - 1);
  }
}

}  // namespace modr
