#include "base/printable.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

TEST(Printable, OrdinaryTextStays) {
  const std::string text = "caf\xC3\xA9 \xE5\xAD\x97 \xF0\x9F\xA9\xB7 \\ '%'";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, BytesThatAreNotUtf8) {
  EXPECT_EQ(printable("caf\xE9 3"), "caf\\xE9 3");
  EXPECT_EQ(printable("\xFF\xC3"), "\\xFF\\xC3");
  EXPECT_EQ(printable("\xED\xA0\x80" "a\xE2\x82"), "\\xED\\xA0\\x80a\\xE2\\x82");  // a surrogate; an end cut off
}

TEST(Printable, WhatATerminalWouldObey) {
  EXPECT_EQ(printable("a\x1B[2Jb\n\t\x7F"), "a\\x1B[2Jb\\x0A\\x09\\x7F");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xC2\x9B" "31m"), "\\xC2\\x9B31m");                  // U+009B, a control sequence's beginning
  EXPECT_EQ(printable("\xE2\x80\xA8\xE2\x80\xAE"), "\\xE2\\x80\\xA8\\xE2\\x80\\xAE");  // a line end; right to left
}

TEST(Printable, EveryLineOfTheLog) {
  testing::internal::CaptureStderr();
  log("reading {}", "a\xE9\x1B.json");
  warn("{}", "b\nc");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "reading a\\xE9\\x1B.json\nwarning: b\\x0Ac\n");
}

TEST(ByteOrderMark, IsPassedOverOnlyInUtf8) {
  EXPECT_EQ(skip_byte_order_mark("\xEF\xBB\xBF[1]", "a.json"), "[1]");
  EXPECT_EQ(skip_byte_order_mark("[1]\xEF\xBB\xBF", "a.json"), "[1]\xEF\xBB\xBF");
  EXPECT_EQ(skip_byte_order_mark("\xEF\xBB", "a.json"), "\xEF\xBB");
  EXPECT_EQ(skip_byte_order_mark("", "a.json"), "");
  for (const std::string_view text : {std::string_view("\xFF\xFE[\0", 4), std::string_view("\0\0\xFE\xFF", 4)}) {
    try {
      skip_byte_order_mark(text, "a.json");
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), "a.json: expected UTF-8, found the byte order mark of UTF-16 or UTF-32");
    }
  }
}

}  // namespace
}  // namespace modr
