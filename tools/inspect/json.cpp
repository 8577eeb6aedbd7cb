#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "tools/inspect/report.hpp"

namespace modr::tools {

using Json = nlohmann::ordered_json;

namespace {

Json weight_json(const WeightSummary& weight, bool stats) {
  Json result{{"name", weight.name},
              {"shape", weight.shape.dims()},
              {"type", weight.type},
              {"trainable", weight.trainable},
              {"norm", weight.stats.norm},
              {"num_not_finite", weight.stats.num_not_finite}};
  if (stats) {
    result["min"] = weight.stats.min;
    result["max"] = weight.stats.max;
    result["mean"] = weight.stats.mean;
    result["deviation"] = weight.stats.deviation;
  }
  return result;
}

Json lora_json(const InspectReport& report, const LoraSummary& lora) {
  const double scale = report.lora_scale(lora.rank);
  Json norms = Json::array();
  for (const double norm : lora.norms) norms.push_back(norm * scale);
  return {{"target", lora.target}, {"rank", lora.rank}, {"scale", scale}, {"norms", norms}};
}

template <typename T>
bool parse_scalar(const YAML::Node& node, Json& out) {
  T value{};
  if (!YAML::convert<T>::decode(node, value)) return false;
  out = value;
  return true;
}

Json yaml_json(const YAML::Node& node) {
  Json result;
  if (node.IsMap()) {
    result = Json::object();
    for (const auto& entry : node) result[entry.first.as<std::string>()] = yaml_json(entry.second);
  } else if (node.IsSequence()) {
    result = Json::array();
    for (const auto& entry : node) result.push_back(yaml_json(entry));
  } else if (node.IsScalar()) {
    const bool quoted = node.Tag() == "!";
    if (quoted || !(parse_scalar<int64_t>(node, result) || parse_scalar<double>(node, result) ||
                    parse_scalar<bool>(node, result)))
      result = node.Scalar();
  }
  return result;
}

}  // namespace

std::string to_json(const InspectReport& report) {
  const CheckpointSummary& summary = report.summary;
  Json result{{"file", report.path},
              {"bytes", report.bytes},
              {"modr_version", report.info.modr_version},
              {"step", report.info.step},
              {"seed", report.info.seed},
              {"samples_consumed", report.info.samples_consumed},
              {"mode", report.info.mode},
              {"config", yaml_json(YAML::Load(report.info.config))}};
  result["totals"] = {{"trainable", summary.num_values(true)},
                      {"frozen", summary.num_values(false)},
                      {"tensors", summary.weights.size()}};
  result["optimizer"] = {{"present", summary.num_optimizer_tensors > 0},
                         {"step", report.info.optimizer_step},
                         {"tensors", summary.num_optimizer_tensors},
                         {"values", summary.num_optimizer_values}};
  result["weights"] = Json::array();
  for (const WeightSummary& weight : summary.weights) result["weights"].push_back(weight_json(weight, report.stats));
  result["router_bias"] = summary.router_bias;
  result["lora"] = Json::array();
  for (const LoraSummary& lora : summary.lora) result["lora"].push_back(lora_json(report, lora));
  if (report.digest) {
    result["digest"] = {{"weights", summary.weights_digest.hex()}, {"optimizer", summary.optimizer_digest.hex()}};
  }
  return result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace modr::tools
