// What tokenizer.json files of the wild contain, each in a small file; expectations worked out by hand or taken from
// the Hugging Face tokenizers library.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tokenizer_support.hpp"

namespace modr {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;
using Pieces = std::vector<std::string>;

TEST(TokenizerJson, MergesWithinGpt2Pieces) {
  const Tokenizer tokenizer = load_json(small_tokenizer_json());
  EXPECT_EQ(tokenizer.encode("hello hello", true), (Ids{259, 261}));
  EXPECT_EQ(tokenizer.encode("hell<s>o", false), (Ids{256, 257, 262, 'o'}));
  EXPECT_EQ(tokenizer.vocab_size(), 264);
  EXPECT_EQ(tokenizer.token(261), "Ġhello");
  EXPECT_EQ(tokenizer.token_id("Ġ"), ' ');
  EXPECT_EQ(tokenizer.token_id("Ċ"), '\n');
  EXPECT_EQ(tokenizer.decode(Ids{261, 262, 263}), " hello<s></s>");
  EXPECT_EQ(tokenizer.decode(Ids{261, 262, 263}, true), " hello");
}

TEST(TokenizerJson, MergesAsPairs) {
  json pairs = small_tokenizer_json();
  for (json& merge : pairs["model"]["merges"]) {
    const std::string text = merge;
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  EXPECT_EQ(load_json(pairs).encode("hello hello", false), (Ids{259, 261}));
}

TEST(TokenizerJson, IgnoreMerges) {
  json j = small_tokenizer_json();
  j["model"]["merges"] = json::array();
  j["model"]["ignore_merges"] = true;
  EXPECT_EQ(load_json(j).encode("hello hell", false), (Ids{259, ' ', 'h', 'e', 'l', 'l'}));
}

TEST(TokenizerJson, AddPrefixSpace) {
  json j = small_tokenizer_json();
  j["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_EQ(load_json(j).encode("hello<s>hello", false), (Ids{261, 262, 261}));
  EXPECT_EQ(load_json(j).encode("", false), (Ids{}));
}

TEST(TokenizerJson, WhatAddedTokensTakeAlong) {
  json j = small_tokenizer_json();
  auto& added = j["added_tokens"];
  added.push_back({{"id", 264}, {"content", "[L]"}, {"lstrip", true}});
  added.push_back({{"id", 265}, {"content", "[R]"}, {"rstrip", true}});
  added.push_back({{"id", 266}, {"content", "one"}, {"single_word", true}});
  added.push_back({{"id", 267}, {"content", "<s><s>"}, {"special", true}});
  added.push_back({{"id", 268}, {"content", "s><"}, {"normalized", true}});
  const Tokenizer tokenizer = load_json(j);
  EXPECT_EQ(tokenizer.encode("a \xE3\x80\x80[L] b", false), (Ids{'a', 264, ' ', 'b'}));
  EXPECT_EQ(tokenizer.encode("a [R]\n\tb", false), (Ids{'a', ' ', 265, 'b'}));
  EXPECT_EQ(tokenizer.encode("[R]  [L]", false), (Ids{265, 264}));
  EXPECT_EQ(tokenizer.encode("one", false), (Ids{266}));
  EXPECT_EQ(tokenizer.encode("\xC3\xA9one", false), (Ids{0xC3, 0xA9, 'o', 'n', 'e'}));
  EXPECT_EQ(tokenizer.encode("ones.one", false), (Ids{'o', 'n', 'e', 's', '.', 266}));
  EXPECT_EQ(tokenizer.encode("<s><s><s>", false), (Ids{267, 262}));    // the longest
  EXPECT_EQ(tokenizer.encode("xs><s>", false), (Ids{'x', 's', '>', 262}));  // "s><" only in what others leave
  EXPECT_EQ(tokenizer.encode("s><x", false), (Ids{268, 'x'}));
  EXPECT_EQ(tokenizer.decode(Ids{264, 262}, true), "[L]");  // not special
}

TEST(TokenizerJson, PostProcessors) {
  json j = small_tokenizer_json();
  const json sequence = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const auto special = [](const char* name) { return json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; };
  const json ids = {{"<s>", {{"id", "<s>"}, {"ids", {262}}}}, {"</s>", {{"id", "</s>"}, {"ids", {263, 263}}}}};
  const json bos = {{"type", "TemplateProcessing"}, {"single", {special("<s>"), sequence, special("</s>")}},
                    {"special_tokens", ids}};
  j["post_processor"] = bos;
  EXPECT_EQ(load_json(j).encode("he", true), (Ids{262, 256, 263, 263}));
  EXPECT_EQ(load_json(j).encode("he", false), (Ids{256}));
  j["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, bos}}};
  EXPECT_EQ(load_json(j).encode("", true), (Ids{262, 263, 263}));
  j["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"<s>", 262}}, {"sep", {"</s>", 263}}};
  EXPECT_EQ(load_json(j).encode("he", true), (Ids{262, 256, 263}));
}

TEST(TokenizerJson, SplitBehaviors) {
  const std::string text = "-a--b-";
  EXPECT_EQ(pieces_of({split_step("-", "Removed")}, text), (Pieces{"a", "b"}));
  EXPECT_EQ(pieces_of({split_step("-", "Removed", true)}, text), (Pieces{"-", "-", "-", "-"}));
  EXPECT_EQ(pieces_of({split_step("-", "Isolated")}, text), (Pieces{"-", "a", "-", "-", "b", "-"}));
  EXPECT_EQ(pieces_of({split_step("-", "Contiguous")}, text), (Pieces{"-", "a", "--", "b", "-"}));
  EXPECT_EQ(pieces_of({split_step("-", "MergedWithPrevious")}, text), (Pieces{"-", "a-", "-", "b-"}));
  EXPECT_EQ(pieces_of({split_step("-", "MergedWithNext")}, text), (Pieces{"-a", "-", "-b", "-"}));
  const json literal = {{"type", "Split"}, {"pattern", {{"String", "."}}}, {"behavior", "Isolated"}};
  EXPECT_EQ(pieces_of({literal}, "a.b"), (Pieces{"a", ".", "b"}));
}

TEST(TokenizerJson, OtherPreTokenizers) {
  const auto step = [](const char* type, const char* option, const json& value) {
    return json{{"type", type}, {option, value}};
  };
  const std::string half = "\xC2\xBD";
  EXPECT_EQ(pieces_of({step("Digits", "individual_digits", true)}, "a12" + half), (Pieces{"a", "1", "2", half}));
  EXPECT_EQ(pieces_of({step("Digits", "individual_digits", false)}, "a12b"), (Pieces{"a", "12", "b"}));
  EXPECT_EQ(pieces_of({step("Punctuation", "behavior", "Contiguous")}, "a+!b"), (Pieces{"a", "+!", "b"}));
  EXPECT_EQ(pieces_of({step("Punctuation", "behavior", nullptr)}, "a+!b"), (Pieces{"a", "+", "!", "b"}));
  // U+16FF4 is a number of Unicode 17, which Rust's standard library knows; U+061D came behind Unicode 8's punctuation.
  const std::string number = "\xF0\x96\xBF\xB4", late = "\xD8\x9D";
  EXPECT_EQ(pieces_of({step("Digits", "individual_digits", true)}, "a" + number + "b"), (Pieces{"a", number, "b"}));
  EXPECT_EQ(pieces_of({step("Punctuation", "behavior", nullptr)}, "a" + late + "."), (Pieces{"a" + late, "."}));
  EXPECT_EQ(pieces_of({step("Whitespace", "", nullptr)}, "a_1, b"), (Pieces{"a_1", ",", "b"}));
  EXPECT_EQ(pieces_of({step("WhitespaceSplit", "", nullptr)}, "a_1,\n b"), (Pieces{"a_1,", "b"}));
}

TEST(TokenizerJson, ASplitBehindByteLevelSeesSymbols) {
  json j = small_tokenizer_json();
  j["pre_tokenizer"] = {{"type", "Sequence"},
                        {"pretokenizers",
                         {{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}},
                          split_step("Ġ|e", "Isolated")}}};
  // As in Falcon's file. The space that became "Ġ" is cut off, and so is every "e".
  EXPECT_EQ(load_json(j).encode("hello hello", false), (Ids{'h', 'e', 258, ' ', 'h', 'e', 258}));
}

TEST(TokenizerJson, IllFormedTextIsKeptBesideTokens) {
  const Tokenizer tokenizer = load_json(small_tokenizer_json());
  EXPECT_EQ(tokenizer.encode("hello\xFF\xE2\x82<s>\x80", false), (Ids{259, 0xFF, 0xE2, 0x82, 262, 0x80}));
}

TEST(TokenizerJson, RolesFromTheConfigBesideIt) {
  const TemporaryFolder folder;
  const auto path = folder.write("tokenizer.json", small_tokenizer_json().dump());
  EXPECT_EQ(Tokenizer::load(path).bos_id(), 262);  // "<s>" is a well-known name
  EXPECT_EQ(Tokenizer::load(path).pad_id(), 263);  // no padding token: the end of text
  folder.write("tokenizer_config.json", R"({"bos_token": null, "eos_token": {"content": "hello"}, "pad_token": "he"})");
  EXPECT_EQ(Tokenizer::load(path).eos_id(), 259);
  EXPECT_EQ(Tokenizer::load(path).pad_id(), 256);
  EXPECT_EQ(Tokenizer::load(path).end_turn_id(), 259);
}

TEST(TokenizerJson, ARoleThatNobodyHasIsAnError) {
  json j = small_tokenizer_json();
  j["added_tokens"] = json::array();
  const Tokenizer tokenizer = load_json(j);
  EXPECT_FALSE(tokenizer.has_bos());
  EXPECT_THROW(tokenizer.bos_id(), Error);
  EXPECT_THROW(tokenizer.pad_id(), Error);
}

TEST(TokenizerJson, ATokenOutsideTheByteMapIsItsOwnText) {
  json j = small_tokenizer_json();
  j["added_tokens"].push_back({{"id", 300}, {"content", "<\xEF\xBD\x9C" "end of\xE2\x96\x81" "it>"}});
  const Tokenizer tokenizer = load_json(j);
  EXPECT_EQ(tokenizer.vocab_size(), 301);
  EXPECT_EQ(tokenizer.decode(Ids{300, 290}), "<\xEF\xBD\x9C" "end of\xE2\x96\x81" "it>");
}

}  // namespace
}  // namespace modr
