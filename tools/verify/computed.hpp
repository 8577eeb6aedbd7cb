#pragma once
#include <string>
#include <vector>

#include "ops/index.hpp"
#include "tensor/tensor.hpp"

namespace modr::tools {

/// How far off a number may be.
enum class Judged {
  relative,  // max|difference| / max|reference|
  absolute,  // |difference|
  exact,     // integers (choices, counts, words, steps)
};

/// What this program computed for one dataset of a reference file.
struct ComputedValues {
  std::string dataset;
  std::vector<double> values;
  Judged judged = Judged::relative;
  double tolerance = 0;
  RowMask mask;             // rows with 0 mean nothing: padding
  bool may_be_nan = false;  // NaN then has to meet NaN; elsewhere it is a failure on either side
};

struct Verdict {
  std::string group;
  bool right;
  std::string why;
};

/// Everything that was computed for one reference file. A dataset that is named here has to be in the file, so what a
/// file of a kind must hold is what is computed for it; compare() sees to that, and to what nothing was computed for.
class Computed {
 public:
  void relative(const std::string& dataset, const Tensor& values, double tolerance, RowMask mask = nullptr) {
    relative(dataset, values.to_vector(), tolerance, std::move(mask));
  }
  void relative(const std::string& dataset, std::vector<double> values, double tolerance, RowMask mask = nullptr) {
    datasets_.push_back({dataset, std::move(values), Judged::relative, tolerance, std::move(mask)});
  }
  /// The same, where NaN has a meaning ("not looked at").
  void relative_or_nan(const std::string& dataset, std::vector<double> values, double tolerance) {
    datasets_.push_back({dataset, std::move(values), Judged::relative, tolerance, nullptr, true});
  }
  void absolute(const std::string& dataset, double value, double tolerance) {
    datasets_.push_back({dataset, {value}, Judged::absolute, tolerance, nullptr});
  }
  template <typename Integer>
  void exact(const std::string& dataset, const std::vector<Integer>& values, RowMask mask = nullptr) {
    datasets_.push_back({dataset, {values.begin(), values.end()}, Judged::exact, 0, std::move(mask)});
  }
  /// What was found of a group beside the values of its datasets.
  void verdict(const std::string& group, bool right, const std::string& why) {
    verdicts_.push_back({group, right, why});
  }
  /// A group in which the file should have something, and has nothing.
  void empty_group(const std::string& group) { verdict(group, false, "expected something in it"); }

  const std::vector<ComputedValues>& datasets() const { return datasets_; }
  const std::vector<Verdict>& verdicts() const { return verdicts_; }

 private:
  std::vector<ComputedValues> datasets_;
  std::vector<Verdict> verdicts_;
};

}  // namespace modr::tools
