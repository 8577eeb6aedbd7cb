#include "tools/bench/table.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace modr::tools {
namespace {

std::vector<BenchTable> example() {
  BenchTable first{"step", "Step time", "Medians of 3.", {{"unit", "unit"}, {"time_ms", "time, ms"}, {"n", "n"}}, {}};
  first.rows.push_back({"token", 12.3456, int64_t{4}});
  first.rows.push_back({"sequence", BenchValue{}, int64_t{16}});
  return {first};
}

TEST(BenchTable, Text) {
  EXPECT_EQ(format_tables({}, example(), BenchFormat::text),
            "Step time\n"
            "Medians of 3.\n\n"
            "unit      time, ms   n\n"
            "----------------------\n"
            "token         12.3   4\n"
            "sequence         -  16\n");
}

TEST(BenchTable, Markdown) {
  EXPECT_EQ(format_tables({}, example(), BenchFormat::markdown),
            "### Step time\n\n"
            "Medians of 3.\n\n"
            "| unit | time, ms | n |\n"
            "| :-- | --: | --: |\n"
            "| token | 12.3 | 4 |\n"
            "| sequence | - | 16 |\n");
}

TEST(BenchTable, JsonKeepsAllDigits) {
  const auto json = nlohmann::json::parse(
      format_tables({{"ranks", int64_t{4}}, {"benchmark", "exchange"}}, example(), BenchFormat::json));
  EXPECT_EQ(json, nlohmann::json::parse(R"({"ranks": 4, "benchmark": "exchange", "step": [
    {"unit": "token", "time_ms": 12.3456, "n": 4}, {"unit": "sequence", "time_ms": null, "n": 16}]})"));
}

TEST(BenchTable, ThreeDigits) {
  EXPECT_EQ(three_digits(0.01234), "0.012");
  EXPECT_EQ(three_digits(1.234), "1.23");
  EXPECT_EQ(three_digits(99.96), "100");
  EXPECT_EQ(three_digits(-12.34), "-12.3");
  EXPECT_EQ(three_digits(1234.5), "1234");
  EXPECT_EQ(three_digits(0), "0.000");
}

}  // namespace
}  // namespace modr::tools
