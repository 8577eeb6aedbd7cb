#include "config/config_node.hpp"

#include <yaml-cpp/eventhandler.h>

#include <charconv>
#include <cmath>
#include <sstream>
#include <string_view>

#include "base/error.hpp"

namespace modr {

namespace {

// A scalar without quotes; one in quotes is text whatever it looks like.
bool is_plain(const YAML::Node& node) { return node.IsScalar() && node.Tag() != "!"; }

std::string describe(const YAML::Node& node) {
  constexpr std::size_t longest = 60;
  switch (node.Type()) {
    case YAML::NodeType::Map: return "a map";
    case YAML::NodeType::Sequence: return "a list";
    case YAML::NodeType::Scalar: {
      const std::string& text = node.Scalar();
      return text.size() > longest ? fmt::format("'{}...'", text.substr(0, longest)) : fmt::format("'{}'", text);
    }
    default: return "nothing";
  }
}

// A whole plain scalar as a number; invalid_argument when it is none, result_out_of_range when it does not fit.
template <typename T>
std::errc parse_number(const YAML::Node& node, T& value) {
  if (!is_plain(node)) return std::errc::invalid_argument;
  std::string_view text = node.Scalar();
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return std::errc::invalid_argument;
  return error;
}

class NoEvents final : public YAML::EventHandler {
  using Mark = YAML::Mark;
  using Text = std::string;
  using Anchor = YAML::anchor_t;
  using Style = YAML::EmitterStyle::value;
  void OnDocumentStart(const Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const Mark&, Anchor) override {}
  void OnAlias(const Mark&, Anchor) override {}
  void OnScalar(const Mark&, const Text&, Anchor, const Text&) override {}
  void OnSequenceStart(const Mark&, const Text&, Anchor, Style) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const Mark&, const Text&, Anchor, Style) override {}
  void OnMapEnd() override {}
};

// YAML::LoadAll() would tell, but never returns from a text such as ",a" (yaml-cpp 0.7).
bool has_more_documents(const std::string& text) {
  std::istringstream stream(text);
  NoEvents events;
  YAML::Parser parser(stream);
  return parser.HandleNextDocument(events) && parser.HandleNextDocument(events);
}

void require_map(const ConfigNode& node) {
  if (!node.yaml.IsMap()) node.fail_expected("a map of settings");
}

}  // namespace

void ConfigPlace::fail_here(const std::string& message) const {
  const std::string text_with_place = fmt::format("{}: {}", text, message);
  if (is_option) throw UsageError(text_with_place);
  throw Error(text_with_place);
}

ConfigPlace ConfigNode::place() const {
  const int line = yaml.Mark().line;  // from 0; -1 where there is none
  return {source.is_option || line < 0 ? source.name : fmt::format("{}:{}", source.name, line + 1), source.is_option};
}

void ConfigNode::fail_expected(const std::string& expected) const {
  place().fail_here(fmt::format("{}{}expected {}, found {}", path, path.empty() ? "" : ": ", expected, describe(yaml)));
}

ConfigNode parse_yaml(const std::string& text, const ConfigSource& source) {
  try {
    if (!has_more_documents(text)) return {YAML::Load(text), "", source};
  } catch (const YAML::Exception& error) {
    const std::string line = source.is_option || error.mark.line < 0 ? "" : fmt::format(":{}", error.mark.line + 1);
    ConfigPlace{source.name + line, source.is_option}.fail_here(fmt::format("malformed YAML: {}", error.msg));
  }
  ConfigPlace{source.name, source.is_option}.fail_here("expected one YAML document, found more behind it");
}

std::vector<ConfigEntry> entries_of(const ConfigNode& map) {
  require_map(map);
  std::vector<ConfigEntry> entries;
  const std::string prefix = map.path.empty() ? "" : map.path + ".";
  for (const auto& pair : map.yaml) {
    const ConfigNode key{pair.first, map.path, map.source};
    if (!pair.first.IsScalar()) key.fail_expected("a key");
    const std::string& name = pair.first.Scalar();
    for (const ConfigEntry& earlier : entries) {
      if (earlier.key != name) continue;
      key.place().fail_here(fmt::format("{}{}: this key stands twice, first in {}", prefix, name,
                                        earlier.key_place.text));
    }
    entries.push_back({name, {pair.second, prefix + name, map.source}, key.place()});
  }
  return entries;
}

void read_value(const ConfigNode& node, int64_t& value) {
  const std::errc error = parse_number(node.yaml, value);
  if (error == std::errc::invalid_argument) node.fail_expected("a whole number");
  if (error != std::errc{}) node.fail_expected("a whole number that fits in 64 bits");
}

void read_value(const ConfigNode& node, uint64_t& value) {
  int64_t negative = 0;
  const std::errc error = parse_number(node.yaml, value);
  if (error == std::errc::invalid_argument) {
    const bool is_negative = parse_number(node.yaml, negative) != std::errc::invalid_argument;
    node.fail_expected(is_negative ? "a whole number from 0" : "a whole number");
  }
  if (error != std::errc{}) node.fail_expected("a whole number that fits in 64 bits");
}

void read_value(const ConfigNode& node, double& value) {
  const std::errc error = parse_number(node.yaml, value);
  if (error == std::errc::invalid_argument) node.fail_expected("a number");
  if (error != std::errc{} || !std::isfinite(value)) node.fail_expected("a finite number");
}

void read_value(const ConfigNode& node, bool& value) {
  const bool known = is_plain(node.yaml) && (node.yaml.Scalar() == "true" || node.yaml.Scalar() == "false");
  if (!known) node.fail_expected("true or false");
  value = node.yaml.Scalar() == "true";
}

void read_value(const ConfigNode& node, std::string& value) {
  if (!node.yaml.IsScalar()) node.fail_expected("a text");
  value = node.yaml.Scalar();
}

void read_value(const ConfigNode& node, std::vector<std::string>& value) {
  if (!node.yaml.IsSequence()) node.fail_expected("a list of texts, such as [a, b]");
  value.clear();
  for (std::size_t i = 0; i < node.yaml.size(); ++i) {
    read_value(ConfigNode{node.yaml[i], fmt::format("{}[{}]", node.path, i), node.source}, value.emplace_back());
  }
}

std::string resolve_path(const std::string& path, const ConfigSource& source) {
  namespace fs = std::filesystem;
  if (path.empty() || !source.folder || fs::path(path).is_absolute()) return path;
  std::error_code ignored;  // what cannot be looked at is not found
  for (const fs::path& candidate : {fs::path(path), *source.folder / path}) {
    if (fs::exists(candidate, ignored)) return fs::absolute(candidate).lexically_normal().string();
  }
  return path;
}

}  // namespace modr
