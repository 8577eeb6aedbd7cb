#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/on_threads.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_attributes.hpp"
#include "checkpoint/chunk_grid.hpp"
#include "checkpoint/chunk_reader.hpp"
#include "checkpoint/contents.hpp"
#include "checkpoint/digest.hpp"
#include "tensor/tensor_bytes.hpp"

namespace modr {

namespace {

// HDF5 trusts metadata without checksums: where they are damaged it crashes, hangs or takes all memory (1.10.8). Ours
// has them, as all files have from version 2 of the superblock on, which stands at the front.
const std::filesystem::path& checked_format(const std::filesystem::path& path) {
  check_is_hdf5(path);
  constexpr std::string_view signature = "\211HDF\r\n\032\n";
  std::array<char, signature.size() + 1> head{};
  std::ifstream(path, std::ios::binary).read(head.data(), head.size());
  if (!std::string_view(head.data(), head.size()).starts_with(signature))
    throw WrongFile(fmt::format("{}: not an HDF5 file", path.string()));
  if (const int version = static_cast<unsigned char>(head.back()); version < 2)
    throw WrongFile(fmt::format("{}: of HDF5's old format, without checksums (superblock {}): if it is a checkpoint, "
                                "rewrite it with 'h5repack -L {} NEW.h5' and take NEW.h5",
                                path.string(), version, path.string()));
  return path;
}

// The schema, once it is known to be one.
int64_t checked_schema(const H5File& file) {
  const std::string path = file.path().string();
  if (!file.has_attribute("", "format") || file.attribute_string("", "format") != "modr-checkpoint")
    throw WrongFile(fmt::format(
        "{}: an HDF5 file, but not a modr checkpoint (expected the attribute format = modr-checkpoint)", path));
  const int64_t schema = file.attribute_int("", "schema_version");
  if (schema < 1 || schema > kCheckpointSchema)
    throw WrongFile(fmt::format("{}: checkpoint schema {}, this modr {} reads schemas 1 to {}", path, schema,
                                MODR_VERSION, kCheckpointSchema));
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
  for (const auto& [name, digest] :
       {std::pair{"tokenizer_digest", &info.tokenizer_digest}, {"rows_digest", &info.rows_digest}})
    if (file.has_attribute("", name)) *digest = file.attribute_string("", name);  // older files have none
  info.config = file.read_string(kConfig);
  if (file.has(kGuard)) info.guard = file.read_tensor(kGuard, DType::f64).to_vector();
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

CheckpointReader::CheckpointReader(const std::filesystem::path& path, Contents contents)
    : file_(H5File::open(checked_format(path))), schema_(checked_schema(file_)), info_(read_info(file_)),
      weight_names_(file_.datasets("weights")) {
  if (contents == Contents::checked) check_contents();
}

void CheckpointReader::check_contents() const {
  constexpr int64_t kSince = 3;  // of the schemas
  const std::optional<std::string> saved = contents_digest();
  if (!saved && schema_ >= kSince)
    fail("{}: damaged: has no digest of its config and attributes ({})", path().string(), kContentsDigest);
  if (!saved) return;
  if (const std::string found = modr::contents_digest(file_).hex(); found != *saved)
    fail("{}: damaged: its config, attributes or datasets are not those that were saved: their digest is {}, but {} "
         "was saved", path().string(), found, *saved);
}

bool CheckpointReader::has_weight(const std::string& name) const {
  return std::binary_search(weight_names_.begin(), weight_names_.end(), name);
}

Shape CheckpointReader::weight_shape(const std::string& name) const { return file_.dataset_shape(kWeights + name); }

std::string CheckpointReader::weight_type(const std::string& name) const { return file_.dataset_type(kWeights + name); }

bool CheckpointReader::is_trainable(const std::string& name) const {
  return file_.attribute_int(kWeights + name, "trainable") != 0;
}

int64_t CheckpointReader::num_trainable_values() const {
  int64_t values = 0;
  for (const std::string& name : weight_names_)
    if (is_trainable(name)) values += weight_shape(name).numel();
  return values;
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

std::optional<std::string> CheckpointReader::contents_digest() const { return find_digest(file_, kContentsDigest); }

Tensor CheckpointReader::read_whole(const std::string& dataset) const {
  const Shape shape = file_.dataset_shape(dataset);
  const Tensor values = Tensor::empty(shape, stored_dtype(file_, dataset));
  read_stored(dataset, shape, values, 0);
  return values;
}

void CheckpointReader::read_part(const std::string& dataset, const TensorPart& part) const {
  const DType stored = stored_dtype(file_, dataset);
  const bool direct = part.tensor.device().is_cpu() && part.tensor.is_contiguous() && part.tensor.dtype() == stored;
  const Tensor values = direct ? part.tensor : Tensor::empty(part.tensor.shape(), stored);
  read_stored(dataset, part.whole_shape(), values, part.first_row);
  if (!direct) part.tensor.copy_from(values);
}

// Fills `values` with rows of a dataset from `first_row` on, in the type that it has. Chunks as CheckpointSave writes
// them are read where they stand, by a few threads: while one waits for the disk another sums what it has. HDF5 would
// read one after the other, copy each once more and sum it word by word.
void CheckpointReader::read_stored(const std::string& dataset, const Shape& whole, const Tensor& values,
                                   int64_t first_row) const {
  const std::vector<uint64_t> places = file_.chunk_places(dataset, whole, values.dtype());
  const bool by_hdf5 = places.empty();
  if (by_hdf5) file_.read_rows_into(dataset, values, first_row, whole.rank() == 0 ? -1 : whole[0]);
  const bool has_sums = file_.has_attribute(dataset, kChunkSums);
  if (values.numel() == 0 || whole.rank() == 0 || (by_hdf5 && !has_sums)) return;

  MODR_CHECK(first_row >= 0 && first_row + values.size(0) <= whole[0], "rows {} to {} of {}", first_row,
             first_row + values.size(0), whole[0]);
  constexpr int kReaders = 4;
  const ChunkGrid grid(whole, size_of(values.dtype()));
  const std::size_t value_bytes = size_of(values.dtype()), padded_bytes = grid.chunk_values() * value_bytes;
  std::vector<uint64_t> sums;
  if (has_sums) sums = file_.attribute_uints(dataset, kChunkSums, static_cast<std::size_t>(2 * grid.count()));
  const ChunkReader reader(file_.descriptor(), fmt::format("{}: {}", path().string(), dataset));
  const std::span<std::byte> target = bytes_of(values);
  values.changed();
  const int64_t begin = first_row * (whole.numel() / whole[0]), end = begin + values.numel();
  on_threads(kReaders, grid.count(), [&](int64_t chunk) {
    const auto entry = static_cast<std::size_t>(chunk);
    const Slice all = grid.values(chunk), wanted{std::max(all.begin, begin), std::min(all.end, end)};
    if (wanted.count() <= 0 || (by_hdf5 && wanted != all)) return;
    const auto in_target = target.subspan((wanted.begin - begin) * value_bytes, wanted.count() * value_bytes);
    std::vector<std::byte> partly;  // a chunk of which only some values are asked for
    if (wanted != all) partly.resize(all.count() * value_bytes);
    const std::span<std::byte> bytes = wanted == all ? in_target : std::span(partly);
    if (!by_hdf5) reader.read(places[entry], bytes, padded_bytes);
    if (has_sums && sums_of(values.dtype(), bytes, all.begin) != ValueSums{{sums[2 * entry], sums[2 * entry + 1]}})
      fail("{}: {}: values {} to {} are not those that were saved: the file is damaged", path().string(), dataset,
           all.begin, all.end - 1);
    if (wanted != all)
      std::ranges::copy(bytes.subspan((wanted.begin - all.begin) * value_bytes, in_target.size()), in_target.begin());
  });
}

}  // namespace modr
