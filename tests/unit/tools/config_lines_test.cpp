#include "tools/cli/config_lines.hpp"

#include <gtest/gtest.h>

#include "support/expect_error.hpp"

namespace modr::tools {
namespace {

using Lines = std::map<std::string, std::string>;

TEST(ConfigLines, EveryValueHasALine) {
  EXPECT_EQ(config_lines("a: {b: 1, c: ~}\nd: [x, {e: 'y z'}]\nf: []\n", "file"),
            (Lines{{"a.b", "1"}, {"a.c", "~"}, {"d.0", "x"}, {"d.1.e", "y z"}}));
  EXPECT_EQ(config_lines("a: &a {b: 1}\nc: *a\n", "file"), (Lines{{"a.b", "1"}, {"c.b", "1"}}));
}

TEST(ConfigLines, DamagedTextsAreRefused) {
  expect_error([] { config_lines("a: [", "file"); }, {"file: config: "});
  expect_error([] { config_lines("a: &a {b: *a}", "file"); }, {"file: config: a.b.b.", "more than 64 levels deep"});
  std::string bomb = "a0: &a0 [x, x]\n";  // forty levels of two aliases each: 2^40 lines
  for (int i = 1; i < 40; ++i) bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  expect_error([&] { config_lines(bomb, "file"); }, {"file: config: expected at most 4194304 bytes of keys"});
}

}  // namespace
}  // namespace modr::tools
