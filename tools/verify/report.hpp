#pragma once
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace modr::tools {

/// A line of the report: one dataset, its error and what was allowed.
struct VerifyRow {
  std::string what, kind;
  double error, tolerance;
  std::string detail;  // where the largest error stands, or why this is a failure

  bool ok() const { return error <= tolerance && std::isfinite(error); }
};

/// What came of comparing a file with what was computed.
class VerifyReport {
 public:
  void add(VerifyRow row) { rows_.push_back(std::move(row)); }
  /// A failure that is not a matter of size.
  void fail(std::string what, std::string kind, std::string why);

  /// Whether there is something in it and all of it is right.
  bool passed() const;
  const std::vector<VerifyRow>& rows() const { return rows_; }
  /// One line a comparison, aligned; colours when `colour`.
  std::string table(bool colour) const;

 private:
  std::vector<VerifyRow> rows_;
};

}  // namespace modr::tools
