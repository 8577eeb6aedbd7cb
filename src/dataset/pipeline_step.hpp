#pragma once
// What the readers of normalizer, pre_tokenizer, post_processor and decoder share.
#include <string>
#include <string_view>

#include "dataset/json_field.hpp"
#include "dataset/normalizer.hpp"
#include "dataset/oniguruma_regex.hpp"
#include "dataset/pre_tokenizer.hpp"

namespace modr {

/// The kind of a step.
const std::string& type_of(const JsonField& step);

/// Throws Error: the step's type is not supported, `expected` would be.
[[noreturn]] void unsupported(const JsonField& step, std::string_view expected);

/// Calls `visit` for a step, or for each element of a Sequence whose elements stand under `list`.
template <typename Visit>
void for_each_in_sequence(const JsonField& field, const char* list, Visit&& visit, int depth = 0) {
  constexpr int kMaxDepth = 16;
  if (type_of(field) != "Sequence") return visit(field);
  if (depth == kMaxDepth) field.fail_here("Sequences are nested too deep");
  const JsonField elements = field.at(list);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    for_each_in_sequence(elements.element(i), list, visit, depth + 1);
  }
}

/// {"String": ...} or {"Regex": ...}.
OnigurumaRegex read_pattern(const JsonField& pattern);

/// Finds `text` itself.
OnigurumaRegex literal_regex(std::string_view text);

/// A string of one character.
const std::string& read_character(const JsonField& field);

/// The type Replace, of normalizers and decoders.
Replace read_replace(const JsonField& step);

/// Where a Metaspace puts its sign in front.
Metaspace::Prepend read_prepend_scheme(const JsonField& step);

}  // namespace modr
