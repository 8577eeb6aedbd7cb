#pragma once
#include <string>

#include "base/error.hpp"

namespace modr {

/// Ranks have lost each other: they call different things, or one did not come in time. The text is about all of them,
/// and every rank that noticed throws it; one of them is to tell it, and all are to end the job with
/// exit_code::ranks_lost. After it this process communicates no more: each further call throws it again.
class CommError : public Error {
 public:
  CommError(const std::string& text, bool speaks) : Error(text), speaks_(speaks) {}

  /// Whether this rank is the one to tell it.
  bool speaks() const { return speaks_; }

 private:
  bool speaks_;
};

}  // namespace modr
