#pragma once
// A small tokenizer.json made in the test: the 256 bytes have their own values as ids, "Ġ" is 32 and so on.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "dataset/byte_symbols.hpp"
#include "dataset/tokenizer.hpp"
#include "support/temporary_folder.hpp"

namespace modr {

/// ids: he 256, ll 257, llo 258, hello 259, Ġh 260, Ġhello 261, <s> 262, </s> 263.
inline nlohmann::json small_tokenizer_json() {
  nlohmann::json vocab;
  for (int byte = 0; byte < 256; ++byte) vocab[byte_symbol(static_cast<uint8_t>(byte))] = byte;
  int next = 256;
  for (const char* token : {"he", "ll", "llo", "hello", "Ġh", "Ġhello"}) vocab[token] = next++;
  return {{"version", "1.0"},
          {"added_tokens",
           {{{"id", 262}, {"content", "<s>"}, {"special", true}},
            {{"id", 263}, {"content", "</s>"}, {"special", true}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"h e", "l l", "ll o", "he llo", "Ġ h", "Ġ hello"}}}}};
}

inline Tokenizer load_text(const std::string& text) {
  const TemporaryFolder folder;
  return Tokenizer::load(folder.write("tokenizer.json", text));
}

inline Tokenizer load_json(const nlohmann::json& json) { return load_text(json.dump()); }

/// The pieces that a pre_tokenizer cuts `text` into, as bytes: no merges, and every piece gets a space in front.
inline std::vector<std::string> pieces_of(std::vector<nlohmann::json> steps, const std::string& text) {
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", true}, {"use_regex", false}});
  nlohmann::json json = small_tokenizer_json();
  json["model"]["merges"] = nlohmann::json::array();
  json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
  std::vector<std::string> pieces;
  for (const int32_t id : load_json(json).encode(text, false)) {
    if (id == ' ') {
      pieces.emplace_back();
    } else {
      pieces.back() += static_cast<char>(id);
    }
  }
  return pieces;
}

/// A Split step by a regular expression.
inline nlohmann::json split_step(const std::string& regex, const std::string& behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", behavior}, {"invert", invert}};
}

}  // namespace modr
