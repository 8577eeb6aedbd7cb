#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "dataset/pipeline_json.hpp"
#include "dataset/pipeline_step.hpp"

namespace modr {
namespace {

/// GPT-2's pieces: contractions, words, numbers and signs with one space before them, and runs of white space.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// \w+|[^\w\s]+ as Rust's regex library reads it.
constexpr std::string_view kWhitespacePattern =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|)"
    R"([^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+)";

/// Rust's char::is_numeric, which knows the numbers of Unicode 17, too.
constexpr std::string_view kDigitPattern = R"([\p{N}\x{11DE0}-\x{11DE9}\x{16FF4}-\x{16FF6}])";

/// ASCII's signs and the punctuation of Unicode 8, with which the library's table was made: two signs are something
/// else since, the others came later.
constexpr std::string_view kPunctuationPattern =
    R"([\p{P}$+<=>\^`|~\x{166D}\x{111C9}&&[^)"
    R"(\x{61D}\x{9FD}\x{A76}\x{C77}-\x{C84}\x{1B4E}-\x{1B4F}\x{1B7D}-\x{1B7F}\x{2E43}-\x{2E5D}\x{10D6E})"
    R"(\x{10EAD}\x{10F55}-\x{10F89}\x{113D4}-\x{113D8}\x{1144B}-\x{1145D}\x{11660}-\x{1166C}\x{116B9})"
    R"(\x{1183B}\x{11944}-\x{11946}\x{119E2}\x{11A3F}-\x{11A46}\x{11A9A}-\x{11AA2}\x{11B00}-\x{11B09})"
    R"(\x{11BE1}\x{11C41}-\x{11C71}\x{11EF7}-\x{11EF8}\x{11F43}-\x{11F4F}\x{11FFF}\x{12FF1}-\x{12FF2})"
    R"(\x{16D6D}-\x{16D6F}\x{16E97}-\x{16E9A}\x{16FE2}\x{1E5FF}\x{1E95E}-\x{1E95F})"
    R"(]])";

SplitBehavior read_behavior(const JsonField& field) {
  const std::string& name = field.string();
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  field.fail_here(fmt::format(
      "expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous, found {}", excerpt(name)));
}

Split read_split(const JsonField& step) {
  const SplitBehavior behavior = read_behavior(step.at("behavior"));
  return {read_pattern(step.at("pattern")), behavior, step.boolean("invert", false)};
}

Split read_any_split(const JsonField& step) {
  const std::string& type = type_of(step);
  if (type == "Split") return read_split(step);
  if (type == "Digits") {
    const bool single = step.boolean("individual_digits", false);
    return {OnigurumaRegex(kDigitPattern), single ? SplitBehavior::isolated : SplitBehavior::contiguous, false};
  }
  if (type == "Punctuation") {
    const auto behavior = step.find("behavior");
    return {OnigurumaRegex(kPunctuationPattern), behavior ? read_behavior(*behavior) : SplitBehavior::isolated, false};
  }
  if (type == "Whitespace") return {OnigurumaRegex(kWhitespacePattern), SplitBehavior::removed, true};
  if (type == "WhitespaceSplit") return {OnigurumaRegex("\\s"), SplitBehavior::removed, false};
  unsupported(step,
              "ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit or a Sequence of them");
}

Metaspace read_metaspace(const JsonField& step) {
  Metaspace result{read_character(step.at("replacement")), read_prepend_scheme(step), std::nullopt};
  if (step.boolean("split", true)) {
    result.split = Split{literal_regex(result.replacement), SplitBehavior::merged_with_next, false};
  }
  return result;
}

void add_byte_level(PreTokenizer& result, const JsonField& step) {
  if (step.boolean("add_prefix_space", true)) result.add(PrefixSpace{});
  if (step.boolean("use_regex", true)) {
    result.add(Split{OnigurumaRegex(kGpt2Pattern), SplitBehavior::isolated, false});
  }
}

}  // namespace

ReadPreTokenizer read_pre_tokenizer(const JsonField& document) {
  ReadPreTokenizer result;
  const auto field = document.find("pre_tokenizer");
  if (!field) return result;
  for_each_in_sequence(*field, "pretokenizers", [&](const JsonField& step) {
    if (type_of(step) == "ByteLevel") {
      if (std::exchange(result.byte_level, true)) step.fail_here("a second ByteLevel is not supported");
      return add_byte_level(result.pre_tokenizer, step);
    }
    if (type_of(step) == "Metaspace") {
      if (result.byte_level) step.fail_here("Metaspace behind ByteLevel is not supported");
      return result.pre_tokenizer.add(read_metaspace(step));
    }
    Split split = read_any_split(step);
    split.on_symbols = result.byte_level;
    result.pre_tokenizer.add(std::move(split));
  });
  return result;
}

}  // namespace modr
