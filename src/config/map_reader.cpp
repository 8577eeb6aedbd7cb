#include "config/map_reader.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "config/config_file.hpp"

namespace modr {

namespace {

struct PathCollector {
  std::vector<FieldPath>& fields;
  std::string prefix;

  template <typename T>
  void operator()(const char* key, T& field, FieldKind kind = FieldKind::optional) {
    if constexpr (Section<T>) {
      PathCollector inner{fields, prefix + key + "."};
      visit_fields(inner, field);
    } else {
      fields.push_back({prefix + key, kind});
    }
  }
};

// The field elsewhere in the file whose last key is `key`, such as optim.lr for a lost lr.
std::string field_elsewhere(const std::string& key) {
  for (const FieldPath& field : all_fields()) {
    if (field.path.ends_with("." + key)) return fmt::format("; did you mean '{}'?", field.path);
  }
  return "";
}

}  // namespace

const std::vector<FieldPath>& all_fields() {
  static const std::vector<FieldPath> fields = [] {
    std::vector<FieldPath> collected;
    RunConfig config;
    PathCollector collector{collected, ""};
    visit_fields(collector, config);
    return collected;
  }();
  return fields;
}

const ConfigNode* MapReader::find(const std::string& key) const {
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.key == key; });
  return entry == entries_.end() ? nullptr : &entry->value;
}

void MapReader::finish() const {
  for (const ConfigEntry& entry : entries_) {
    if (std::find(keys_.begin(), keys_.end(), entry.key) != keys_.end()) continue;
    std::string hint = field_elsewhere(entry.key);
    if (hint.empty()) hint = did_you_mean(entry.key, keys_);
    if (hint.empty()) hint = fmt::format("; expected one of {}", fmt::join(keys_, ", "));
    entry.key_place.fail_here(fmt::format("{}: unknown key{}", entry.value.path, hint));
  }
}

void MapReader::fail_choice(const ConfigNode& node, const std::vector<std::string>& names) {
  node.fail_expected(fmt::format("{}", fmt::join(names, " or ")));
}

// A model file stands on its own: it has no base, so files cannot go round in circles.
void MapReader::read_model_file(const ConfigNode& node, ModelConfig& model) {
  std::string name;
  read_value(node, name);
  const std::filesystem::path path = resolve_path(name, node.source);
  std::string text;
  try {
    text = read_config_file(path);
  } catch (const Error& error) {
    node.place().fail_here(fmt::format("{}: {}", node.path, error.what()));
  }
  ConfigNode file = parse_yaml(text, {path.string(), false, path.parent_path()});
  file.path = "model";
  std::erase_if(given_, [](const auto& field) { return field.first.starts_with("model."); });
  model = ModelConfig{};
  MapReader reader(file, given_);
  visit_fields(reader, model);
  reader.finish();
}

void MapReader::read_model(const ConfigNode& node, ModelConfig& model) {
  if (node.yaml.IsScalar()) return read_model_file(node, model);
  MapReader reader(node, given_);
  reader.keys_.push_back("base");
  if (const ConfigNode* base = reader.find("base")) read_model_file(*base, model);
  visit_fields(reader, model);
  reader.finish();
}

}  // namespace modr
