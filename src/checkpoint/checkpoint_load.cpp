#include <algorithm>

#include "base/error.hpp"
#include "checkpoint/checkpoint.hpp"

namespace modr {

namespace {

void check_format(const H5File& file) {
  if (!file.has_attribute("", "format") || file.attribute_string("", "format") != "modr-checkpoint")
    fail("{}: an HDF5 file, but not a modr checkpoint (expected the attribute format = modr-checkpoint)",
         file.path().string());
  const int64_t schema = file.attribute_int("", "schema_version");
  if (schema < 1 || schema > kCheckpointSchema)
    fail("{}: checkpoint schema {}, this modr {} reads schema {}", file.path().string(), schema, MODR_VERSION,
         kCheckpointSchema);
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
  info.modr_version = file.attribute_string("", "modr_version");
  return info;
}

}  // namespace

CheckpointReader::CheckpointReader(const std::filesystem::path& path) : file_(H5File::open(path)) {
  check_format(file_);
  info_ = read_info(file_);
  weight_names_ = file_.datasets("weights");
}

bool CheckpointReader::has_weight(const std::string& name) const {
  return std::binary_search(weight_names_.begin(), weight_names_.end(), name);
}

Shape CheckpointReader::weight_shape(const std::string& name) const { return file_.dataset_shape("weights/" + name); }

std::string CheckpointReader::weight_type(const std::string& name) const {
  return file_.dataset_type("weights/" + name);
}

bool CheckpointReader::is_trainable(const std::string& name) const {
  return file_.attribute_int("weights/" + name, "trainable") != 0;
}

Tensor CheckpointReader::read_weight(const std::string& name, DType dtype) const {
  return file_.read_tensor("weights/" + name, dtype);
}

void CheckpointReader::read_weight_into(const TensorPart& part) const {
  file_.read_rows_into("weights/" + part.name, part.tensor, part.first_row, part.num_rows);
}

std::vector<std::string> CheckpointReader::optimizer_names() const {
  return has_optimizer() ? file_.datasets("optimizer") : std::vector<std::string>();
}

Shape CheckpointReader::optimizer_shape(const std::string& name) const {
  return file_.dataset_shape("optimizer/" + name);
}

Tensor CheckpointReader::read_optimizer_tensor(const std::string& name) const {
  const std::string dataset = "optimizer/" + name;
  return file_.read_tensor(dataset, file_.dataset_type(dataset) == "f64" ? DType::f64 : DType::f32);
}

void CheckpointReader::read_optimizer_into(const TensorPart& part) const {
  file_.read_rows_into("optimizer/" + part.name, part.tensor, part.first_row, part.num_rows);
}

}  // namespace modr
