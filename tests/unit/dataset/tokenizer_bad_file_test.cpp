// Every kind of malformed or unsupported tokenizer.json is refused with one line that names file and field.
#include <gtest/gtest.h>

#include <string>

#include "tokenizer_support.hpp"

namespace modr {
namespace {

using nlohmann::json;

/// The message that loading throws, from the file's name on.
std::string refusal(const std::string& text) {
  try {
    load_text(text);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    const std::size_t name = message.find("tokenizer.json:");
    return name == std::string::npos ? message : message.substr(name);
  }
  return "accepted";
}

/// The same for the small file with one place changed.
std::string refusal_with(const char* pointer, const json& value) {
  json j = small_tokenizer_json();
  j[json::json_pointer(pointer)] = value;
  return refusal(j.dump());
}

struct BadField {
  const char* pointer;
  json value;
  const char* message;

  // The name of the test; without it GoogleTest prints the bytes.
  friend void PrintTo(const BadField& field, std::ostream* out) { *out << field.pointer; }
};

class TokenizerBadField : public testing::TestWithParam<BadField> {};

TEST_P(TokenizerBadField, IsNamed) {
  const auto& [pointer, value, message] = GetParam();
  EXPECT_EQ(refusal_with(pointer, value), std::string("tokenizer.json: ") + message);
}

INSTANTIATE_TEST_SUITE_P(
    Model, TokenizerBadField,
    testing::Values(
        BadField{"/model", 3, "model: expected an object, found '3'"},
        BadField{"/model/type", "Unigram", "model.type: 'Unigram' is not supported, expected 'BPE'"},
        BadField{"/model/type", 1, "model.type: expected a string, found '1'"},
        BadField{"/model/dropout", 0.1, "model.dropout: is not supported, expected null"},
        BadField{"/model/continuing_subword_prefix", "##",
                 "model.continuing_subword_prefix: is not supported, expected null"},
        BadField{"/model/end_of_word_suffix", "</w>",
                 "model.end_of_word_suffix: is not supported, expected null"},
        BadField{"/model/unk_token", "<unk>", "model.unk_token: token '<unk>' is not in model.vocab"},
        BadField{"/model/ignore_merges", "yes", "model.ignore_merges: expected true or false, found '\"yes\"'"},
        BadField{"/model/vocab", json::array(), "model.vocab: expected an object, found 'array'"},
        BadField{"/model/vocab", json::object(), "model.vocab: has no tokens"},
        BadField{"/model/vocab", {{"▁the", 0}}, "model.merges[0]: token 'h' is not in model.vocab"},
        BadField{"/model/vocab/he", 257, "model.vocab: tokens 'he' and 'll' have the same id 257"},
        BadField{"/model/vocab/he", -1, "model.vocab: token 'he': expected an id from 0 to 16777215, found '-1'"},
        BadField{"/model/vocab/he", int64_t{1} << 60,
                 "model.vocab: token 'he': expected an id from 0 to 16777215, found '1152921504606846976'"},
        BadField{"/model/vocab/he", 1.5, "model.vocab: token 'he': expected an id from 0 to 16777215, found '1.5'"},
        BadField{"/model/merges", "h e", "model.merges: expected an array, found '\"h e\"'"},
        BadField{"/model/merges/1", "l zz", "model.merges[1]: token 'zz' is not in model.vocab"},
        BadField{"/model/merges/1", "h l", "model.merges[1]: token 'hl' is not in model.vocab"},
        BadField{"/model/merges/1", "ll", "model.merges[1]: expected two tokens, \"a b\" or [\"a\", \"b\"]"},
        BadField{"/model/merges/1", "l l l", "model.merges[1]: expected two tokens, \"a b\" or [\"a\", \"b\"]"},
        BadField{"/model/merges/1", {"l"}, "model.merges[1]: expected two tokens, \"a b\" or [\"a\", \"b\"]"},
        BadField{"/model/merges/1", {"l", 1}, "model.merges[1][1]: expected a string, found '1'"}));

INSTANTIATE_TEST_SUITE_P(
    Pipeline, TokenizerBadField,
    testing::Values(
        BadField{"/normalizer", "NFC", "normalizer: expected an object, found '\"NFC\"'"},
        BadField{"/normalizer",
                 {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "Lowercase"}}}}},
                 "normalizer.normalizers[1]: type 'Lowercase' is not supported, expected NFC, NFD, NFKC, NFKD, "
                 "Prepend, Replace or a Sequence of them"},
        BadField{"/normalizer", {{"type", "Prepend"}}, "normalizer: 'prepend' is missing"},
        BadField{"/normalizer", {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", "_"}},
                 "normalizer.pattern.String: is empty"},
        BadField{"/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "a("}}}, {"content", "_"}},
                 "normalizer.pattern.Regex: regular expression, byte 2: ')' is missing"},
        BadField{"/normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}},
                 "normalizer: 'content' is missing"},
        BadField{"/pre_tokenizer", {{"type", "BertPreTokenizer"}},
                 "pre_tokenizer: type 'BertPreTokenizer' is not supported, expected ByteLevel, Metaspace, Split, "
                 "Digits, Punctuation, Whitespace, WhitespaceSplit or a Sequence of them"},
        BadField{"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "__"}},
                 "pre_tokenizer.replacement: expected a single character"},
        BadField{"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "last"}},
                 "pre_tokenizer.prepend_scheme: expected first, always or never, found 'last'"},
        BadField{"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"add_prefix_space", false}},
                 "pre_tokenizer: add_prefix_space is false, expected prepend_scheme never with it"},
        BadField{"/pre_tokenizer", 1, "pre_tokenizer: expected an object, found '1'"},
        BadField{"/pre_tokenizer", {{"type", "Sequence"}}, "pre_tokenizer: 'pretokenizers' is missing"},
        BadField{"/pre_tokenizer", split_step("a", "Glued"),
                 "pre_tokenizer.behavior: expected Removed, Isolated, MergedWithPrevious, MergedWithNext or "
                 "Contiguous, found 'Glued'"},
        BadField{"/pre_tokenizer/use_regex", 1, "pre_tokenizer.use_regex: expected true or false, found '1'"},
        BadField{"/decoder", {{"type", "WordPiece"}},
                 "decoder: type 'WordPiece' is not supported, expected ByteLevel, ByteFallback, Fuse, Replace, Strip, "
                 "Metaspace or a Sequence of them"},
        BadField{"/decoder", {{"type", "Strip"}, {"content", " "}, {"start", -1}, {"stop", 0}},
                 "decoder.start: expected an integer from 0 to 1048576, found '-1'"},
        BadField{"/post_processor", {{"type", "Odd"}},
                 "post_processor: type 'Odd' is not supported, expected ByteLevel, TemplateProcessing, "
                 "RobertaProcessing, BertProcessing or a Sequence of them"},
        BadField{"/post_processor", {{"type", "BertProcessing"}, {"cls", {"x", 999}}, {"sep", {"x", 1}}},
                 "post_processor.cls: no token has the id 999"},
        BadField{"/post_processor",
                 {{"type", "TemplateProcessing"}, {"single", json::array()}},
                 "post_processor.single: the template has no Sequence"},
        BadField{"/post_processor",
                 {{"type", "TemplateProcessing"},
                  {"single", {{{"SpecialToken", {{"id", "<s>"}}}}}},
                  {"special_tokens", json::object()}},
                 "post_processor.single[0].SpecialToken.id: '<s>' is not among special_tokens"}));

