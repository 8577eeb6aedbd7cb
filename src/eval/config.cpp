#include "eval/config.hpp"

#include "base/error.hpp"
#include "eval/generation_options.hpp"

namespace modr {

namespace {

// What a parser of another room says about the value of a field, with the field in front.
template <typename Parse>
void check_text(const char* field, Parse parse) {
  try {
    parse();
  } catch (const Error& error) {
    fail("eval.{}: {}", field, error.what());
  }
}

}  // namespace

std::string_view name_of(ChoiceScoring scoring) {
  switch (scoring) {
    case ChoiceScoring::automatic: return "auto";
    case ChoiceScoring::likelihood: return "likelihood";
    case ChoiceScoring::generate: return "generate";
  }
  fail("unknown way of scoring choices");
}

ChoiceScoring parse_choice_scoring(std::string_view name) {
  for (ChoiceScoring scoring : {ChoiceScoring::automatic, ChoiceScoring::likelihood, ChoiceScoring::generate})
    if (name_of(scoring) == name) return scoring;
  fail("choices: expected auto, likelihood or generate, found '{}'", name);
}

void EvalConfig::validate() const {
  const auto at_least = [](const char* field, int64_t value, int64_t low) {
    if (value < low) fail("eval.{}: expected a number of at least {}, found {}", field, low, value);
  };
  if (data.empty()) fail("eval.data: expected a folder, found none");
  if (tasks.empty()) fail("eval.tasks: expected at least one task, found none");
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (tasks[i].empty()) fail("eval.tasks[{}]: expected a task's name, found an empty text", i);
  for (int64_t steps : num_steps) {
    constexpr int64_t most = 10000;  // as model.mean_recurrence: the cache is made for all of them
    if (steps < 1 || steps > most) fail("eval.num_steps: expected numbers from 1 to {}, found {}", most, steps);
  }
  at_least("max_new_tokens", max_new_tokens, 1);
  at_least("batch", batch, 1);
  at_least("limit", limit, 0);
  check_text("cache", [&] { parse_cache_config(cache); });
  if (!exit.empty()) check_text("exit", [&] { parse_exit_spec(exit); });
}

}  // namespace modr
