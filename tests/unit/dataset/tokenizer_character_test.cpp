// Normalizers, BPE of characters with bytes to fall back to, and their decoders; expectations worked out by hand and
// compared with the Hugging Face tokenizers library.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "dataset/unicode_form.hpp"
#include "tokenizer_support.hpp"

namespace modr {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

const std::string kSpaceSign = "\xE2\x96\x81";  // U+2581

/// As Llama-2's file: <unk> 0, the bytes 3 to 258, then ▁ 259, a 260, b 261, ▁a 262, ab 263, é 264.
json llama_json() {
  json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = byte + 3;
  int next = 259;
  for (const std::string& token : {kSpaceSign, std::string("a"), std::string("b"), kSpaceSign + "a", std::string("ab"),
                                   std::string("\xC3\xA9")})
    vocab[token] = next++;
  const json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceSign}};
  const json unreplace = {{"type", "Replace"}, {"pattern", {{"String", kSpaceSign}}}, {"content", " "}};
  const json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  return {{"added_tokens", {{{"id", 1}, {"content", "<s>"}, {"special", true}}}},
          {"normalizer",
           {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", kSpaceSign}}, replace}}}},
          {"pre_tokenizer", nullptr},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders", {unreplace, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, strip}}}},
          {"model",
           {{"type", "BPE"}, {"vocab", vocab}, {"merges", {kSpaceSign + " a", "a b"}}, {"unk_token", "<unk>"},
            {"fuse_unk", true}, {"byte_fallback", true}}}};
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

TEST(TokenizerOfCharacters, PrependsReplacesAndFallsBackToBytes) {
  const Tokenizer tokenizer = load_json(llama_json());
  EXPECT_EQ(tokenizer.encode("ab a", false), (Ids{262, 261, 262}));
  EXPECT_EQ(tokenizer.encode("\xC3\xA9\n", false), (Ids{259, 264, 3 + '\n'}));
  EXPECT_EQ(tokenizer.encode("a<s>a", false), (Ids{262, 1, 262}));  // every part gets its own sign
  EXPECT_EQ(tokenizer.encode("", false), (Ids{}));
  EXPECT_EQ(tokenizer.encode("a\xFF", false), (Ids{262, 3 + 0xFF}));
}

TEST(TokenizerOfCharacters, DecodesBytesTogether) {
  const Tokenizer tokenizer = load_json(llama_json());
  const std::string bad = "\xEF\xBF\xBD";
  const std::vector<std::pair<Ids, std::string>> cases = {
      {{262, 261, 262}, "ab a"},
      {{259, 259, 260}, " a"},
      {{3 + 0xC3, 3 + 0xA9, 260}, "\xC3\xA9" "a"},
      {{3 + 'x', 3 + 0xC3, 260}, bad + bad + "a"},        // not UTF-8 together: each
      {{3 + 0xC3, 1, 3 + 0xA9}, bad + "<s>" + bad},
      {{}, ""}};
  for (const auto& [ids, text] : cases) {
    EXPECT_EQ(tokenizer.decode(ids), text);
    EXPECT_EQ(streamed(tokenizer, ids), text);
  }
  EXPECT_EQ(tokenizer.decode_bytes(Ids{260, 3 + 0xC3, 260}), "a\xC3" "a");
}

TEST(TokenizerOfCharacters, AStreamHoldsBackBytesThatMayTurnOutWrong) {
  StreamDecoder stream(load_json(llama_json()));
  EXPECT_EQ(stream.push(262), "a");
  EXPECT_EQ(stream.push(3 + 'x'), "");
  EXPECT_EQ(stream.push(260), "xa");
  EXPECT_EQ(stream.push(3 + 0xC3), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.push(262), "a");  // a new text: its first space is left out again
}

TEST(TokenizerOfCharacters, MetaspacePrependsWhereItIsTold) {
  json j = llama_json();
  j["normalizer"] = nullptr;
  const auto ids = [&](const char* scheme, bool split) {
    j["pre_tokenizer"] = {
        {"type", "Metaspace"}, {"replacement", kSpaceSign}, {"prepend_scheme", scheme}, {"split", split}};
    return load_json(j).encode("a<s>a b", false);
  };
  EXPECT_EQ(ids("first", false), (Ids{262, 1, 260, 259, 261}));
  EXPECT_EQ(ids("always", false), (Ids{262, 1, 262, 259, 261}));
  EXPECT_EQ(ids("never", true), (Ids{260, 1, 260, 259, 261}));
  j["decoder"] = {{"type", "Metaspace"}, {"replacement", kSpaceSign}, {"prepend_scheme", "always"}};
  EXPECT_EQ(load_json(j).decode(Ids{262, 262}), "a a");
  j["decoder"]["prepend_scheme"] = "never";
  EXPECT_EQ(load_json(j).decode(Ids{262, 262}), " a a");
}

TEST(TokenizerOfCharacters, WithoutADecoderTokensAreJoinedWithSpaces) {
  json j = llama_json();
  j["decoder"] = nullptr;
  EXPECT_EQ(load_json(j).decode(Ids{260, 3 + 'x', 261}), "a <0x78> b");
}

TEST(TokenizerOfCharacters, StepsBehindFuseSeeOneToken) {
  json j = llama_json();
  const json strip = {{"type", "Strip"}, {"content", "a"}, {"start", 2}, {"stop", 1}};
  j["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "Fuse"}}, strip}}};
  EXPECT_EQ(streamed(load_json(j), Ids{260, 260, 260, 261, 260, 261, 260}), "abab");
  const json replace = {{"type", "Replace"}, {"pattern", {{"Regex", "ab+"}}}, {"content", "_"}};
  j["decoder"]["decoders"] = {{{"type", "Fuse"}}, replace};
  EXPECT_EQ(streamed(load_json(j), Ids{260, 261, 261, 260}), "_a");
  j["decoder"]["decoders"] = {replace, {{"type", "Fuse"}}};
  EXPECT_EQ(streamed(load_json(j), Ids{260, 261, 263}), "ab_");
}

TEST(TokenizerOfCharacters, AddedTokensAreNormalizedLikeTheText) {
  json j = llama_json();
  j["added_tokens"].push_back({{"id", 300}, {"content", "b b"}, {"normalized", true}});
  EXPECT_EQ(load_json(j).encode("b b", false), (Ids{300}));
  EXPECT_EQ(load_json(j).encode("ab b", false), (Ids{262, 261, 259, 261}));  // only behind a space
  EXPECT_EQ(load_json(j).decode(Ids{260, 300}), "a b b");
  EXPECT_EQ(load_json(j).token_id("b b"), 300);
}

TEST(TokenizerOfCharacters, ReplacementsThatGrowWithoutEndAreStopped) {
  json j = llama_json();
  const json longer = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1000, 'a')}};
  const json steps(10, longer);
  j["normalizer"]["normalizers"] = steps;
  EXPECT_THROW(load_json(j).encode("a", false), Error);
  j["normalizer"] = nullptr;
  j["decoder"]["decoders"] = steps;
  EXPECT_THROW(load_json(j).decode(Ids{260}), Error);
}

