#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"

namespace modr {

/// Runs `action`, which must throw modr::Error with one line that holds every one of `parts`.
template <typename Action>
void expect_error(Action action, const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
}

}  // namespace modr
