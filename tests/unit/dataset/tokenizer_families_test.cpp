// Fifteen families of real tokenizers against results of the official Hugging Face tokenizers library: every file of
// ../shared/tokenizers, whose README says where they come from.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataset/tokenizer.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Ids = std::vector<int32_t>;

class TokenizerFamily : public testing::TestWithParam<const char*> {
 protected:
  static fs::path shared() { return fs::path(MODR_SHARED_DIR); }
  static fs::path folder() { return shared() / "tokenizers" / GetParam(); }

  static Tokenizer load() {
    const bool huginn = GetParam() == std::string("huginn");
    return Tokenizer::load((huginn ? shared() / "data" / "tokenizer" : folder()) / "tokenizer.json");
  }
};

json read(const fs::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

/// Number of cases (encoded, decoded) that differ from the library in anything.
struct Differing {
  const Tokenizer& tokenizer;
  int encoded = 0, decoded = 0;

  void encode(const json& c) {
    const std::string text = c["text"];
    const bool equal = tokenizer.encode(text, false) == c["ids"].get<Ids>() &&
                       tokenizer.encode(text, true) == c["ids_with_special"].get<Ids>();
    if (!equal) ADD_FAILURE() << "encoded otherwise: " << c["category"] << ": " << c["text"].dump(-1, ' ', true);
    encoded += !equal;
  }
  void decode(const json& c) {
    const Ids ids = c["ids"];
    const std::string text = c["decoded"], without_special = c["decoded_skip_special"];
    const bool equal = tokenizer.decode(ids) == text && streamed(tokenizer, ids) == text &&
                       tokenizer.decode(ids, true) == without_special;
    if (!equal) ADD_FAILURE() << "decoded otherwise: " << c["ids"] << ": " << c["decoded"].dump(-1, ' ', true);
    decoded += !equal;
  }
};

TEST_P(TokenizerFamily, IsTheLibrarys) {
  if (!fs::exists(folder() / "cases.json")) GTEST_SKIP() << folder() << " is not here";
  const Tokenizer tokenizer = load();
  const json texts = read(folder() / "cases.json"), only_ids = read(folder() / "decode_cases.json");
  ASSERT_GE(texts.size(), 160u);
  ASSERT_GE(only_ids.size(), 13u);
  Differing differing{tokenizer};
  for (const json& c : texts) differing.encode(c), differing.decode(c);
  for (const json& c : only_ids) differing.decode(c);
  const std::size_t decoded = texts.size() + only_ids.size();
  std::cout << GetParam() << ": of " << texts.size() << " texts " << differing.encoded << " have other ids, of "
            << decoded << " lists of ids " << differing.decoded << " have another text\n";
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerFamily,
                         testing::Values("deepseek_v3", "gpt2", "gpt_neox", "huginn", "kimi", "llama2", "llama3",
                                         "mistral", "o200k", "olmo2", "phi4", "qwen2", "qwen3_5", "smollm2", "tekken"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace modr
