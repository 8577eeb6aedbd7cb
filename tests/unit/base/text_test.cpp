#include "base/text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/integer.hpp"
#include "base/json_text.hpp"
#include "base/softmax.hpp"

namespace modr {
namespace {

using Parts = std::vector<std::string_view>;

TEST(Split, KeepsEveryPart) {
  EXPECT_EQ(split("a,bc,d", ','), (Parts{"a", "bc", "d"}));
  EXPECT_EQ(split("a.b", ','), Parts{"a.b"});
  EXPECT_EQ(split("", ','), Parts{""});
  EXPECT_EQ(split(",a,,", ','), (Parts{"", "a", "", ""}));
}

TEST(Trim, TakesBlanksFromBothEnds) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("00120", "0"), "12");
  EXPECT_EQ(trim("\u00A0a"), "\u00A0a");  // only those that are named
}

TEST(CountText, GroupsThreeDigits) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(-1234567), "-1,234,567");
}

TEST(ByteText, TakesTheLargestUnitBelow) {
  EXPECT_EQ(byte_text(1023), "1023 bytes");
  EXPECT_EQ(byte_text(1024), "1.0 KiB");
  EXPECT_EQ(byte_text(uint64_t{3} << 29), "1.5 GiB");
}

TEST(RoundingUp, OfCounts) {
  EXPECT_EQ(ceil_div(0, 4), 0);
  EXPECT_EQ(ceil_div(1, 4), 1);
  EXPECT_EQ(ceil_div(8, 4), 2);
  EXPECT_EQ(ceil_div(9, 4), 3);
  EXPECT_EQ(round_up(std::size_t{4097}, std::size_t{4096}), 8192u);
  EXPECT_EQ(round_up(8, 4), 8);
}

TEST(Softmax, OfOneRow) {
  const std::vector<float> logits{1000, 1001, 998};
  const double sum = 1 + std::exp(1.0) + std::exp(-2.0);
  const std::vector<double> p = softmax_in_double(std::span<const float>(logits));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_DOUBLE_EQ(p[i], std::exp(double{logits[i]} - 1000) / sum);
    EXPECT_DOUBLE_EQ(log_softmax_at(std::span<const float>(logits), i), std::log(p[i]));
  }
}

std::string refusal(std::string_view text, int64_t first_line = 1) {
  try {
    parse_json(text, "a.json", first_line);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ParseJson, NamesThePlace) {
  EXPECT_EQ(parse_json("{\"a\": 1}", "a.json").at("a"), 1);
  EXPECT_TRUE(refusal("[1,\n 2,,]").starts_with("a.json:2: malformed JSON: column 4: syntax error while parsing value"))
      << refusal("[1,\n 2,,]");
  EXPECT_TRUE(refusal("", 7).starts_with("a.json:7: malformed JSON: column 1: ")) << refusal("", 7);
  EXPECT_TRUE(refusal("[\"a\nb\"]").starts_with("a.json:1: malformed JSON: column 4: ")) << refusal("[\"a\nb\"]");
  EXPECT_LT(refusal("\"" + std::string(100'000, 'x')).size(), 300u);
}

TEST(ParseJson, NumbersThatDoNotFitHaveNoColumn) {
  EXPECT_EQ(refusal("[1e999]", 3), "a.json:3: malformed JSON: number overflow parsing '1e999'");
  EXPECT_EQ(refusal("[\n1e999]", 3), "a.json: malformed JSON: number overflow parsing '1e999'");
}

}  // namespace
}  // namespace modr
