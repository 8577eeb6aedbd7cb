#include "base/text_table.hpp"

#include <gtest/gtest.h>

#include "support/expect_error.hpp"

namespace modr {
namespace {

TEST(TextTable, AlignsColumnsByCodePointsAndDropsEmptyOnes) {
  TextTable table({"name", "empty", "n"}, {TextTable::Align::left});
  table.add({"ä", "", "1"});
  table.add_rule();
  table.add_rule();
  table.add({"longer", "", "1000"});
  table.add_rule();
  EXPECT_EQ(table.text(), "name       n\n"
                          "------------\n"
                          "ä          1\n"
                          "------------\n"
                          "longer  1000\n");
  expect_error([&] { table.add({"too", "short"}); }, {"2 texts for 3 columns"});
}

TEST(TextTable, ColoursHaveNoWidth) {
  TextTable table({"\033[1mname\033[0m", "verdict"}, {TextTable::Align::left, TextTable::Align::right});
  table.add({"\033[32mab\033[0m", "\033[31mFAILED\033[0m"});
  table.add({"longer", "ok"});
  EXPECT_EQ(table.text(), "\033[1mname\033[0m    verdict\n"
                          "---------------\n"
                          "\033[32mab\033[0m       \033[31mFAILED\033[0m\n"
                          "longer       ok\n");
}

TEST(TextTable, AsMarkdown) {
  TextTable table({"name", "empty", "n"}, {TextTable::Align::left});
  table.add({"a", "", "1"});
  table.add_rule();
  table.add({"longer", "", "1000"});
  EXPECT_EQ(table.markdown(), "| name | n |\n"
                              "| :-- | --: |\n"
                              "| a | 1 |\n"
                              "| longer | 1000 |\n");
}

}  // namespace
}  // namespace modr
