// From YAML to RunConfig: the file, then the overrides one after the other, then what follows from them.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/config_file.hpp"
#include "config/map_reader.hpp"

namespace modr {

namespace {

constexpr std::uintmax_t max_config_bytes = 16 << 20;  // a larger file is something else, named by mistake

void read_into(const ConfigNode& node, RunConfig& config, GivenFields& given) {
  MapReader reader(node, given);
  visit_fields(reader, config);
  reader.finish();
}

// "train.steps=20" as the YAML {train: {steps: 20}}.
ConfigNode override_node(const std::string& text, const std::filesystem::path& folder) {
  const std::size_t equals = text.find('=');
  const std::vector<std::string_view> keys = split(std::string_view(text).substr(0, equals), '.');
  if (equals == std::string::npos || std::find(keys.begin(), keys.end(), "") != keys.end()) {
    throw UsageError(fmt::format("--set {}: expected key.path=value, such as train.steps=100", text));
  }
  const std::string value = text.substr(equals + 1);
  ConfigNode node = parse_yaml(value, {"--set " + text, true, folder});
  if (value.empty()) node.yaml = YAML::Node("");
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    YAML::Node map(YAML::NodeType::Map);
    map.force_insert(std::string(*key), node.yaml);
    node.yaml.reset(map);
  }
  return node;
}

// Fields that follow from others where nobody gave them, and a limit that cannot be reached.
void fill_defaults(RunConfig& config, const GivenFields& given) {
  if (!given.contains("train.trainable") && config.train.mode != TrainMode::pretrain) {
    config.train.trainable = Trainable::branches;
  }
  if (!given.contains("optim.warmup_steps")) {
    config.optim.warmup_steps = std::min(config.optim.warmup_steps, std::max<int64_t>(config.train.steps, 0));
  }
  config.train.microbatch = std::min(config.train.microbatch, std::max<int64_t>(config.train.global_batch, 1));
}

// The checks' messages start with the field; the reader of a message wants its line too.
void validate_at(const RunConfig& config, const GivenFields& given, const std::string& origin) {
  for (const FieldPath& field : all_fields()) {
    if (field.kind == FieldKind::required && !given.contains(field.path)) {
      fail("{}: {} is missing", origin, field.path);
    }
  }
  try {
    config.validate();
  } catch (const Error& error) {
    const std::string message = error.what();
    const auto place = given.find(message.substr(0, message.find_first_of(":[")));
    if (place == given.end()) fail("{}: {}", origin, message);
    place->second.fail_here(message);
  }
}

}  // namespace

std::string read_config_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) fail("{}: expected a config file, found a folder", path.string());
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) fail("{}: cannot be read: {}", path.string(), error ? error.message() : "no permission");
  if (bytes > max_config_bytes) fail("{}: expected a config file, found {} bytes", path.string(), bytes);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  RunConfig config;
  GivenFields given;
  std::vector<ConfigNode> nodes;  // made first: wrong use is told before what is wrong in files
  for (const std::string& text : overrides) nodes.push_back(override_node(text, file.parent_path()));
  config.name = file.stem().string();
  read_into(parse_yaml(read_config_file(file), {file.string(), false, file.parent_path()}), config, given);
  for (const ConfigNode& node : nodes) read_into(node, config, given);
  fill_defaults(config, given);
  validate_at(config, given, file.string());
  return config;
}

RunConfig parse_run_config(const std::string& text, const std::string& origin) {
  RunConfig config;
  GivenFields given;
  read_into(parse_yaml(text, {origin, false, std::nullopt}), config, given);
  fill_defaults(config, given);
  validate_at(config, given, origin);
  return config;
}

}  // namespace modr
