#include "dataset/pipeline_step.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

/// What `make` makes; its errors name the field.
template <typename Make>
OnigurumaRegex at_field(const JsonField& field, Make&& make) {
  try {
    return make();
  } catch (const Error& error) {
    field.fail_here(error.what());
  }
}

}  // namespace

const std::string& type_of(const JsonField& step) { return step.at("type").string(); }

void unsupported(const JsonField& step, std::string_view expected) {
  step.fail_here(fmt::format("type {} is not supported, expected {}", excerpt(type_of(step)), expected));
}

OnigurumaRegex read_pattern(const JsonField& pattern) {
  if (const auto literal = pattern.find("String")) {
    if (literal->string().empty()) literal->fail_here("is empty");
    return at_field(*literal, [&] { return literal_regex(literal->string()); });
  }
  const JsonField regex = pattern.at("Regex");
  return at_field(regex, [&] { return OnigurumaRegex(regex.string()); });
}

OnigurumaRegex literal_regex(std::string_view text) { return OnigurumaRegex(literal_pattern(text)); }

const std::string& read_character(const JsonField& field) {
  const std::string& text = field.string();
  if (text.empty() || decode_utf8(text).length != text.size()) field.fail_here("expected a single character");
  return text;
}

Replace read_replace(const JsonField& step) { return {read_pattern(step.at("pattern")), step.at("content").string()}; }

Metaspace::Prepend read_prepend_scheme(const JsonField& step) {
  const auto field = step.find("prepend_scheme");
  const std::string scheme = field ? field->string() : "always";
  if (scheme != "never" && !step.boolean("add_prefix_space", true)) {
    step.fail_here("add_prefix_space is false, expected prepend_scheme never with it");
  }
  if (scheme == "always") return Metaspace::Prepend::always;
  if (scheme == "first") return Metaspace::Prepend::first;
  if (scheme != "never") field->fail_here(fmt::format("expected first, always or never, found {}", excerpt(scheme)));
  return Metaspace::Prepend::never;
}

}  // namespace modr
