#pragma once
#include <cstdint>

namespace modr {

/// What a rank is doing, as messages about lost ranks tell it: "dispatch, step 5, recurrence 3".
/// `comm.announce({.phase = "dispatch", .step = 5, .recurrence = 3})`.
struct Activity {
  char phase[24] = "";
  int64_t step = -1;        // -1: none
  int64_t recurrence = -1;  // -1: none

  friend bool operator==(const Activity&, const Activity&) = default;
};

}  // namespace modr