TEST(UnicodeForm, IsThatOfUnicode9) {
  const auto form = [](UnicodeForm::Name name, std::string_view text) { return UnicodeForm(name).normalized(text); };
  const std::string e_acute = "\xC3\xA9", e_and_acute = "e\xCC\x81";
  EXPECT_EQ(form(UnicodeForm::Name::nfc, e_and_acute), e_acute);
  EXPECT_EQ(form(UnicodeForm::Name::nfd, e_acute), e_and_acute);
  EXPECT_EQ(form(UnicodeForm::Name::nfkc, "\xEF\xAC\x81 \xE2\x85\xA3" + e_and_acute), "fi IV" + e_acute);
  EXPECT_EQ(form(UnicodeForm::Name::nfkd, "\xEF\xBC\xA1" + e_acute), "A" + e_and_acute);
  EXPECT_EQ(form(UnicodeForm::Name::nfc, "abc"), "abc");
  // U+11935 U+11930 compose to U+11938 since Unicode 13.
  const std::string later = "\xF0\x91\xA4\xB5\xF0\x91\xA4\xB0";
  EXPECT_EQ(form(UnicodeForm::Name::nfc, later), later);
  // U+1DF6 (class 232, Unicode 10) before U+0323 (class 220) would change places with it.
  const std::string marks = "x\xE1\xB7\xB6\xCC\xA3";
  EXPECT_EQ(form(UnicodeForm::Name::nfd, marks), marks);
  EXPECT_EQ(form(UnicodeForm::Name::nfd, "x\xCC\x81\xCC\xA3"), "x\xCC\xA3\xCC\x81");
}

TEST(TokenizerNormalizer, CutsNormalizedTokensOutOfNormalizedText) {
  json j = small_tokenizer_json();
  j["normalizer"] = {{"type", "NFC"}};
  j["added_tokens"].push_back({{"id", 264}, {"content", "e\xCC\x81"}, {"normalized", true}});
  j["added_tokens"].push_back({{"id", 265}, {"content", "o\xCC\x81"}, {"normalized", false}});
  const Tokenizer tokenizer = load_json(j);
  EXPECT_EQ(tokenizer.encode("xe\xCC\x81\xC3\xA9", false), (Ids{'x', 264, 264}));
  EXPECT_EQ(tokenizer.encode("o\xCC\x81\xC3\xB3", false), (Ids{265, 0xC3, 0xB3}));
  EXPECT_EQ(tokenizer.encode("a\xCC\x81", false), (Ids{0xC3, 0xA1}));
}

}  // namespace
}  // namespace modr
