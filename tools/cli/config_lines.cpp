#include "tools/cli/config_lines.hpp"

#include <yaml-cpp/yaml.h>

#include <utility>

#include "base/error.hpp"

namespace modr::tools {

namespace {

// Goes through a file's nodes. In a damaged one an alias can make a node contain itself, and a few aliases of aliases
// stand for more lines than any memory holds.
class Collector {
 public:
  void collect(const YAML::Node& node, const std::string& path, int depth) {
    if (depth > kMaxDepth) fail("{}: nested more than {} levels deep", path, kMaxDepth);
    const std::string value = node.IsScalar() ? node.Scalar() : "~";
    bytes_ += path.size() + value.size() + 1;
    if (bytes_ > kMaxBytes) fail("expected at most {} bytes of keys and values", kMaxBytes);
    const std::string prefix = path.empty() ? "" : path + ".";
    if (node.IsMap()) {
      for (const auto& entry : node) collect(entry.second, prefix + entry.first.as<std::string>(), depth + 1);
    } else if (node.IsSequence()) {
      for (std::size_t i = 0; i < node.size(); ++i) collect(node[i], prefix + std::to_string(i), depth + 1);
    } else {
      lines[path] = value;
    }
  }

  std::map<std::string, std::string> lines;

 private:
  static constexpr int kMaxDepth = 64;
  static constexpr std::size_t kMaxBytes = 4 << 20;
  std::size_t bytes_ = 0;
};

}  // namespace

std::map<std::string, std::string> config_lines(const std::string& yaml, const std::string& where) {
  Collector collector;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (root.IsMap()) collector.collect(root, "", 0);
  } catch (const YAML::Exception& error) {
    fail("{}: config: {}", where, error.what());
  } catch (const Error& error) {
    fail("{}: config: {}", where, error.what());
  }
  return std::move(collector.lines);
}

}  // namespace modr::tools
