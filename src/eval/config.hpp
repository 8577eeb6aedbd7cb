#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modr {

/// How a problem with choices is answered: by the likelihood of each choice, by extracting the choice from generated
/// text, or (automatic) as its format suggests.
enum class ChoiceScoring { automatic, likelihood, generate };

std::string_view name_of(ChoiceScoring scoring);
/// "auto", "likelihood" or "generate"; throws Error for another name.
ChoiceScoring parse_choice_scoring(std::string_view name);

/// What an evaluation runs, and how.
struct EvalConfig {
  std::string data = {};                ///< folder with the tasks' files
  std::vector<std::string> tasks = {};  ///< names within it, or "all"
  std::vector<int64_t> num_steps = {};  ///< every task is run with each; empty: the model's mean recurrence
  int64_t max_new_tokens = 256;
  int64_t batch = 16;  ///< problems that one rank answers at a time
  int64_t limit = 0;   ///< the first problems of every task; 0: all
  uint64_t seed = 0;   ///< of the initial states
  std::string cache = "full";  ///< see parse_cache_config()
  std::string exit = {};       ///< "criterion" or "criterion:threshold" of per-token early exit; empty: none
  ChoiceScoring choices = ChoiceScoring::automatic;
  bool length_normalise = false;  ///< divide a choice's log-likelihood by its tokens
  std::string output = {};        ///< folder of summary.json and samples.jsonl; empty: none

  /// Throws Error that names the field ("eval.<field>"), what is expected and what was found.
  void validate() const;
};

}  // namespace modr
