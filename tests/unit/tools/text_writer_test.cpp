#include "tools/cli/text_writer.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace modr::tools {
namespace {

std::vector<std::string> written(bool by_lines) {
  std::vector<std::string> writes;
  TextWriter writer([&](std::string_view text) { writes.emplace_back(text); }, by_lines);
  for (const char* piece : {"Tom", "", " has", "\nthree\nap", "ples", "\n", "."}) writer.push(piece);
  writer.finish();
  return writes;
}

TEST(TextWriter, WritesPiecesAsTheyCome) {
  EXPECT_EQ(written(false), (std::vector<std::string>{"Tom", " has", "\nthree\nap", "ples", "\n", ".", "\n"}));
}

TEST(TextWriter, WritesNoBeginningsOfLines) {
  EXPECT_EQ(written(true), (std::vector<std::string>{"Tom has\nthree\n", "apples\n", ".\n"}));
}

}  // namespace
}  // namespace modr::tools
