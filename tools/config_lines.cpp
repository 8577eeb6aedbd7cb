#include "tools/config_lines.hpp"

#include <yaml-cpp/yaml.h>

#include "base/error.hpp"

namespace modr::tools {

namespace {

constexpr int kMaxDepth = 64;  // an alias in a damaged file can make a node contain itself

void collect(const YAML::Node& node, const std::string& path, int depth, std::map<std::string, std::string>& lines) {
  if (depth > kMaxDepth) fail("{}: nested more than {} levels deep", path, kMaxDepth);
  const std::string prefix = path.empty() ? "" : path + ".";
  if (node.IsMap()) {
    for (const auto& entry : node) collect(entry.second, prefix + entry.first.as<std::string>(), depth + 1, lines);
  } else if (node.IsSequence()) {
    for (std::size_t i = 0; i < node.size(); ++i) collect(node[i], prefix + std::to_string(i), depth + 1, lines);
  } else {
    lines[path] = node.IsScalar() ? node.Scalar() : "~";
  }
}

}  // namespace

std::map<std::string, std::string> config_lines(const std::string& yaml, const std::string& where) {
  std::map<std::string, std::string> lines;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (root.IsMap()) collect(root, "", 0, lines);
  } catch (const YAML::Exception& error) {
    fail("{}: config: {}", where, error.what());
  } catch (const Error& error) {
    fail("{}: config: {}", where, error.what());
  }
  return lines;
}

}  // namespace modr::tools
