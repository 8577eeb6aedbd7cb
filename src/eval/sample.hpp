#pragma once
// One answered problem, and how many make a score.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modr {

struct Sample {
  int64_t index = 0;              // of the problem in its task
  std::string output;             // the generated text, or the text of the likeliest choice
  std::string extracted;          // the number or choice found; empty: none
  bool right = false;
  bool too_long = false;          // the question leaves no room for an answer in the model's block size: not answered
  int64_t tokens = 0;             // generated, or scored in all choices
  double mean_steps = 0;          // recurrences a token took, on average
  std::vector<int64_t> branches;  // [n_branches]: how often each was chosen; empty without a router
};

/// What one rank did at a time.
struct Answers {
  std::vector<Sample> samples;
  double seconds = 0;
};

/// Answers as text, to travel between ranks, and back.
std::string pack(const Answers& answers);
Answers unpack(std::string_view text);

/// Adds counts of branches; an empty sum counts as zeros.
void add_counts(std::vector<int64_t>& sum, const std::vector<int64_t>& counts);

/// Standard error of a share, sqrt(p (1 - p) / n); 0 for n = 0.
double standard_error(int64_t right, int64_t n);

}  // namespace modr
