#include "checkpoint/manifest.hpp"

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace modr {

namespace {

// A dataset and how many of its values nobody has told of yet.
struct Announced {
  CheckpointDataset dataset;
  int64_t missing = 0;
};

void merge_entry(std::map<std::string, Announced>& all, const nlohmann::json& entry) {
  const auto& name = entry.at(0).get_ref<const std::string&>();
  const Shape whole(entry.at(2).get<std::vector<int64_t>>());
  const auto rows = entry.at(3).get<int64_t>();
  const CheckpointDataset dataset{name, whole, parse_dtype(entry.at(1).get<std::string>()), entry.at(4).get<bool>()};
  const auto [found, added] = all.try_emplace(name, Announced{dataset, whole.numel()});
  Announced& known = found->second;
  MODR_CHECK(known.dataset.shape == whole && known.dataset.dtype == dataset.dtype, "{}: {} {} on one rank, {} {} on another",
             name, name_of(known.dataset.dtype), known.dataset.shape.to_string(), name_of(dataset.dtype),
             whole.to_string());
  known.missing -= rows * (whole.numel() / whole[0]);
}

}  // namespace

std::string manifest_of(const std::vector<CheckpointTensor>& tensors) {
  nlohmann::json list = nlohmann::json::array();
  for (const CheckpointTensor& tensor : tensors) {
    const TensorPart& part = tensor.part;
    MODR_CHECK(part.tensor.rank() > 0 && part.whole_shape().numel() > 0, "{}: shape {} has no place in a checkpoint",
               part.name, part.whole_shape().to_string());
    if (tensor.holders.is_root())
      list.push_back({part.name, std::string(name_of(part.tensor.dtype())), part.whole_shape().dims(),
                      part.tensor.size(0), tensor.trainable});
  }
  return list.dump();
}

std::vector<CheckpointDataset> merge_manifests(const std::vector<std::string>& manifests) {
  std::map<std::string, Announced> all;
  for (const std::string& manifest : manifests)
    for (const nlohmann::json& entry : nlohmann::json::parse(manifest)) merge_entry(all, entry);
  std::vector<CheckpointDataset> result;
  for (const auto& [name, announced] : all) {
    MODR_CHECK(announced.missing == 0, "{}: {} values are {}", name, std::abs(announced.missing),
               announced.missing > 0 ? "missing: no rank answers for them" : "there twice");
    result.push_back(announced.dataset);
  }
  return result;
}

std::string datasets_text(const std::vector<CheckpointDataset>& datasets) {
  nlohmann::json list = nlohmann::json::array();
  for (const CheckpointDataset& dataset : datasets)
    list.push_back({dataset.name, std::string(name_of(dataset.dtype)), dataset.shape.dims(), dataset.trainable});
  return list.dump();
}

std::vector<CheckpointDataset> parse_datasets(const std::string& text) {
  std::vector<CheckpointDataset> datasets;
  for (const nlohmann::json& entry : nlohmann::json::parse(text))
    datasets.push_back({entry.at(0).get<std::string>(), Shape(entry.at(2).get<std::vector<int64_t>>()),
                        parse_dtype(entry.at(1).get<std::string>()), entry.at(3).get<bool>()});
  return datasets;
}

}  // namespace modr