INSTANTIATE_TEST_SUITE_P(
    AddedTokens, TokenizerBadField,
    testing::Values(
        BadField{"/added_tokens", 1, "added_tokens: expected an array, found '1'"},
        BadField{"/added_tokens/0/id", "262",
                 "added_tokens[0].id: expected an integer from 0 to 16777215, found '\"262\"'"},
        BadField{"/added_tokens/0/id", -5, "added_tokens[0].id: expected an integer from 0 to 16777215, found '-5'"},
        BadField{"/added_tokens/0/id", 18446744073709551615u,
                 "added_tokens[0].id: expected an integer from 0 to 16777215, found '18446744073709551615'"},
        BadField{"/added_tokens/0/id", 256, "added_tokens[0].id: 256 already belongs to 'he'"},
        BadField{"/added_tokens/1/content", "<s>", "added_tokens[1].id: '<s>' already has the id 262, found 263"},
        BadField{"/added_tokens/0/content", "", "added_tokens[0].content: is empty"},
        BadField{"/added_tokens/0/special", "no", "added_tokens[0].special: expected true or false, found '\"no\"'"}));

TEST(TokenizerBadFile, MissingFileFolderAndFields) {
  EXPECT_THROW(Tokenizer::load("/no/such/tokenizer.json"), Error);
  EXPECT_THROW(Tokenizer::load(testing::TempDir()), Error);
  EXPECT_EQ(refusal("{}"), "tokenizer.json: 'model' is missing");
  EXPECT_EQ(refusal("[]"), "tokenizer.json: expected an object, found 'array'");
  EXPECT_EQ(refusal(R"({"model": {"type": "BPE"}})"), "tokenizer.json: model: 'vocab' is missing");
}

