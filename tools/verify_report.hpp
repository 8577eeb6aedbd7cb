#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "ops/index.hpp"
#include "tensor/tensor.hpp"

namespace modr::tools {

/// What is allowed, as max|difference| / max|reference| (the loss: absolute). Infinity: any finite error.
struct Tolerances {
  double logits, states, gradients, loss;
};

/// Collects comparisons with reference numbers and prints them as a table, the worst of each kind.
class VerifyReport {
 public:
  /// Compares max|got - want| / max|want|; NaNs must meet NaNs. With `mask`, rows with 0 are left out.
  void relative(const std::string& what, const Tensor& got, const Tensor& want, double tolerance,
                const RowMask& mask = nullptr);
  void relative(const std::string& what, const std::vector<double>& got, const std::vector<double>& want,
                double tolerance);
  void absolute(const std::string& what, double got, double want, double tolerance);
  /// Integers (choices, counts, words, steps) must be equal.
  void exact(const std::string& what, const std::vector<int64_t>& got, const std::vector<int64_t>& want);

  bool passed() const;
  /// One line a comparison, aligned; colours when `colour`.
  std::string table(bool colour) const;

 private:
  struct Row {
    std::string what, kind;
    double error, tolerance;
    std::string detail;  // where the largest error stands

    bool ok() const { return error <= tolerance && std::isfinite(error); }
  };
  std::vector<Row> rows_;
};

}  // namespace modr::tools
