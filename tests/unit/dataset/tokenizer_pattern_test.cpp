// Oniguruma's patterns through PCRE2; every expectation was taken from the Hugging Face tokenizers library.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tokenizer_support.hpp"

namespace modr {
namespace {

using Pieces = std::vector<std::string>;

Pieces matches(const std::string& regex, const std::string& text) {
  return pieces_of({split_step(regex, "Removed", true)}, text);
}

TEST(OnigurumaPattern, Gpt4AndLlama3) {
  const char* pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
      R"([^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(matches(pattern, "it'S-we'LL:12345!!\n\n"), (Pieces{"it", "'S", "-we", "'LL", ":", "123", "45", "!!\n\n"}));
}

TEST(OnigurumaPattern, ClassesNestAndIntersect) {
  EXPECT_EQ(matches(R"([^(\s|[.,])]+)", "ab(c|d.e,f"), (Pieces{"ab", "c", "d", "e", "f"}));  // as in BLOOM
  EXPECT_EQ(matches("[a-z&&[^aeiou]]+", "hello"), (Pieces{"h", "ll"}));
  EXPECT_EQ(matches("[^a-z&&[^aeiou]]+", "he3LLo"), (Pieces{"e3LLo"}));
  EXPECT_EQ(matches("[a[^b]]+", "abcab"), (Pieces{"a", "ca"}));
  EXPECT_EQ(matches(R"([^\W\d]+)", "ab1_c"), (Pieces{"ab", "_c"}));
  EXPECT_EQ(matches("[]a]+", "a]b"), (Pieces{"a]"}));
  EXPECT_EQ(matches(R"([\w-]+)", "a-b,c"), (Pieces{"a-b", "c"}));
}

TEST(OnigurumaPattern, SetsOfCharacters) {
  EXPECT_EQ(matches(R"(\h+)", "xyzaf09"), (Pieces{"af09"}));
  EXPECT_EQ(matches(R"(\p{^Letter}+|\p{Han})", "ab12\xE5\xAD\x97"), (Pieces{"12", "\xE5\xAD\x97"}));
  EXPECT_EQ(matches(R"(\v)", "\x0B\n"), (Pieces{"\x0B"}));
  EXPECT_EQ(matches(R"(\w+)", "a\xC2\xBD" "e\xCC\x81."), (Pieces{"a\xC2\xBD" "e\xCC\x81"}));
  EXPECT_EQ(matches(R"([\w]+)", "a\xC2\xBD" "e"), (Pieces{"a", "e"}));  // Oniguruma's own inconsistency
  EXPECT_EQ(matches(R"(a\b)", "a\xCC\x81,a_a.a"), (Pieces{"a", "a"}));
  EXPECT_EQ(matches("[[:punct:]]+", "a_+\xF0\x9F\x98\x80" "b"), (Pieces{"_+\xF0\x9F\x98\x80"}));
  EXPECT_EQ(matches(R"(\p{Punct}+)", "a_+b"), (Pieces{"_"}));
  EXPECT_EQ(matches(R"(\p{Word}+)", "a\xC2\xBD."), (Pieces{"a\xC2\xBD"}));
  EXPECT_EQ(matches(R"(\R)", "a\r\n\n\xC2\x85"), (Pieces{"\r\n", "\n", "\xC2\x85"}));
  EXPECT_EQ(matches(R"(.\N)", "\xC3\xA9" "b\nc"), (Pieces{"\xC3\xA9" "b"}));
}

TEST(OnigurumaPattern, CharactersNewerThanTheInstalledPcre2) {
  const std::string emoji = "\xF0\x9F\xA9\xB7", ideograph = "\xF0\xB1\x8D\x90";  // U+1FA77 and U+31350: Unicode 15
  EXPECT_EQ(matches(R"(\p{So}+)", "a" + emoji + "b"), (Pieces{emoji}));
  EXPECT_EQ(matches(R"([^\s\p{L}\p{N}]+)", "a" + emoji + "b"), (Pieces{emoji}));
  EXPECT_EQ(matches(R"(\p{Han}+)", "a" + ideograph + "\xE5\xAD\x97"), (Pieces{ideograph + "\xE5\xAD\x97"}));
  EXPECT_EQ(matches(R"(\p{Cn})", "\xF0\x91\xB7\xA0"), (Pieces{"\xF0\x91\xB7\xA0"}));  // U+11DE0: Unicode 17
  // U+10D50 and U+10D70 are a letter of Unicode 16 in both cases.
  EXPECT_EQ(matches("(?i:\xF0\x90\xB5\x90)", "\xF0\x90\xB5\xB0"), (Pieces{"\xF0\x90\xB5\xB0"}));
}

TEST(OnigurumaPattern, ScriptsAreNotTheirExtensions) {
  const std::string text = "\xE5\xAD\x97\xE3\x80\x82\xE3\x83\xBC\xE3\x81\x82";  // 字。ーあ
  EXPECT_EQ(matches(R"(\p{Han}+)", text), (Pieces{"\xE5\xAD\x97"}));
  EXPECT_EQ(matches(R"(\p{Hiragana}+)", text), (Pieces{"\xE3\x81\x82"}));
  EXPECT_EQ(matches(R"([\p{L}&&[^\p{Hani}]]+)", text), (Pieces{"\xE3\x83\xBC\xE3\x81\x82"}));
}

TEST(OnigurumaPattern, CaseMattersWhereOnigurumaSaysSo) {
  EXPECT_EQ(matches("(?i:'s)", "'s'S'\xC5\xBF't"), (Pieces{"'s", "'S", "'\xC5\xBF"}));
  EXPECT_EQ(matches("(?i:k)x|k(?-i)y", "\xE2\x84\xAAxKy"), (Pieces{"\xE2\x84\xAAx"}));
  EXPECT_EQ(matches(R"((?i:\p{Lu})|\d)", "aA1"), (Pieces{"A", "1"}));  // a property by itself keeps its case
  EXPECT_EQ(matches(R"((?i:[\p{Lu}]))", "aA1"), (Pieces{"a", "A"}));
  EXPECT_EQ(matches("(?i:[^a])", "aAb"), (Pieces{"b"}));
  EXPECT_EQ(matches("(?i:[[^a]])", "aAb"), (Pieces{"a", "A", "b"}));
}

TEST(OnigurumaPattern, MoreKindsOfCharactersThanAByteHolds) {
  std::string letters, pattern;
  for (char32_t c = 0x4E00; c < 0x4E00 + 129; ++c) {
    letters += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
                static_cast<char>(0x80 | (c & 0x3F))};
    pattern += (pattern.empty() ? "" : "|") + letters.substr(letters.size() - 3);
  }
  EXPECT_EQ(matches("[" + letters + "]+", letters), (Pieces{letters}));  // all of one kind
  EXPECT_THROW(matches(pattern, letters), Error);
}

TEST(OnigurumaPattern, Quantifiers) {
  EXPECT_EQ(matches("a{1,2}+", "aaaaa"), (Pieces{"aaaaa"}));
  EXPECT_EQ(matches("a{,2}", "aaaa"), (Pieces{"aa", "aa"}));
  EXPECT_EQ(matches("a{2}?", "aaaaa"), (Pieces{"aa", "aa"}));
  EXPECT_EQ(matches("(ab){2}*c", "ababc"), (Pieces{"ababc"}));
  EXPECT_EQ(matches("a{1,2}?", "aaa"), (Pieces{"a", "a", "a"}));
  EXPECT_EQ(matches("{|}|a{x", "{b}a{x"), (Pieces{"{", "}", "a{x"}));
}

TEST(OnigurumaPattern, OptionsReachToTheEndOfTheirGroup) {
  EXPECT_EQ(matches("x(?i)a|b", "xA,B,xB,b"), (Pieces{"xA", "xB"}));
  EXPECT_EQ(matches("(?m:a.b)", "a\nb"), (Pieces{"a\nb"}));
  EXPECT_EQ(matches("^b$|c\\z", "a\nb\nc"), (Pieces{"b", "c"}));
}

TEST(OnigurumaPattern, AnEmptyMatchOnlySplits) {
  EXPECT_EQ(pieces_of({split_step("(?=[A-Z])", "Isolated")}, "oneTwoThree"), (Pieces{"one", "Two", "Three"}));
}

TEST(OnigurumaPattern, DeepBacktrackingOutgrowsTheJitStackOnly) {
  const std::string text(200000, 'a');
  EXPECT_EQ(matches("(?:a|b)*", text), (Pieces{text}));
}

TEST(OnigurumaPattern, WhatIsNotSupportedSaysWhere) {
  const std::vector<std::pair<const char*, const char*>> patterns = {
      {"a(b", "')' is missing"},       {"a)", "')' without '('"},          {"*a", "nothing to repeat"},
      {"[a", "the pattern ends"},      {"[]", "the pattern ends"},         {"[a&&]", "is empty"},
      {"\\q", "\\q is not supported"}, {"\\", "the pattern ends"},         {"\\p{L", "'}' is missing"},
      {"(?i:fuss)", "several equal one"}, {"(?i:x|\xC3\x9F)", "several others"},
      {"(a)\\1", "what a group has matched"}, {"\\p{Klingon}", "unknown property"},
      {"\\x{110000}", "code point"},   {"\\xFF", "above 7F"},
      {"(?~a)", "kind of group"},      {"(?x)a b", "kind of group"},       {"[z-a]", "range out of order"},
      {"(?<=a+)b", "lookbehind"},      {"a{99999}", "number too big"},     {"\\u12", "the pattern ends"}};
  for (const auto& [pattern, reason] : patterns) {
    try {
      matches(pattern, "a");
      ADD_FAILURE() << pattern << " was accepted";
    } catch (const Error& error) {
      const std::string message = error.what();
      const char* place = "pre_tokenizer.pretokenizers[0].pattern.Regex: regular expression";
      EXPECT_NE(message.find(place), message.npos) << message;
      EXPECT_NE(message.find(reason), message.npos) << pattern << ": " << message;
      EXPECT_EQ(message.find('\n'), message.npos) << message;
    }
  }
  EXPECT_THROW(matches(std::string(100000, '['), "a"), Error);
  EXPECT_THROW(matches(std::string(100000, '('), "a"), Error);
}

}  // namespace
}  // namespace modr
