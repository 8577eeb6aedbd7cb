#include "dataset/pipeline_json.hpp"

#include <fmt/format.h>

#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "dataset/oniguruma_pattern.hpp"

namespace modr {
namespace {

constexpr int kMaxDepth = 16;

/// GPT-2's pieces: contractions, words, numbers and signs with one space before them, and runs of white space.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// \w+|[^\w\s]+ as Rust's regex library reads it, in PCRE2's words.
constexpr const char* kWhitespacePattern =
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]+|"
    "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}\\p{White_Space}]+";

const std::string& type_of(const JsonField& field) { return field.at("type").string(); }

[[noreturn]] void unsupported(const JsonField& field, std::string_view expected) {
  field.fail_here(fmt::format("type {} is not supported, expected {}", excerpt(type_of(field)), expected));
}

/// Calls `visit` for a field, or for each element of a Sequence whose elements stand under `list`.
template <typename Visit>
void for_each_in_sequence(const JsonField& field, const char* list, Visit&& visit, int depth = 0) {
  if (type_of(field) != "Sequence") return visit(field);
  if (depth == kMaxDepth) field.fail_here("Sequences are nested too deep");
  const JsonField elements = field.at(list);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    for_each_in_sequence(elements.element(i), list, visit, depth + 1);
  }
}

std::string escape_literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    const bool sign = static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c));
    if (sign) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

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

Regex compile(const JsonField& field, std::string_view pattern) {
  try {
    return Regex(oniguruma_to_pcre2(pattern));
  } catch (const Error& error) {
    field.fail_here(error.what());
  }
}

Split read_split(const JsonField& step) {
  const JsonField pattern = step.at("pattern");
  const SplitBehavior behavior = read_behavior(step.at("behavior"));
  const bool invert = step.boolean("invert", false);
  if (const auto literal = pattern.find("String")) {
    if (literal->string().empty()) literal->fail_here("is empty");
    return {Regex(escape_literal(literal->string())), behavior, invert};
  }
  const JsonField regex = pattern.at("Regex");
  return {compile(regex, regex.string()), behavior, invert};
}

Split read_pre_tokenizer_split(const JsonField& step) {
  const std::string& type = type_of(step);
  if (type == "Split") return read_split(step);
  if (type == "Digits") {
    const bool single = step.boolean("individual_digits", false);
    return {Regex("\\p{N}"), single ? SplitBehavior::isolated : SplitBehavior::contiguous, false};
  }
  if (type == "Punctuation") {
    const auto behavior = step.find("behavior");
    return {Regex("[\\p{P}$+<=>\\^`|~]"), behavior ? read_behavior(*behavior) : SplitBehavior::isolated, false};
  }
  if (type == "Whitespace") return {Regex(kWhitespacePattern), SplitBehavior::removed, true};
  if (type == "WhitespaceSplit") return {Regex("\\p{White_Space}"), SplitBehavior::removed, false};
  unsupported(step, "ByteLevel, Split, Digits, Punctuation, Whitespace or a Sequence of them");
}

std::vector<int32_t> ids_of_special(const JsonField& processor, const JsonField& piece, const TokenList& tokens) {
  const std::string& name = piece.at("id").string();
  const auto special = processor.at("special_tokens").find(name.c_str());
  if (!special) piece.at("id").fail_here(fmt::format("{} is not among special_tokens", excerpt(name)));
  const JsonField list = special->at("ids");
  std::vector<int32_t> ids;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const int64_t id = list.element(i).integer(0, TokenList::kMaxId);
    if (tokens.token(id) == nullptr) list.element(i).fail_here(fmt::format("no token has the id {}", id));
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

SequenceFrame read_template(const JsonField& processor, const TokenList& tokens) {
  SequenceFrame frame;
  bool behind = false;
  const JsonField pieces = processor.at("single");
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const JsonField piece = pieces.element(i);
    if (piece.find("Sequence")) {
      if (behind) piece.fail_here("the sequence stands twice in the template");
      behind = true;
    } else {
      auto& side = behind ? frame.suffix : frame.prefix;
      const auto ids = ids_of_special(processor, piece.at("SpecialToken"), tokens);
      side.insert(side.end(), ids.begin(), ids.end());
    }
  }
  if (!behind) pieces.fail_here("the template has no Sequence");
  return frame;
}

/// The id in RoBERTa's ["<s>", 0].
int32_t read_token_and_id(const JsonField& field, const TokenList& tokens) {
  if (field.size() != 2) field.fail_here("expected [token, id]");
  const int64_t id = field.element(1).integer(0, TokenList::kMaxId);
  if (tokens.token(id) == nullptr) field.fail_here(fmt::format("no token has the id {}", id));
  return static_cast<int32_t>(id);
}

}  // namespace

void refuse_normalizer(const JsonField& document) {
  const auto normalizer = document.find("normalizer");
  if (!normalizer) return;
  for_each_in_sequence(*normalizer, "normalizers", [](const JsonField& step) { unsupported(step, "no normalizer"); });
}

void refuse_other_decoders(const JsonField& document) {
  const auto decoder = document.find("decoder");
  if (!decoder) return;
  for_each_in_sequence(*decoder, "decoders", [](const JsonField& step) {
    if (type_of(step) != "ByteLevel") unsupported(step, "ByteLevel");
  });
}

PreTokenizer read_pre_tokenizer(const JsonField& document) {
  PreTokenizer result;
  bool byte_level = false;
  const JsonField field = document.at("pre_tokenizer");
  for_each_in_sequence(field, "pretokenizers", [&](const JsonField& step) {
    if (type_of(step) != "ByteLevel") {
      result.add({.split = read_pre_tokenizer_split(step), .on_symbols = byte_level});
      return;
    }
    if (std::exchange(byte_level, true)) step.fail_here("a second ByteLevel is not supported");
    PreTokenizerStep byte_level_step{.add_prefix_space = step.boolean("add_prefix_space", true)};
    if (step.boolean("use_regex", true)) {
      byte_level_step.split = Split{compile(step, kGpt2Pattern), SplitBehavior::isolated, false};
    }
    result.add(std::move(byte_level_step));
  });
  if (!byte_level) field.fail_here("has no ByteLevel step; only byte-level BPE is supported");
  return result;
}

SequenceFrame read_post_processor(const JsonField& document, const TokenList& tokens) {
  SequenceFrame frame;
  const auto field = document.find("post_processor");
  if (!field) return frame;
  for_each_in_sequence(*field, "processors", [&](const JsonField& processor) {
    const std::string& type = type_of(processor);
    if (type == "ByteLevel") return;  // changes offsets only
    SequenceFrame outer;
    if (type == "TemplateProcessing") {
      outer = read_template(processor, tokens);
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
      outer = {{read_token_and_id(processor.at("cls"), tokens)}, {read_token_and_id(processor.at("sep"), tokens)}};
    } else {
      unsupported(processor, "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or a Sequence of them");
    }
    frame.prefix.insert(frame.prefix.begin(), outer.prefix.begin(), outer.prefix.end());
    frame.suffix.insert(frame.suffix.end(), outer.suffix.begin(), outer.suffix.end());
  });
  return frame;
}

}  // namespace modr
