#pragma once
// The two kinds of failure. (Without fmt, whose checked formats nvcc does not take; the checks are in error.hpp.)
#include <stdexcept>

namespace modr {

/// A failure that a person can act on: its text names the place (file, field, line, rank) and what was expected.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wrong use of the command line: `modr` exits with 2 rather than 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// What `modr` exits with.
namespace exit_code {
inline constexpr int ok = 0;
inline constexpr int failed = 1;
inline constexpr int wrong_use = 2;
inline constexpr int ranks_lost = 3;   // ranks that disagree or do not come, see comm/comm_error.hpp
inline constexpr int interrupted = 4;  // by a signal or a time limit; all is saved, and to be continued
}  // namespace exit_code

}  // namespace modr
