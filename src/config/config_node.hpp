#pragma once
// Private to this room: a piece of YAML that knows where it stands, and the values it can hold.
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace modr {

/// Where settings are written.
struct ConfigSource {
  std::string name;                             ///< for messages: a file's name, or the option as it was typed
  bool is_option = false;                       ///< typed on the command line: mistakes in it are UsageErrors
  std::optional<std::filesystem::path> folder;  ///< where relative paths are looked for too; nothing: paths stay
};

/// A place for messages: "run.yaml:12", or the option.
struct ConfigPlace {
  std::string text;
  bool is_option = false;

  /// Throws Error, or UsageError for an option, "<place>: <message>".
  [[noreturn]] void fail_here(const std::string& message) const;
};

struct ConfigNode {
  YAML::Node yaml;
  std::string path;  ///< of keys: "model.n_embd"; empty for the whole file
  ConfigSource source;

  ConfigPlace place() const;
  /// Throws "<place>: <path>: expected <expected>, found <what this is>".
  [[noreturn]] void fail_expected(const std::string& expected) const;
};

/// One entry of a map.
struct ConfigEntry {
  std::string key;
  ConfigNode value;
  ConfigPlace key_place;
};

/// Parses `text`; Throws Error with the line where it is not YAML or more than one document.
ConfigNode parse_yaml(const std::string& text, const ConfigSource& source);

/// The entries of a map. Throws Error when it is none, or has a key twice, or one that is not a text.
std::vector<ConfigEntry> entries_of(const ConfigNode& map);

/// Values, strictly by type; each throws Error where the node holds something else or a number that does not fit.
void read_value(const ConfigNode& node, int64_t& value);
void read_value(const ConfigNode& node, uint64_t& value);
void read_value(const ConfigNode& node, double& value);
void read_value(const ConfigNode& node, bool& value);
void read_value(const ConfigNode& node, std::string& value);
void read_value(const ConfigNode& node, std::vector<std::string>& value);

/// `path` itself, or, where it is relative and names something from the current folder or else from the source's
/// folder, the absolute path of that.
std::string resolve_path(const std::string& path, const ConfigSource& source);

}  // namespace modr