TEST(TokenizerBadFile, ByteOrderMarks) {
  const TemporaryFolder folder;
  const auto path = folder.write("tokenizer.json", "\xEF\xBB\xBF" + small_tokenizer_json().dump());
  folder.write("tokenizer_config.json", "\xEF\xBB\xBF{\"eos_token\": \"he\"}");
  EXPECT_EQ(Tokenizer::load(path).eos_id(), 256);
  EXPECT_EQ(refusal("\xFE\xFF{}"), "tokenizer.json: expected UTF-8, found the byte order mark of UTF-16 or UTF-32");
}

TEST(TokenizerBadFile, WhatAMessageQuotesIsPrintable) {
  EXPECT_EQ(refusal_with("/model/type", "a\x1B[2J\xC2\x9B"),
            "tokenizer.json: model.type: 'a\\x1B[2J\\xC2\\x9B' is not supported, expected 'BPE'");
  EXPECT_EQ(refusal_with("/model/type", std::string(59, 'x') + "\xE5\xAD\x97"),
            "tokenizer.json: model.type: '" + std::string(59, 'x') + "...' is not supported, expected 'BPE'");
}

TEST(TokenizerBadFile, TruncatedAnywhere) {
  const std::string whole = small_tokenizer_json().dump();
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    EXPECT_TRUE(refusal(whole.substr(0, length)).starts_with("tokenizer.json:1: malformed JSON: column ")) << length;
  }
  EXPECT_TRUE(refusal(std::string(1000, '\xFF')).starts_with("tokenizer.json:1: malformed JSON: column "));
  EXPECT_TRUE(refusal(std::string(1000000, '[')).starts_with("tokenizer.json:1: malformed JSON: column "));
  EXPECT_EQ(refusal("[1e999]"), "tokenizer.json:1: malformed JSON: number overflow parsing '1e999'");
}

TEST(TokenizerBadFile, TheConfigBesideIt) {
  const TemporaryFolder folder;
  const auto path = folder.write("tokenizer.json", small_tokenizer_json().dump());
  for (const char* config :
       {"{", "[]", R"({"bos_token": 5})", R"({"eos_token": "<nowhere>"})", R"({"pad_token": {}})"}) {
    folder.write("tokenizer_config.json", config);
    try {
      Tokenizer::load(path);
      ADD_FAILURE() << config << " was accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("tokenizer_config.json:"), std::string::npos) << error.what();
    }
  }
}

TEST(TokenizerBadFile, AFileWithoutAnyByteToken) {
  json j = small_tokenizer_json();
  j["model"]["vocab"] = {{"<unknown>", 0}};
  j["model"]["merges"] = json::array();
  EXPECT_EQ(refusal(j.dump()),
            "tokenizer.json: model.vocab: has no token for any byte; expected a byte-level vocabulary");
}

}  // namespace
}  // namespace modr
