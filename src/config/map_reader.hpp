#pragma once
// Private to this room: the visitors that fill a config from YAML and list its keys.
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/nearest_name.hpp"
#include "config/config_node.hpp"
#include "config/fields.hpp"

namespace modr {

/// Where each field that was given stands, by its key path.
using GivenFields = std::map<std::string, ConfigPlace>;

/// The key path of a field, and what kind it is; a section's own path is not among them.
struct FieldPath {
  std::string path;
  FieldKind kind;
};

/// All fields of a run file, in order.
const std::vector<FieldPath>& all_fields();

/// Reads one map into a config's fields; what the map does not have stays as it is.
class MapReader {
 public:
  MapReader(const ConfigNode& map, GivenFields& given) : map_(map), entries_(entries_of(map)), given_(given) {}

  template <typename T>
  void operator()(const char* key, T& field, FieldKind kind = FieldKind::optional) {
    keys_.push_back(key);
    if (const ConfigNode* node = find(key)) read_field(*node, field, kind);
  }

  /// Throws Error for the first entry that no field has asked for, with the right key if there is a near one.
  void finish() const;

 private:
  const ConfigNode* find(const std::string& key) const;
  void read_model(const ConfigNode& node, ModelConfig& model);
  void read_model_file(const ConfigNode& node, ModelConfig& model);

  template <typename T>
  void read_field(const ConfigNode& node, T& field, FieldKind kind) {
    if constexpr (std::is_same_v<T, ModelConfig>) {
      read_model(node, field);
    } else if constexpr (Section<T>) {
      MapReader reader(node, given_);
      visit_fields(reader, field);
      reader.finish();
    } else {
      if constexpr (std::is_enum_v<T>) read_choice(node, field);
      else read_value(node, field);
      if (kind == FieldKind::path) resolve(field, node.source);
      given_[node.path] = node.place();
    }
  }

  template <typename Enum>
  static void read_choice(const ConfigNode& node, Enum& field) {
    std::string text;
    std::vector<std::string> names;
    if (node.yaml.IsScalar()) text = node.yaml.Scalar();
    for (const Enum choice : choices<Enum>) {
      if (name_of(choice) == text) {
        field = choice;
        return;
      }
      names.emplace_back(name_of(choice));
    }
    fail_choice(node, names);
  }
  [[noreturn]] static void fail_choice(const ConfigNode& node, const std::vector<std::string>& names);

  template <typename T>
  static void resolve(T& field, const ConfigSource& source) {
    if constexpr (std::is_same_v<T, std::string>) {
      field = resolve_path(field, source);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      for (std::string& path : field) path = resolve_path(path, source);
    }
  }

  ConfigNode map_;
  std::vector<ConfigEntry> entries_;
  std::vector<std::string> keys_;
  GivenFields& given_;
};

}  // namespace modr
